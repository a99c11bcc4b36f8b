import type { Connectivity } from '../../geofence-engine/index.ts'
import type { Queryable } from './database.ts'
import type { DeviceKey } from './device-states.ts'

export interface ConnectivityRow extends DeviceKey, Connectivity {
  readonly dueAt: number | null
}

/** Which devices are watched, and whether they are offline. */
export function loadConnectivity(db: Queryable): Promise<(DeviceKey & { offline: boolean })[]> {
  return db.query<DeviceKey & { offline: boolean }>(
    'select org, device_id as "deviceId", offline_since is not null as offline from connectivity',
  )
}

/** Devices that were heard of and are not watched, of one organisation or of all. */
export function listUnwatched(db: Queryable, org: string | null): Promise<(DeviceKey & { heardAt: number })[]> {
  return db.query<DeviceKey & { heardAt: number }>(
    `select s.org, s.device_id as "deviceId", s.heard_at as "heardAt" from device_state s
     where ($1::text is null or s.org = $1) and s.heard_at is not null
       and not exists (select from connectivity c where c.org = s.org and c.device_id = s.device_id)`,
    [org],
  )
}

export function listDueConnectivity(db: Queryable, nowMs: number, limit: number): Promise<DeviceKey[]> {
  return db.query<DeviceKey>(
    'select org, device_id as "deviceId" from connectivity where due_at <= $1 order by due_at limit $2',
    [nowMs, limit],
  )
}

/** The rows of these devices, locked; `heardAt` is the newest that any node knows. A device that is not watched is missing. */
export function lockConnectivity(db: Queryable, devices: readonly DeviceKey[]): Promise<ConnectivityRow[]> {
  return db.query<ConnectivityRow>(
    `select c.org, c.device_id as "deviceId", greatest(c.heard_at, s.heard_at) as "heardAt",
       c.session_ended_at as "sessionEndedAt", c.offline_since as "offlineSince", c.due_at as "dueAt"
     from (
       select * from connectivity where (org, device_id) in (select * from unnest($1::text[], $2::text[]))
       order by org, device_id for update
     ) c left join device_state s on s.org = c.org and s.device_id = c.device_id`,
    [devices.map(({ org }) => org), devices.map(({ deviceId }) => deviceId)],
  )
}

/** The rows of an organisation's devices, or of one of them, that are offline; locked. */
export function lockOffline(db: Queryable, org: string, deviceId: string | undefined): Promise<ConnectivityRow[]> {
  return db.query<ConnectivityRow>(
    `select org, device_id as "deviceId", heard_at as "heardAt", session_ended_at as "sessionEndedAt",
       offline_since as "offlineSince", due_at as "dueAt"
     from connectivity where org = $1 and ($2::text is null or device_id = $2) and offline_since is not null
     order by org, device_id for update`,
    [org, deviceId ?? null],
  )
}

export async function saveConnectivity(db: Queryable, rows: readonly ConnectivityRow[]): Promise<void> {
  if (rows.length === 0) return
  await db.query(
    `insert into connectivity (org, device_id, heard_at, session_ended_at, offline_since, due_at)
     select * from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
     on conflict (org, device_id) do update set heard_at = excluded.heard_at, session_ended_at = excluded.session_ended_at,
       offline_since = excluded.offline_since, due_at = excluded.due_at`,
    [
      rows.map(({ org }) => org),
      rows.map(({ deviceId }) => deviceId),
      rows.map(({ heardAt }) => heardAt),
      rows.map(({ sessionEndedAt }) => sessionEndedAt),
      rows.map(({ offlineSince }) => offlineSince),
      rows.map(({ dueAt }) => dueAt),
    ],
  )
}

/** The rules of an organisation changed: all of its devices are looked at again. */
export async function lookAgainAtAll(db: Queryable, org: string, nowMs: number): Promise<void> {
  await db.query('update connectivity set due_at = $2 where org = $1 and offline_since is null', [org, nowMs])
}
