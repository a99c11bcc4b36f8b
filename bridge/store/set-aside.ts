import type { Queryable } from './database.ts'

export interface SetAsideRow {
  readonly org: string
  readonly deviceId: string
  /** The error code the sender was told. */
  readonly reason: string
  readonly fixTime: number
  readonly receivedAt: number
  readonly fix: unknown
}

/** Keeps fixes that cannot be trusted, for a person to judge. */
export async function insertSetAside(db: Queryable, rows: readonly SetAsideRow[]): Promise<void> {
  await db.query(
    `insert into set_aside (org, device_id, reason, fix_time, received_at, fix)
     select org, device_id, reason, fix_time, received_at, fix::jsonb
     from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[])
       as t(org, device_id, reason, fix_time, received_at, fix)
     on conflict do nothing`,
    [
      rows.map(({ org }) => org),
      rows.map(({ deviceId }) => deviceId),
      rows.map(({ reason }) => reason),
      rows.map(({ fixTime }) => fixTime),
      rows.map(({ receivedAt }) => receivedAt),
      rows.map(({ fix }) => JSON.stringify(fix)),
    ],
  )
}
