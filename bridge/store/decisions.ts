import type { Decision } from '../../geofence-engine/index.ts'
import { bigintColumn, textColumn } from './columns.ts'
import type { Queryable } from './database.ts'
import type { DeviceKey } from './device-states.ts'

export interface DecisionRow extends DeviceKey {
  /** The time of the fix that decided it; null: the clock did. */
  readonly causeTime: number | null
  readonly decision: Decision
}

/** What a decision is about, and its row. */
export interface DecidedRow {
  readonly seq: number
  readonly causeTime: number
  readonly kind: Decision['kind']
  readonly subject: string
}

/** Stores decisions, in order. */
export async function insertDecisions(tx: Queryable, rows: readonly DecisionRow[]): Promise<void> {
  if (rows.length === 0) return
  await tx.query(
    `insert into decisions (org, device_id, fix_time, cause_time, kind, subject, body)
     select org, device_id, fix_time, cause_time, kind, subject, body::jsonb
     from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[]) with ordinality
       as t(org, device_id, fix_time, cause_time, kind, subject, body, ord) order by ord`,
    [
      textColumn(rows, ({ org }) => org),
      textColumn(rows, ({ deviceId }) => deviceId),
      bigintColumn(rows, ({ decision }) => decision.timestamp),
      bigintColumn(rows, ({ causeTime }) => causeTime),
      textColumn(rows, ({ decision }) => decision.kind),
      textColumn(rows, ({ decision }) => decision.subject),
      textColumn(rows, ({ decision }) => JSON.stringify(decision)),
    ],
  )
}

/** What fixes of a device decided, from one time to another, both inclusive. */
export function findDecisions(
  db: Queryable,
  { org, deviceId }: DeviceKey,
  from: number,
  to: number,
): Promise<DecidedRow[]> {
  return db.query<DecidedRow>(
    `select seq, cause_time as "causeTime", kind, subject from decisions
     where org = $1 and device_id = $2 and cause_time >= $3 and cause_time <= $4`,
    [org, deviceId, from, to],
  )
}

export async function deleteDecisions(tx: Queryable, seqs: readonly number[]): Promise<void> {
  if (seqs.length > 0) await tx.query('delete from decisions where seq = any($1::bigint[])', [seqs])
}
