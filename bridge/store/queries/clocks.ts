import type { Queryable } from '../database.ts'
import type { ClockKind } from '../device-clocks.ts'

/** The latest finding about a device's clock and what is corrected of it; null where there is none. */
export interface ClockRow {
  readonly offset_seconds: number | null
  readonly kind: ClockKind | null
  readonly count: number | null
  readonly since: number | null
  readonly applied: number | null
}

export async function findDeviceClock(db: Queryable, org: string, deviceId: string): Promise<ClockRow> {
  const [row] = await db.query<ClockRow>(
    `select l.offset_seconds, l.kind, l.count, l.since,
       (select offset_seconds from clock_corrections where org = $1 and device_id = $2) as applied
     from (select 1) one left join lateral (
       select offset_seconds, kind, count, since from device_clocks where org = $1 and device_id = $2
       order by learnt_at desc limit 1
     ) l on true`,
    [org, deviceId],
  )
  return row!
}
