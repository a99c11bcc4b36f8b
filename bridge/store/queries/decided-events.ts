import type { DeviceEvent, GeofenceEvent } from '../../../contract/index.ts'
import type { Queryable } from '../database.ts'

/** What became of an event of the engine. */
export interface DecidedEventRow {
  /** The engine's id: the same for every revision. */
  readonly base_id: string
  readonly stored_at: number
  /** When it was taken back; null: it stands. */
  readonly retracted_at: number | null
  /** The time of the fix or of the clock that decided it. */
  readonly cause_time: number
  readonly body: GeofenceEvent | DeviceEvent
}

const COLUMNS = 'base_id, stored_at, retracted_at, cause_time, body'

/** The revisions of these events of the engine, oldest first. */
export function findDecidedEvents(
  db: Queryable,
  org: string,
  deviceId: string,
  baseIds: readonly string[],
): Promise<DecidedEventRow[]> {
  return db.query<DecidedEventRow>(
    `select ${COLUMNS} from events e where org = $1 and id = any($3) and device_id = $2
     union all
     select ${COLUMNS} from events e where org = $1 and base_id = any($3) and device_id = $2 and revision > 0
     order by stored_at`,
    [org, deviceId, baseIds],
  )
}

/** What was announced of a device and decided from one time to another, both inclusive; `subject` is a fence's id. */
export function listDecidedEvents(
  db: Queryable,
  org: string,
  deviceId: string,
  range: { from: number; to: number; fenceId?: string | undefined; limit: number },
): Promise<DecidedEventRow[]> {
  return db.query<DecidedEventRow>(
    `select ${COLUMNS} from events
     where org = $1 and device_id = $2 and cause_time >= $3 and cause_time <= $4 and retracts is null
       and ($5::text is null or fence_id = $5)
     order by cause_time, seq limit $6`,
    [org, deviceId, range.from, range.to, range.fenceId ?? null, range.limit],
  )
}
