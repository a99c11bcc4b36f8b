import { bigintColumn, integerColumn, textColumn } from './columns.ts'
import type { Queryable } from './database.ts'
import type { DeviceKey } from './device-states.ts'

export type ClockKind = 'future' | 'lagging' | 'right'

/** What was learnt of a device's clock. */
export interface DeviceClock {
  /** How far it is ahead; negative when it lags. */
  readonly offsetSeconds: number
  readonly kind: ClockKind
  /** Fixes that spoke for it. */
  readonly count: number
  /** Receipt of the first of them, milliseconds. */
  readonly since: number
}

export interface DeviceClockRow extends DeviceKey, DeviceClock {}

export interface ClockCorrection extends DeviceKey {
  readonly offsetSeconds: number
}

const LEARNT = 'offset_seconds as "offsetSeconds", kind, count, since'

/** The latest finding of each device. */
export function loadDeviceClocks(db: Queryable): Promise<DeviceClockRow[]> {
  return db.query<DeviceClockRow>(
    `select distinct on (org, device_id) org, device_id as "deviceId", ${LEARNT} from device_clocks
     order by org, device_id, learnt_at desc`,
  )
}

/** In the order in which they were learnt, a device perhaps several times: what it taught last is its latest finding. */
export async function saveDeviceClocks(db: Queryable, rows: readonly DeviceClockRow[], nowMs: number): Promise<void> {
  await db.query(
    `insert into device_clocks as d (org, device_id, offset_seconds, kind, count, since, learnt_at)
     select org, device_id, offset_seconds, min(kind), max(count), min(since),
       $7::bigint + row_number() over (partition by org, device_id order by max(ord)) - 1
     from unnest($1::text[], $2::text[], $3::integer[], $4::text[], $5::integer[], $6::bigint[]) with ordinality
       as t(org, device_id, offset_seconds, kind, count, since, ord)
     group by org, device_id, offset_seconds
     on conflict (org, device_id, offset_seconds)
       do update set count = greatest(d.count, excluded.count), learnt_at = excluded.learnt_at`,
    [
      textColumn(rows, ({ org }) => org),
      textColumn(rows, ({ deviceId }) => deviceId),
      integerColumn(rows, ({ offsetSeconds }) => offsetSeconds),
      textColumn(rows, ({ kind }) => kind),
      integerColumn(rows, ({ count }) => count),
      bigintColumn(rows, ({ since }) => since),
      nowMs,
    ],
  )
}

/** Every offset that was ever learnt of these devices of one organisation. */
export function learntOffsets(
  db: Queryable,
  org: string,
  deviceIds: readonly string[],
): Promise<{ deviceId: string; offsetSeconds: number }[]> {
  return db.query<{ deviceId: string; offsetSeconds: number }>(
    `select device_id as "deviceId", offset_seconds as "offsetSeconds" from device_clocks
     where org = $1 and device_id = any($2::text[])`,
    [org, [...new Set(deviceIds)]],
  )
}

export function loadClockCorrections(db: Queryable): Promise<ClockCorrection[]> {
  return db.query<ClockCorrection>(
    'select org, device_id as "deviceId", offset_seconds as "offsetSeconds" from clock_corrections',
  )
}

export async function saveClockCorrection(
  db: Queryable,
  { org, deviceId, offsetSeconds }: ClockCorrection,
  by: string,
  nowMs: number,
): Promise<void> {
  await db.query(
    `insert into clock_corrections (org, device_id, offset_seconds, set_by, set_at) values ($1, $2, $3, $4, $5)
     on conflict (org, device_id) do update
       set offset_seconds = excluded.offset_seconds, set_by = excluded.set_by, set_at = excluded.set_at`,
    [org, deviceId, offsetSeconds, by, nowMs],
  )
}

export async function deleteClockCorrection(db: Queryable, { org, deviceId }: DeviceKey): Promise<void> {
  await db.query('delete from clock_corrections where org = $1 and device_id = $2', [org, deviceId])
}
