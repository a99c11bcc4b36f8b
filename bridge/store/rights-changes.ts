import type { Queryable } from './database.ts'

export type RightsChangeKind =
  | 'account'
  | 'ban'
  | 'device-groups'
  | 'revoked-token'
  | 'revoked-account'
  | 'revoked-device'

/** That a fact about somebody's rights is another one now; which one is read from its own table. */
export interface RightsChangeRow {
  readonly org: string
  readonly kind: RightsChangeKind
  /** The user, the device, the token: the key of the fact within its organisation. */
  readonly id: string
  /** Whose rights it touches; null = anybody's of the organisation. */
  readonly sub: string | null
}

/** Tells every node, once the transaction is committed. Belongs into the transaction of the change itself. */
export async function recordRightsChanges(
  tx: Queryable,
  changes: readonly RightsChangeRow[],
  nowMs: number,
): Promise<void> {
  if (changes.length === 0) return
  await tx.query(
    `insert into rights_changes (org, kind, id, sub, changed_at)
     select org, kind, id, sub, $5::bigint from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as t(org, kind, id, sub)`,
    [
      changes.map(({ org }) => org),
      changes.map(({ kind }) => kind),
      changes.map(({ id }) => id),
      changes.map(({ sub }) => sub),
      nowMs,
    ],
  )
}

/** Changes after a number, in the order of their numbers, which is not that of their commits. */
export function listRightsChanges(
  db: Queryable,
  { after, limit }: { after: number; limit: number },
): Promise<(RightsChangeRow & { seq: number })[]> {
  return db.query('select seq, org, kind, id, sub from rights_changes where seq > $1 order by seq limit $2', [
    after,
    limit,
  ])
}

/** The highest number given to a change that is committed; 0 when there is none. */
export async function lastRightsChange(db: Queryable): Promise<number> {
  const [row] = await db.query<{ seq: number }>('select coalesce(max(seq), 0)::bigint as seq from rights_changes')
  return row!.seq
}

export async function deleteRightsChanges(db: Queryable, beforeMs: number): Promise<void> {
  await db.query('delete from rights_changes where changed_at < $1', [beforeMs])
}
