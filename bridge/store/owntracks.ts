import type { FenceFeature, LocationUpdate, OwnTracksCard } from '../../contract/index.ts'
import type { Queryable } from './database.ts'
import type { DeviceKey } from './device-states.ts'

interface Place {
  readonly createdSeconds: number
  readonly fenceId: string
  /** Null: it has no circle. */
  readonly feature: FenceFeature | null
}

/** What is known of a place of a phone, and of the fence of its id. */
export interface KnownWaypoint {
  readonly isKnown: boolean
  /** The phone said the same before. */
  readonly isSame: boolean
  readonly hasFence: boolean
  /** The fence is there as the phone had it. */
  readonly isUntouched: boolean
  /** How many places the phone has. */
  readonly count: number
}

export async function knownWaypoint(
  db: Queryable,
  { org, deviceId }: DeviceKey,
  { createdSeconds, fenceId, feature }: Place,
): Promise<KnownWaypoint> {
  const [row] = await db.query<KnownWaypoint>(
    `select w.org is not null as "isKnown",
       w.org is not null and w.feature is not distinct from $5::jsonb as "isSame",
       f.org is not null as "hasFence",
       coalesce(f.feature = w.feature, false) as "isUntouched",
       (select count(*) from owntracks_waypoints where org = $1 and device_id = $2) as count
     from (select 1) as one
     left join owntracks_waypoints w on w.org = $1 and w.device_id = $2 and w.created_seconds = $3
     left join fences f on f.org = $1 and f.fence_id = $4`,
    [org, deviceId, createdSeconds, fenceId, feature === null ? null : JSON.stringify(feature)],
  )
  return row!
}

export async function keepWaypoint(
  db: Queryable,
  { org, deviceId }: DeviceKey,
  { createdSeconds, fenceId, feature }: Place,
): Promise<void> {
  await db.query(
    `insert into owntracks_waypoints (org, device_id, created_seconds, fence_id, feature) values ($1, $2, $3, $4, $5::jsonb)
     on conflict (org, device_id, created_seconds) do update set feature = excluded.feature`,
    [org, deviceId, createdSeconds, fenceId, feature === null ? null : JSON.stringify(feature)],
  )
}

/** Whether it is another one than was known. */
export async function upsertCard(
  db: Queryable,
  { org, deviceId }: DeviceKey,
  { name, face }: OwnTracksCard,
  nowMs: number,
): Promise<boolean> {
  const rows = await db.query(
    `insert into owntracks_cards as c (org, device_id, name, face, updated_at) values ($1, $2, $3, $4, $5)
     on conflict (org, device_id) do update set name = $3, face = $4, updated_at = $5
       where c.name is distinct from $3 or c.face is distinct from $4
     returning 1`,
    [org, deviceId, name, face, nowMs],
  )
  return rows.length > 0
}

export interface CardRow extends DeviceKey, OwnTracksCard {
  readonly newest: LocationUpdate | null
}

/** All cards, page by page. */
export function pageCards(db: Queryable, after: DeviceKey | null, limit: number): Promise<CardRow[]> {
  return db.query<CardRow>(
    `select c.org, c.device_id as "deviceId", c.name, c.face, s.newest
     from owntracks_cards c left join device_state s using (org, device_id)
     where $1::text is null or (c.org, c.device_id) > ($1, $2::text) order by c.org, c.device_id limit $3`,
    [after?.org ?? null, after?.deviceId ?? null, limit],
  )
}

export interface FriendRow {
  readonly deviceId: string
  /** What people call the device, where nobody gave it a card. */
  readonly name: string | null
  readonly face: string | null
  readonly newest: LocationUpdate | null
}

/** Devices as their friends see them, in order of their id. `visible` null means all of the organisation. */
export function listFriends(
  db: Queryable,
  org: string,
  { visible, without, limit }: { visible: readonly string[] | null; without: string | null; limit: number },
): Promise<FriendRow[]> {
  return db.query<FriendRow>(
    `select d.device_id as "deviceId", coalesce(c.name, d.name) as name, c.face, s.newest
     from devices d
     left join device_state s on s.org = d.org and s.device_id = d.device_id
     left join owntracks_cards c on c.org = d.org and c.device_id = d.device_id
     where d.org = $1 and ($2::text[] is null or d.device_id = any($2)) and ($3::text is null or d.device_id <> $3)
     order by d.device_id limit $4`,
    [org, visible, without, limit],
  )
}
