import type { LocationUpdate } from '../../contract/index.ts'
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

/** Keeps fixes that cannot be trusted, for a person to judge; one that was judged before does not come back. */
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

/** A fix that waits for a person's judgement. */
export interface WaitingRow {
  readonly id: number
  readonly org: string
  readonly deviceId: string
  readonly fixTime: number
  readonly receivedAt: number
  readonly fix: LocationUpdate
}

/** Those that wait, in order of their id. Times are of their receipt: `from` inclusive, `to` exclusive. */
export function selectWaiting(
  db: Queryable,
  selection: {
    org: string
    id?: number | undefined
    deviceId?: string | undefined
    reason?: string | undefined
    from?: number | undefined
    to?: number | undefined
    after?: number | undefined
    visible: readonly string[] | null
    limit: number
  },
): Promise<WaitingRow[]> {
  return db.query<WaitingRow>(
    `select id, org, device_id as "deviceId", fix_time as "fixTime", received_at as "receivedAt", fix from set_aside
     where org = $1 and state = 'waiting' and ($2::text[] is null or device_id = any($2)) and ($3::bigint is null or id = $3)
       and ($4::text is null or device_id = $4) and ($5::text is null or reason = $5)
       and received_at >= $6 and received_at < $7 and id > $8
     order by id limit $9`,
    [
      selection.org,
      selection.visible,
      selection.id ?? null,
      selection.deviceId ?? null,
      selection.reason ?? null,
      selection.from ?? Number.MIN_SAFE_INTEGER,
      selection.to ?? Number.MAX_SAFE_INTEGER,
      selection.after ?? 0,
      selection.limit,
    ],
  )
}

export interface AcceptedRow {
  readonly org: string
  readonly id: number
  readonly by: string
  readonly time: number
}

/** Takes rows out of the list as accepted. @returns how many; fewer than given when others were faster */
export async function markAccepted(db: Queryable, rows: readonly AcceptedRow[], nowMs: number): Promise<number> {
  const marked = await db.query(
    `update set_aside s set state = 'accepted', judged_by = t.judged_by, judged_at = $5, accepted_time = t.accepted_time
     from unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[]) as t(org, id, judged_by, accepted_time)
     where s.org = t.org and s.id = t.id and s.state = 'waiting' returning 1`,
    [
      rows.map(({ org }) => org),
      rows.map(({ id }) => id),
      rows.map(({ by }) => by),
      rows.map(({ time }) => time),
      nowMs,
    ],
  )
  return marked.length
}

/** Takes rows out of the list as dropped. @returns the ids that were waiting */
export async function dropSetAside(
  db: Queryable,
  { org, ids, by }: { org: string; ids: readonly number[]; by: string },
  nowMs: number,
): Promise<number[]> {
  const dropped = await db.query<{ id: number }>(
    `update set_aside set state = 'dropped', judged_by = $3, judged_at = $4
     where org = $1 and id = any($2::bigint[]) and state = 'waiting' returning id`,
    [org, ids, by, nowMs],
  )
  return dropped.map(({ id }) => id).sort((a, b) => a - b)
}
