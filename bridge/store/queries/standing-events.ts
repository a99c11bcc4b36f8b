import type { DeviceEvent, GeofenceEvent } from '../../../contract/index.ts'
import type { Queryable } from '../database.ts'

export interface StandingEventRow {
  readonly event_time: number
  readonly seq: number
  readonly body: GeofenceEvent | DeviceEvent
}

/** What was announced of a device and not taken back, ascending by time; `from` inclusive, `to` exclusive, milliseconds. */
export function listStandingEvents(
  db: Queryable,
  org: string,
  deviceId: string,
  range: { from: number; to: number; after?: readonly [number, number] | undefined; limit: number },
): Promise<StandingEventRow[]> {
  const [afterTime, afterSeq] = range.after ?? [Number.MIN_SAFE_INTEGER, 0]
  return db.query<StandingEventRow>(
    `select event_time, seq, body from events
     where org = $1 and device_id = $2 and event_time >= $3 and event_time < $4
       and (event_time, seq) > ($5::bigint, $6::bigint) and retracts is null and retracted_at is null
     order by event_time, seq limit $7`,
    [org, deviceId, range.from, range.to, afterTime, afterSeq, range.limit],
  )
}
