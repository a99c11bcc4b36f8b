import type { LocationUpdate } from '../../contract/index.ts'
import type { Checkpoint } from './checkpoints.ts'
import type { Queryable } from './database.ts'
import type { DeviceKey } from './device-states.ts'
import { type FixRow, fixOf } from './queries/history.ts'

/** Fixes of one device in one page, and the checkpoints among them. */
const FIXES = 256
const CHECKPOINTS = 8

/** A piece of a device's history, oldest first: every fix and every checkpoint after the time asked for, up to `until`. */
export interface HistoryPage {
  readonly fixes: readonly LocationUpdate[]
  readonly checkpoints: readonly Checkpoint[]
  /** The last time that is covered; null: there is nothing after this page. */
  readonly until: number | null
}

/** The history of each device after its `after`, a page each, in the order given. Two queries whatever their number. */
export async function loadHistoryPages(
  db: Queryable,
  devices: readonly (DeviceKey & { readonly after: number })[],
): Promise<HistoryPage[]> {
  const params = [
    devices.map(({ org }) => org),
    devices.map(({ deviceId }) => deviceId),
    devices.map(({ after }) => after),
  ]
  const fixes = await db.query<FixRow & { ord: number }>(
    `select t.ord, f.* from unnest($1::text[], $2::text[], $3::bigint[]) with ordinality as t(org, device_id, after, ord)
     cross join lateral (
       select fix_time, lat, lng, accuracy, speed, heading, altitude, details from fixes f
       where f.org = t.org and f.device_id = t.device_id and f.fix_time > t.after order by f.fix_time limit $4
     ) f order by t.ord, f.fix_time`,
    [...params, FIXES],
  )
  const checkpoints = await db.query<Checkpoint & { ord: number }>(
    `select t.ord, c.time, c.engine from unnest($1::text[], $2::text[], $3::bigint[]) with ordinality as t(org, device_id, after, ord)
     cross join lateral (
       select fix_time as time, engine from device_checkpoints c
       where c.org = t.org and c.device_id = t.device_id and c.fix_time > t.after order by c.fix_time limit $4
     ) c order by t.ord, c.time`,
    [...params, CHECKPOINTS],
  )
  const fixesOf = grouped(fixes)
  const checkpointsOf = grouped(checkpoints)
  return devices.map(({ deviceId }, i) => {
    const found = fixesOf.get(i + 1) ?? []
    const marks = checkpointsOf.get(i + 1) ?? []
    const ends = [
      ...(found.length === FIXES ? [found.at(-1)!.fix_time] : []),
      ...(marks.length === CHECKPOINTS ? [marks.at(-1)!.time] : []),
    ]
    const until = ends.length === 0 ? null : Math.min(...ends)
    const end = until ?? Number.POSITIVE_INFINITY
    return {
      fixes: found.filter(row => row.fix_time <= end).map(row => fixOf(deviceId, row)),
      checkpoints: marks.filter(({ time }) => time <= end),
      until,
    }
  })
}

function grouped<Row extends { ord: number }>(rows: readonly Row[]): Map<number, Row[]> {
  const groups = new Map<number, Row[]>()
  for (const row of rows) {
    const group = groups.get(row.ord)
    if (group === undefined) groups.set(row.ord, [row])
    else group.push(row)
  }
  return groups
}
