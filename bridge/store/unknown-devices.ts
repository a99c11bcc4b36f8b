import type { LocationUpdate } from '../../contract/index.ts'
import type { Queryable } from './database.ts'
import type { DeviceKey } from './device-states.ts'

export type UnknownState = 'waiting' | 'dismissed' | 'blocked'

/** What was heard of an unregistered device since the last time it was written down. */
export interface HeardDevice extends DeviceKey {
  readonly firstSeen: number
  readonly lastSeen: number
  readonly count: number
  readonly channel: string
  readonly lastMessage: unknown
  readonly sender: string
  readonly senderRole: string
  readonly address: string | null
}

export interface KeptFix extends DeviceKey {
  readonly receivedAt: number
  readonly fix: LocationUpdate
}

export interface UnknownDeviceRow extends Omit<HeardDevice, 'org'> {
  readonly state: UnknownState
  /** How many of its newest fixes are kept. */
  readonly kept: number
}

/** Comes back as a new one: it was dismissed, and then silent for so long. */
const RETURNS = `u.state = 'dismissed' and excluded.first_seen - u.last_seen >= $2::bigint`

/** Adds to what is known of each, once each. @returns in which state they are now */
export function recordHeard(
  db: Queryable,
  heard: readonly HeardDevice[],
  silentMs: number,
): Promise<(DeviceKey & { state: UnknownState })[]> {
  return db.query(
    `insert into unknown_devices as u
       (org, device_id, first_seen, last_seen, count, channel, last_message, sender, sender_role, address)
     select org, "deviceId", "firstSeen", "lastSeen", count, channel, "lastMessage", sender, "senderRole", address
     from jsonb_to_recordset($1::jsonb) as n(org text, "deviceId" text, "firstSeen" bigint, "lastSeen" bigint, count bigint,
       channel text, "lastMessage" jsonb, sender text, "senderRole" text, address text)
     order by org, "deviceId"
     on conflict (org, device_id) do update set
       state = case when ${RETURNS} then 'waiting' else u.state end,
       first_seen = case when ${RETURNS} then excluded.first_seen else u.first_seen end,
       count = case when ${RETURNS} then excluded.count else u.count + excluded.count end,
       last_seen = greatest(u.last_seen, excluded.last_seen), channel = excluded.channel,
       last_message = excluded.last_message, sender = excluded.sender, sender_role = excluded.sender_role,
       address = excluded.address
     returning u.org, u.device_id as "deviceId", u.state`,
    [JSON.stringify(heard), silentMs],
  )
}

export async function keepFixes(db: Queryable, fixes: readonly KeptFix[]): Promise<void> {
  await db.query(
    `insert into unknown_device_fixes (org, device_id, fix_time, received_at, fix)
     select org, "deviceId", (fix ->> 'timestamp')::bigint, "receivedAt", fix
     from jsonb_to_recordset($1::jsonb) as n(org text, "deviceId" text, "receivedAt" bigint, fix jsonb)
     order by 1, 2, 3 on conflict do nothing`,
    [JSON.stringify(fixes)],
  )
}

/** Leaves the newest fixes of each of these devices. */
export async function trimFixes(db: Queryable, devices: readonly DeviceKey[], most: number): Promise<void> {
  await db.query(
    `delete from unknown_device_fixes f using (
       select org, device_id, fix_time, row_number() over (partition by org, device_id order by fix_time desc) as place
       from unknown_device_fixes join unnest($1::text[], $2::text[]) as t(org, device_id) using (org, device_id)) ranked
     where f.org = ranked.org and f.device_id = ranked.device_id and f.fix_time = ranked.fix_time and ranked.place > $3`,
    [devices.map(({ org }) => org), devices.map(({ deviceId }) => deviceId), most],
  )
}

/** Leaves the most recently heard of each of these organisations; blocked ones are not counted, and stay. */
export async function evictOldest(db: Queryable, orgs: readonly string[], most: number): Promise<void> {
  await db.query(
    `delete from unknown_devices u using (
       select org, device_id, row_number() over (partition by org order by last_seen desc, device_id) as place
       from unknown_devices where org = any($1) and state <> 'blocked') ranked
     where u.org = ranked.org and u.device_id = ranked.device_id and ranked.place > $2`,
    [orgs, most],
  )
}

const COLUMNS = `u.device_id as "deviceId", u.state, u.first_seen as "firstSeen", u.last_seen as "lastSeen", u.count, u.channel,
  u.last_message as "lastMessage", u.sender, u.sender_role as "senderRole", u.address,
  (select count(*) from unknown_device_fixes f where f.org = u.org and f.device_id = u.device_id) as kept`

/** Heard most recently first, behind `after`. */
export function listUnknown(
  db: Queryable,
  org: string,
  page: { state: UnknownState; after?: readonly [lastSeen: number, deviceId: string] | undefined; limit: number },
): Promise<UnknownDeviceRow[]> {
  return db.query(
    `select ${COLUMNS} from unknown_devices u
     where u.org = $1 and u.state = $2 and not exists (select 1 from devices d where d.org = u.org and d.device_id = u.device_id)
       and ($3::bigint is null or u.last_seen < $3 or (u.last_seen = $3 and u.device_id > $4))
     order by u.last_seen desc, u.device_id limit $5`,
    [org, page.state, page.after?.[0] ?? null, page.after?.[1] ?? null, page.limit],
  )
}

export async function findUnknown(db: Queryable, { org, deviceId }: DeviceKey): Promise<UnknownDeviceRow | undefined> {
  const rows = await db.query<UnknownDeviceRow>(
    `select ${COLUMNS} from unknown_devices u where u.org = $1 and u.device_id = $2`,
    [org, deviceId],
  )
  return rows[0]
}

/** The kept fixes of a device, oldest first. */
export async function readKept(db: Queryable, { org, deviceId }: DeviceKey): Promise<LocationUpdate[]> {
  const rows = await db.query<{ fix: LocationUpdate }>(
    'select fix from unknown_device_fixes where org = $1 and device_id = $2 order by fix_time',
    [org, deviceId],
  )
  return rows.map(({ fix }) => fix)
}

export async function deleteUnknown(db: Queryable, devices: readonly DeviceKey[]): Promise<void> {
  await db.query(
    'delete from unknown_devices u using unnest($1::text[], $2::text[]) as t(org, device_id) where u.org = t.org and u.device_id = t.device_id',
    [devices.map(({ org }) => org), devices.map(({ deviceId }) => deviceId)],
  )
}

/** @returns whether there is such a device */
export async function setUnknownState(
  db: Queryable,
  { org, deviceId }: DeviceKey,
  state: UnknownState,
): Promise<boolean> {
  const rows = await db.query('update unknown_devices set state = $3 where org = $1 and device_id = $2 returning 1', [
    org,
    deviceId,
    state,
  ])
  return rows.length > 0
}

export async function forgetKept(db: Queryable, { org, deviceId }: DeviceKey): Promise<void> {
  await db.query('delete from unknown_device_fixes where org = $1 and device_id = $2', [org, deviceId])
}

/** Those that have been registered since they were heard; of these devices, or of all. */
export function listRegisteredSince(db: Queryable, among: readonly DeviceKey[] | null): Promise<DeviceKey[]> {
  return db.query(
    `select u.org, u.device_id as "deviceId" from unknown_devices u join devices d using (org, device_id)
     where $1::text[] is null or exists (
       select 1 from unnest($1::text[], $2::text[]) as t(org, device_id) where t.org = u.org and t.device_id = u.device_id)`,
    [among?.map(({ org }) => org) ?? null, among?.map(({ deviceId }) => deviceId) ?? null],
  )
}
