import type { Location, LocationUpdate } from '../../../contract/index.ts'
import type { Queryable } from '../database.ts'
import type { ClockRepair } from '../fixes.ts'

export interface FixRow {
  readonly fix_time: number
  readonly lat: number
  readonly lng: number
  readonly accuracy: number | null
  readonly speed: number | null
  readonly heading: number | null
  readonly altitude: number | null
  /** What a fix carries beside its location: `userId`, `metadata`, `attributes`; and what was done to its time. */
  readonly details: (Pick<LocationUpdate, 'userId' | 'metadata' | 'attributes'> & { clock?: ClockRepair }) | null
}

/**
 * Fixes of one device, ascending by time: `from` inclusive, `to` exclusive, after the fix at `afterTime`. Milliseconds.
 * A device has one fix a time, so the time alone is the key of a page.
 */
export function listFixes(
  db: Queryable,
  org: string,
  deviceId: string,
  range: { from?: number | undefined; to?: number | undefined; afterTime?: number | undefined; limit: number },
): Promise<FixRow[]> {
  const from = Math.max(range.from ?? Number.MIN_SAFE_INTEGER, (range.afterTime ?? Number.MIN_SAFE_INTEGER) + 1)
  return db.query<FixRow>(
    `select fix_time, lat, lng, accuracy, speed, heading, altitude, details from fixes
     where org = $1 and device_id = $2 and fix_time >= $3 and fix_time < $4
     order by fix_time limit $5`,
    [org, deviceId, from, range.to ?? Number.MAX_SAFE_INTEGER, range.limit],
  )
}

/** How many fixes there are, `from` inclusive, `to` exclusive; counted up to `most`. */
export async function countFixes(
  db: Queryable,
  org: string,
  deviceId: string,
  range: { from?: number | undefined; to?: number | undefined; most: number },
): Promise<number> {
  const { from = Number.MIN_SAFE_INTEGER, to = Number.MAX_SAFE_INTEGER, most } = range
  const [row] = await db.query<{ count: number }>(
    `select count(*)::int as count from (
       select 1 from fixes where org = $1 and device_id = $2 and fix_time >= $3 and fix_time < $4 limit $5
     ) as counted`,
    [org, deviceId, from, to, most],
  )
  return row?.count ?? 0
}

/** Which of some times the device has a fix of. */
export async function knownTimes(
  db: Queryable,
  org: string,
  deviceId: string,
  times: readonly number[],
): Promise<Set<number>> {
  const rows = await db.query<{ fix_time: number }>(
    'select fix_time from fixes where org = $1 and device_id = $2 and fix_time = any($3::bigint[])',
    [org, deviceId, times],
  )
  return new Set(rows.map(row => row.fix_time))
}

/** The time of the fix `count` places before a time, or of the device's first one when there are fewer; null: none. */
export async function timeOfFixBefore(
  db: Queryable,
  org: string,
  deviceId: string,
  before: number,
  count: number,
): Promise<number | null> {
  const [row] = await db.query<{ fix_time: number | null }>(
    `select min(fix_time) as fix_time from (
       select fix_time from fixes where org = $1 and device_id = $2 and fix_time < $3 order by fix_time desc limit $4
     ) as last`,
    [org, deviceId, before, count],
  )
  return row?.fix_time ?? null
}

/** The fix as it was sent, but for a time that was repaired. */
export function fixOf(deviceId: string, row: FixRow): LocationUpdate {
  const location: Location = { lat: row.lat, lng: row.lng }
  for (const measure of ['accuracy', 'speed', 'heading', 'altitude'] as const) {
    const value = row[measure]
    if (value !== null) location[measure] = value
  }
  const { clock: _, ...sent } = row.details ?? {}
  return { deviceId, timestamp: row.fix_time, location, ...sent }
}
