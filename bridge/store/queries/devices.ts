import type { LocationUpdate } from '../../../contract/index.ts'
import type { Queryable } from '../database.ts'

export interface DeviceRow {
  readonly device_id: string
  readonly name: string | null
  readonly groups: string[]
  readonly created_at: number
  /** Its newest fix, or null when it never sent one. */
  readonly newest: LocationUpdate | null
}

const COLUMNS = 'd.device_id, d.name, d.groups, d.created_at, s.newest'
const JOINED = 'devices d left join device_state s on s.org = d.org and s.device_id = d.device_id'

/** Devices in order of their id, after `after`. `visible` null means all of the organisation. */
export function listDevices(
  db: Queryable,
  org: string,
  { visible, after, limit }: { visible: readonly string[] | null; after?: string | undefined; limit: number },
): Promise<DeviceRow[]> {
  return db.query<DeviceRow>(
    `select ${COLUMNS} from ${JOINED}
     where d.org = $1 and ($2::text[] is null or d.device_id = any($2)) and ($3::text is null or d.device_id > $3)
     order by d.device_id limit $4`,
    [org, visible, after ?? null, limit],
  )
}

export async function findDevice(db: Queryable, org: string, deviceId: string): Promise<DeviceRow | undefined> {
  const rows = await db.query<DeviceRow>(`select ${COLUMNS} from ${JOINED} where d.org = $1 and d.device_id = $2`, [
    org,
    deviceId,
  ])
  return rows[0]
}

/** Those of these devices, and of these groups, that are registered, in order of their id. */
export function listDevicesToClaim(
  db: Queryable,
  org: string,
  { devices, groups, limit }: { devices: readonly string[]; groups: readonly string[]; limit: number },
): Promise<Pick<DeviceRow, 'device_id' | 'name'>[]> {
  return db.query(
    `select device_id, name from devices
     where org = $1 and (device_id = any($2::text[]) or groups && $3::text[]) order by device_id limit $4`,
    [org, devices, groups, limit],
  )
}

/** Every device id of the organisation. */
export async function listDeviceIds(db: Queryable, org: string): Promise<string[]> {
  const rows = await db.query<{ device_id: string }>('select device_id from devices where org = $1', [org])
  return rows.map(row => row.device_id)
}

/** How many devices are registered; of those named when `visible` is not null. */
export async function countDevices(db: Queryable, org: string, visible: readonly string[] | null): Promise<number> {
  const [row] = await db.query<{ devices: number }>(
    'select count(*) as devices from devices where org = $1 and ($2::text[] is null or device_id = any($2))',
    [org, visible],
  )
  return row!.devices
}
