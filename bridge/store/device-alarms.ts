import type { AlarmEventKind } from '../../contract/index.ts'
import type { AlarmMemory } from '../../geofence-engine/index.ts'
import type { Queryable } from './database.ts'
import type { DeviceKey } from './device-states.ts'

export interface DeviceAlarmKey extends DeviceKey {
  readonly kind: AlarmEventKind
}

export interface DeviceAlarmRow extends DeviceAlarmKey {
  readonly memory: AlarmMemory
  readonly dueAt: number | null
}

export function loadOpenAlarms(db: Queryable): Promise<DeviceAlarmKey[]> {
  return db.query<DeviceAlarmKey>(
    'select org, device_id as "deviceId", kind from device_alarms where due_at is not null',
  )
}

export function listDueAlarms(db: Queryable, nowMs: number, limit: number): Promise<DeviceAlarmKey[]> {
  return db.query<DeviceAlarmKey>(
    'select org, device_id as "deviceId", kind from device_alarms where due_at <= $1 order by due_at limit $2',
    [nowMs, limit],
  )
}

/** Locked; what is not remembered is missing. */
export function lockAlarms(db: Queryable, keys: readonly DeviceAlarmKey[]): Promise<DeviceAlarmRow[]> {
  return db.query<DeviceAlarmRow>(
    `select org, device_id as "deviceId", kind, memory, due_at as "dueAt" from device_alarms
     where (org, device_id, kind) in (select * from unnest($1::text[], $2::text[], $3::text[]))
     order by org, device_id, kind for update`,
    [keys.map(({ org }) => org), keys.map(({ deviceId }) => deviceId), keys.map(({ kind }) => kind)],
  )
}

export async function saveAlarms(db: Queryable, rows: readonly DeviceAlarmRow[]): Promise<void> {
  if (rows.length === 0) return
  await db.query(
    `insert into device_alarms (org, device_id, kind, memory, due_at)
     select org, device_id, kind, memory::jsonb, due_at
     from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[]) as t (org, device_id, kind, memory, due_at)
     on conflict (org, device_id, kind) do update set memory = excluded.memory, due_at = excluded.due_at`,
    [
      rows.map(({ org }) => org),
      rows.map(({ deviceId }) => deviceId),
      rows.map(({ kind }) => kind),
      rows.map(({ memory }) => JSON.stringify(memory)),
      rows.map(({ dueAt }) => dueAt),
    ],
  )
}
