import type { LocationUpdate } from '../../contract/index.ts'
import { bigintColumn, integerColumn, textColumn } from './columns.ts'
import type { Queryable } from './database.ts'

export interface DeviceKey {
  readonly org: string
  readonly deviceId: string
}

/** At which of its times (null: before its first fix) a device met which change of its organisation. */
export interface MetEpoch {
  readonly epoch: number
  readonly time: number | null
}

/** An event that the clock announced and no fix has confirmed yet. */
export interface ProvisionalEvent {
  readonly baseId: string
  readonly timestamp: number
  /** The fence it is about, and the epoch it had; null: a rule. */
  readonly fenceId: string | null
  readonly epoch: number
}

/** One row of device_state. `engine` is the geofence engine's own JSON. */
export interface DeviceStateRow extends DeviceKey {
  readonly version: number
  readonly newest: LocationUpdate | null
  readonly engine: unknown
  /** When the newest fix was received. */
  readonly heardAt: number | null
  /** When somebody has to look what became of the device, by the clock; never late, perhaps early. Null: never. */
  readonly dueAt: number | null
  /** Fixes evaluated since the last checkpoint. */
  readonly sinceCheckpoint: number
  readonly provisional: readonly ProvisionalEvent[] | null
  /** Oldest first; null before the first fix. */
  readonly changes: readonly MetEpoch[] | null
}

const COLUMNS = `org, device_id as "deviceId", version, newest, engine, heard_at as "heardAt", due_at as "dueAt",
  since_checkpoint as "sinceCheckpoint", provisional, changes`

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

/** Devices that somebody has to look at by `nowMs`, the longest due first. */
export function listDue(db: Queryable, nowMs: number, limit: number): Promise<DeviceKey[]> {
  return db.query<DeviceKey>(
    `select org, device_id as "deviceId" from device_state where due_at <= $1 order by due_at limit $2`,
    [nowMs, limit],
  )
}

/** When the next device is due, milliseconds; null: none is. */
export async function nextDue(db: Queryable): Promise<number | null> {
  const [row] = await db.query<{ due: number | null }>(
    'select min(due_at) as due from device_state where due_at is not null',
  )
  return row!.due
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
       insert into device_state (org, device_id, version, newest_time, newest, engine, heard_at, due_at, since_checkpoint,
         provisional, changes)
       select org, device_id, version + 1, newest_time, newest::json, engine::json, heard_at, due_at, since_checkpoint,
         provisional::json, changes::json
       from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::int[],
         $10::text[], $11::text[])
         as t(org, device_id, version, newest_time, newest, engine, heard_at, due_at, since_checkpoint, provisional, changes)
       on conflict (org, device_id) do update set version = excluded.version, newest_time = excluded.newest_time,
         newest = excluded.newest, engine = excluded.engine, heard_at = excluded.heard_at, due_at = excluded.due_at,
         since_checkpoint = excluded.since_checkpoint, provisional = excluded.provisional, changes = excluded.changes
       where device_state.version = excluded.version - 1
       returning 1
     )
     select count(*)::int as count from written`,
    [
      textColumn(sorted, ({ org }) => org),
      textColumn(sorted, ({ deviceId }) => deviceId),
      bigintColumn(sorted, ({ version }) => version),
      bigintColumn(sorted, ({ newest }) => newest?.timestamp ?? null),
      textColumn(sorted, ({ newest }) => (newest === null ? null : JSON.stringify(newest))),
      textColumn(sorted, ({ engine }) => JSON.stringify(engine)),
      bigintColumn(sorted, ({ heardAt }) => heardAt),
      bigintColumn(sorted, ({ dueAt }) => dueAt),
      integerColumn(sorted, ({ sinceCheckpoint }) => sinceCheckpoint),
      textColumn(sorted, ({ provisional }) => jsonOrNull(provisional)),
      textColumn(sorted, ({ changes }) => jsonOrNull(changes)),
    ],
  )
  return row!.count
}

function jsonOrNull(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
