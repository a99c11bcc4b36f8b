import type { Database, Queryable } from './database.ts'

export interface DeviceRow {
  readonly org: string
  readonly deviceId: string
  readonly name: string | null
  readonly groups: string[]
}

const COLUMNS = 'org, device_id as "deviceId", name, groups'

/** Every registered device. */
export function loadDevices(db: Queryable): Promise<DeviceRow[]> {
  return db.query<DeviceRow>(`select ${COLUMNS} from devices`)
}

/** Those of these devices that are registered. */
export function findDevices(
  db: Queryable,
  devices: readonly { org: string; deviceId: string }[],
): Promise<DeviceRow[]> {
  return db.query<DeviceRow>(
    `select ${COLUMNS} from devices join unnest($1::text[], $2::text[]) as t(org, device_id) using (org, device_id)`,
    [devices.map(({ org }) => org), devices.map(({ deviceId }) => deviceId)],
  )
}

/** Makes organisations that are not there yet. */
export async function ensureOrganisations(db: Queryable, orgs: readonly string[], nowMs: number): Promise<void> {
  await db.query(
    'insert into organisations (org, created_at) select unnest($1::text[]), $2::bigint on conflict do nothing',
    [[...new Set(orgs)].sort(), nowMs],
  )
}

/** Registers devices with neither name nor groups; those that are registered stay as they are. Their organisations exist. */
export async function insertDevices(
  db: Queryable,
  devices: readonly { org: string; deviceId: string }[],
  nowMs: number,
): Promise<void> {
  await db.query(
    `insert into devices (org, device_id, created_at)
     select org, device_id, $3::bigint from unnest($1::text[], $2::text[]) as t(org, device_id) order by org, device_id
     on conflict do nothing`,
    [devices.map(({ org }) => org), devices.map(({ deviceId }) => deviceId), nowMs],
  )
}

/**
 * Registers one device, or changes its name and groups where they are given.
 * @returns its row, and whether it is new
 */
export async function upsertDevice(
  db: Queryable,
  device: { org: string; deviceId: string; name?: string | undefined; groups?: readonly string[] | undefined },
  nowMs: number,
): Promise<DeviceRow & { created: boolean }> {
  const [row] = await db.query<DeviceRow & { created: boolean }>(
    `insert into devices as d (org, device_id, name, groups, created_at) values ($1, $2, $3, coalesce($4::text[], '{}'), $5)
     on conflict (org, device_id) do update set name = coalesce($3, d.name), groups = coalesce($4::text[], d.groups)
     returning ${COLUMNS}, xmax = 0 as created`,
    [device.org, device.deviceId, device.name ?? null, device.groups ?? null, nowMs],
  )
  return row!
}

/** Registers a device, or changes its name and groups where they are given; makes its organisation when it is the first of it. */
export function registerDevice(
  db: Database,
  device: { org: string; deviceId: string; name?: string | undefined; groups?: readonly string[] | undefined },
  nowMs: number,
): Promise<DeviceRow & { created: boolean }> {
  return db.transaction(async tx => {
    await ensureOrganisations(tx, [device.org], nowMs)
    return upsertDevice(tx, device, nowMs)
  })
}
