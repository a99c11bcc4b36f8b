import type { LocationUpdate } from '../../contract/index.ts'
import type { Queryable } from './database.ts'

export interface DeviceKey {
  readonly org: string
  readonly deviceId: string
}

/** One row of device_state. `engine` is the geofence engine's own JSON. */
export interface DeviceStateRow extends DeviceKey {
  readonly version: number
  readonly newest: LocationUpdate | null
  readonly engine: unknown
}

const COLUMNS = 'org, device_id as "deviceId", version, newest, engine'

/** The states of these devices; a device without one is missing from the answer. */
export function loadDeviceStates(db: Queryable, keys: readonly DeviceKey[]): Promise<DeviceStateRow[]> {
  return db.query<DeviceStateRow>(
    `select ${COLUMNS} from device_state join unnest($1::text[], $2::text[]) as t(org, device_id) using (org, device_id)`,
    [keys.map(({ org }) => org), keys.map(({ deviceId }) => deviceId)],
  )
}

/** All states in order of their key, page by page: those after `after`, of one organisation or of all. */
export function pageDeviceStates(
  db: Queryable,
  { org, after, limit }: { org?: string; after: DeviceKey | null; limit: number },
): Promise<DeviceStateRow[]> {
  return db.query<DeviceStateRow>(
    `select ${COLUMNS} from device_state
     where ($1::text is null or org = $1) and (org, device_id) > ($2, $3) order by org, device_id limit $4`,
    [org ?? null, after?.org ?? '', after?.deviceId ?? '', limit],
  )
}

/**
 * Writes states whose stored version is still the one they were computed from (`version` is that one; 0 = no row yet).
 * @returns how many were written; fewer than given means that another node wrote one meanwhile: roll back, load, evaluate again
 */
export async function saveDeviceStates(db: Queryable, rows: readonly DeviceStateRow[]): Promise<number> {
  // In the order of their key: two nodes that write the same devices must not lock them crosswise.
  const sorted = [...rows].sort((a, b) => compare(a.org, b.org) || compare(a.deviceId, b.deviceId))
  const [row] = await db.query<{ count: number }>(
    `with written as (
       insert into device_state (org, device_id, version, newest_time, newest, engine)
       select org, device_id, version + 1, newest_time, newest::jsonb, engine::jsonb
       from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::text[])
         as t(org, device_id, version, newest_time, newest, engine)
       on conflict (org, device_id) do update set version = excluded.version, newest_time = excluded.newest_time,
         newest = excluded.newest, engine = excluded.engine
       where device_state.version = excluded.version - 1
       returning 1
     )
     select count(*)::int as count from written`,
    [
      sorted.map(({ org }) => org),
      sorted.map(({ deviceId }) => deviceId),
      sorted.map(({ version }) => version),
      sorted.map(({ newest }) => newest?.timestamp ?? null),
      sorted.map(({ newest }) => (newest === null ? null : JSON.stringify(newest))),
      sorted.map(({ engine }) => JSON.stringify(engine)),
    ],
  )
  return row!.count
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
