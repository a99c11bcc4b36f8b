import type { DeviceEvent, GeofenceEvent } from '../../../contract/index.ts'
import type { Queryable } from '../database.ts'

export interface AlertRow {
  readonly event_time: number
  /** Order of storing; settles the order of events of the same time. */
  readonly seq: number
  readonly body: GeofenceEvent | DeviceEvent
}

export interface AlertFilter {
  /** Null means all devices of the organisation. */
  readonly visible: readonly string[] | null
  readonly deviceId?: string | undefined
  readonly fenceId?: string | undefined
  /** `correction`: those of fences and of rules. Any other kind: the events themselves, no corrections. */
  readonly event?: string | undefined
  /** Only what stands: neither corrections nor what they took back. */
  readonly standing?: boolean | undefined
  /** Milliseconds, inclusive. */
  readonly from?: number | undefined
  /** Milliseconds, exclusive. */
  readonly to?: number | undefined
  /** `[event_time, seq]` of the last event of the page before. */
  readonly before?: readonly [number, number] | undefined
  readonly limit: number
}

/** Stored events of fences and rules, newest first: descending by the fix's time, then by the order of storing. */
export function listAlerts(db: Queryable, org: string, filter: AlertFilter): Promise<AlertRow[]> {
  const [beforeTime, beforeSeq] = filter.before ?? [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]
  return db.query<AlertRow>(
    `select event_time, seq, body from events
     where org = $1 and ($2::text[] is null or device_id = any($2))
       and ($3::text is null or device_id = $3) and ($4::text is null or fence_id = $4)
       and ($5::text is null or ($5 = 'correction') = (retracts is not null) and $5 in (event, 'correction'))
       and (not $6 or (retracts is null and retracted_at is null))
       and event_time >= $7 and event_time < $8 and (event_time, seq) < ($9::bigint, $10::bigint)
     order by event_time desc, seq desc limit $11`,
    [
      org,
      filter.visible,
      filter.deviceId ?? null,
      filter.fenceId ?? null,
      filter.event ?? null,
      filter.standing ?? false,
      filter.from ?? Number.MIN_SAFE_INTEGER,
      filter.to ?? Number.MAX_SAFE_INTEGER,
      beforeTime,
      beforeSeq,
      filter.limit,
    ],
  )
}
