import { bigintColumn, textColumn } from './columns.ts'
import type { Queryable } from './database.ts'
import type { DeviceKey } from './device-states.ts'

/** The engine's state of a device after its fix of `time`; `engine` is the geofence engine's own JSON. */
export interface Checkpoint {
  readonly time: number
  readonly engine: unknown
}

export interface CheckpointRow extends DeviceKey, Checkpoint {}

/** The last checkpoint of each device before the time given with it; a device without one is missing from the answer. */
export function loadLastCheckpointsBefore(
  db: Queryable,
  devices: readonly (DeviceKey & { readonly before: number })[],
): Promise<CheckpointRow[]> {
  return db.query<CheckpointRow>(
    `select t.org, t.device_id as "deviceId", c.fix_time as time, c.engine
     from unnest($1::text[], $2::text[], $3::bigint[]) as t(org, device_id, before) cross join lateral (
       select fix_time, engine from device_checkpoints c
       where c.org = t.org and c.device_id = t.device_id and c.fix_time < t.before order by c.fix_time desc limit 1
     ) c`,
    [devices.map(({ org }) => org), devices.map(({ deviceId }) => deviceId), devices.map(({ before }) => before)],
  )
}

/** Writes checkpoints, in place of those of the same device and time. */
export async function saveCheckpoints(tx: Queryable, rows: readonly CheckpointRow[]): Promise<void> {
  if (rows.length === 0) return
  await tx.query(
    `insert into device_checkpoints (org, device_id, fix_time, engine)
     select org, device_id, fix_time, engine::jsonb
     from unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) as t(org, device_id, fix_time, engine)
     on conflict (org, device_id, fix_time) do update set engine = excluded.engine`,
    [
      textColumn(rows, ({ org }) => org),
      textColumn(rows, ({ deviceId }) => deviceId),
      bigintColumn(rows, ({ time }) => time),
      textColumn(rows, ({ engine }) => JSON.stringify(engine)),
    ],
  )
}
