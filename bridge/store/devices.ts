import type { Database, Queryable } from './database.ts'
import { nextEpoch } from './epochs.ts'
import { recordRightsChanges } from './rights-changes.ts'

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

/** The change with which a device's groups became what they are, of those whose groups were changed. */
export function loadGroupsEpochs(db: Queryable): Promise<{ org: string; deviceId: string; epoch: number }[]> {
  return db.query('select org, device_id as "deviceId", groups_epoch as epoch from devices where groups_epoch > 0')
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

/** The devices that are in groups. */
export function loadGroupedDevices(db: Queryable): Promise<Pick<DeviceRow, 'org' | 'deviceId' | 'groups'>[]> {
  return db.query(`select org, device_id as "deviceId", groups from devices where groups <> '{}'`)
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

export interface NewDevice {
  readonly org: string
  readonly deviceId: string
  readonly name?: string | undefined
  readonly groups?: readonly string[] | undefined
}

type RegisteredDevice = DeviceRow & { readonly created: boolean; readonly regrouped: number | null }

/**
 * Registers a device, or changes its name and groups where they are given; makes its organisation when it is the first of it.
 * @returns its row, whether it is new, and the epoch of this change when it changed the groups of a known device, else null
 */
export function registerDevice(db: Database, device: NewDevice, nowMs: number): Promise<RegisteredDevice> {
  return db.transaction(tx => registerDeviceIn(tx, device, nowMs))
}

/** The same within a transaction. */
export async function registerDeviceIn(tx: Queryable, device: NewDevice, nowMs: number): Promise<RegisteredDevice> {
  await ensureOrganisations(tx, [device.org], nowMs)
  const [known] = await findDevices(tx, [device])
  const row = await upsertDevice(tx, device, nowMs)
  if (isSameSet(known?.groups ?? [], row.groups)) return { ...row, regrouped: null }
  // Whoever may see a group sees this device from now on, or no longer.
  await recordRightsChanges(tx, [{ org: row.org, kind: 'device-groups', id: row.deviceId, sub: null }], nowMs)
  if (known === undefined) return { ...row, regrouped: null }
  const regrouped = await nextEpoch(tx, device.org)
  await tx.query('update devices set groups_epoch = $3 where org = $1 and device_id = $2', [
    device.org,
    device.deviceId,
    regrouped,
  ])
  return { ...row, regrouped }
}

function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.every(one => b.includes(one)) && b.every(one => a.includes(one))
}

export interface DevicePlan<Device extends NewDevice = NewDevice> {
  readonly created: readonly Device[]
  readonly updated: readonly Device[]
  readonly unchanged: readonly Device[]
}

/** What registering these would do to those of the organisation that are registered. */
export async function planDevices<Device extends NewDevice>(
  db: Queryable,
  devices: readonly Device[],
): Promise<DevicePlan<Device>> {
  const known = new Map((await findDevices(db, devices)).map(row => [row.deviceId, row]))
  const plan = { created: [] as Device[], updated: [] as Device[], unchanged: [] as Device[] }
  for (const device of devices) {
    const row = known.get(device.deviceId)
    if (row === undefined) plan.created.push(device)
    else if (changes(row, device)) plan.updated.push(device)
    else plan.unchanged.push(device)
  }
  return plan
}

function changes(row: DeviceRow, { name, groups }: NewDevice): boolean {
  return (name !== undefined && name !== row.name) || (groups !== undefined && !isSameSet(groups, row.groups))
}

/**
 * Registers many devices of one organisation, each once, or changes their names and groups where they are given.
 * @returns the rows of all that are new or changed, and those of them whose groups changed, with the epoch of that
 */
export async function registerDevicesIn(
  tx: Queryable,
  org: string,
  devices: readonly NewDevice[],
  nowMs: number,
): Promise<DevicePlan & { rows: DeviceRow[]; regrouped: { epoch: number; rows: DeviceRow[] } | null }> {
  await ensureOrganisations(tx, [org], nowMs)
  const before = new Map((await findDevices(tx, devices)).map(row => [row.deviceId, row]))
  const plan = await planDevices(tx, devices)
  const inserted = await insertNamed(tx, org, plan.created, nowMs)
  const isInserted = new Set(inserted.map(({ deviceId }) => deviceId))
  // What another node has registered in between is changed like the rest.
  const known = [...plan.updated, ...plan.created.filter(({ deviceId }) => !isInserted.has(deviceId))]
  const rows = [...inserted, ...(await updateNamed(tx, org, known))]
  const seenByOthers = rows.filter(row => !isSameSet(before.get(row.deviceId)?.groups ?? [], row.groups))
  // Whoever may see a group sees these devices from now on, or no longer.
  const changed = seenByOthers.map(row => ({ org, kind: 'device-groups' as const, id: row.deviceId, sub: null }))
  await recordRightsChanges(tx, changed, nowMs)
  const moved = seenByOthers.filter(({ deviceId }) => before.has(deviceId))
  if (moved.length === 0) return { ...plan, rows, regrouped: null }
  const epoch = await nextEpoch(tx, org)
  await setGroupsEpoch(tx, org, moved, epoch)
  return { ...plan, rows, regrouped: { epoch, rows: moved } }
}

const NEW_DEVICES = 'jsonb_to_recordset($2::jsonb) as n(id text, name text, groups text[])'

function asRecords(devices: readonly NewDevice[]): string {
  return JSON.stringify(devices.map(({ deviceId, name, groups }) => ({ id: deviceId, name, groups })))
}

function insertNamed(db: Queryable, org: string, devices: readonly NewDevice[], nowMs: number): Promise<DeviceRow[]> {
  return db.query<DeviceRow>(
    `insert into devices (org, device_id, name, groups, created_at)
     select $1::text, n.id, n.name, coalesce(n.groups, '{}'), $3::bigint from ${NEW_DEVICES} order by n.id
     on conflict do nothing returning ${COLUMNS}`,
    [org, asRecords(devices), nowMs],
  )
}

function updateNamed(db: Queryable, org: string, devices: readonly NewDevice[]): Promise<DeviceRow[]> {
  return db.query<DeviceRow>(
    `update devices d set name = coalesce(n.name, d.name), groups = coalesce(n.groups, d.groups) from ${NEW_DEVICES}
     where d.org = $1 and d.device_id = n.id returning d.org, d.device_id as "deviceId", d.name, d.groups`,
    [org, asRecords(devices)],
  )
}

async function setGroupsEpoch(db: Queryable, org: string, rows: readonly DeviceRow[], epoch: number): Promise<void> {
  await db.query('update devices set groups_epoch = $3 where org = $1 and device_id = any($2)', [
    org,
    rows.map(({ deviceId }) => deviceId),
    epoch,
  ])
}

/** The devices of one organisation. */
export function devicesOfOrganisation(db: Queryable, org: string): Promise<DeviceRow[]> {
  return db.query<DeviceRow>(`select ${COLUMNS} from devices where org = $1`, [org])
}
