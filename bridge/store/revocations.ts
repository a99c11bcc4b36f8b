import type { Queryable } from './database.ts'
import { recordRightsChanges } from './rights-changes.ts'

/** One token or log-in by its jti or sid; all of a user or of a device that were issued before a time. */
export type RevocationKind = 'token' | 'account' | 'device'

/** Why, as it is listed. */
export type RevocationReason =
  | 'administrator'
  | 'logout'
  | 'refresh-reused'
  | 'password'
  | 'account-disabled'
  | 'account-deleted'

export interface RevocationFact {
  readonly org: string
  readonly kind: RevocationKind
  readonly id: string
  /** Tokens issued before this time, in milliseconds; null for `token`. */
  readonly before: number | null
  /** After this time no such token is valid any more; null = unknown. */
  readonly expiresAt: number | null
}

export interface RevocationRow {
  readonly kind: RevocationKind
  readonly id: string
  readonly before: number | null
  readonly expires_at: number | null
  readonly reason: RevocationReason
  readonly revoked_at: number
  readonly revoked_by: string
}

const FACT = 'org, kind, id, before, expires_at as "expiresAt"'

/** Revoking again never gives anything back: the later time counts. */
async function insertRevocation(
  tx: Queryable,
  { org, kind, id, before, expiresAt }: RevocationFact,
  { reason, by }: { reason: RevocationReason; by: string },
  nowMs: number,
): Promise<void> {
  await tx.query(
    `insert into revocations as r (org, kind, id, before, expires_at, reason, revoked_at, revoked_by)
     values ($1, $2, $3, $4, $5, $6, $7, $8)
     on conflict (org, kind, id) do update set before = greatest(r.before, excluded.before),
       expires_at = case when r.expires_at is null or excluded.expires_at is null then null
         else greatest(r.expires_at, excluded.expires_at) end,
       reason = excluded.reason, revoked_at = excluded.revoked_at, revoked_by = excluded.revoked_by`,
    [org, kind, id, before, expiresAt, reason, nowMs, by],
  )
}

/** Revokes one token by its `jti`, or by its `sid` all of a log-in, and tells every node. `sub`: whose it is, where that is known. */
export async function revokeToken(
  tx: Queryable,
  token: { org: string; id: string; expiresAt: number | null; sub: string | null },
  why: { reason: RevocationReason; by: string },
  nowMs: number,
): Promise<void> {
  const { org, id, expiresAt, sub } = token
  await insertRevocation(tx, { org, kind: 'token', id, before: null, expiresAt }, why, nowMs)
  await recordRightsChanges(tx, [{ org, kind: 'revoked-token', id, sub }], nowMs)
}

/** Revokes all tokens of a user (`account`) or of a device that were issued before a time, and tells every node. */
export async function revokeTokensBefore(
  tx: Queryable,
  { org, kind, sub, before }: { org: string; kind: 'account' | 'device'; sub: string; before: number },
  why: { reason: RevocationReason; by: string },
  nowMs: number,
): Promise<void> {
  await insertRevocation(tx, { org, kind, id: sub, before, expiresAt: null }, why, nowMs)
  await recordRightsChanges(tx, [{ org, kind: `revoked-${kind}`, id: sub, sub }], nowMs)
}

/** Newest first. */
export function listRevocations(
  db: Queryable,
  org: string,
  { after, limit, nowMs }: { after: readonly [number, string, string] | undefined; limit: number; nowMs: number },
): Promise<RevocationRow[]> {
  const [revokedAt, kind, id] = after ?? [null, null, null]
  return db.query<RevocationRow>(
    `select kind, id, before, expires_at, reason, revoked_at, revoked_by from revocations
     where org = $1 and (expires_at is null or expires_at > $2)
       and ($3::bigint is null or revoked_at < $3 or (revoked_at = $3 and (kind, id) > ($4::text, $5::text)))
     order by revoked_at desc, kind, id limit $6`,
    [org, nowMs, revokedAt, kind, id, limit],
  )
}

/** Every revocation that still can concern a token. */
export function loadRevocations(db: Queryable, nowMs: number): Promise<RevocationFact[]> {
  return db.query(`select ${FACT} from revocations where expires_at is null or expires_at > $1`, [nowMs])
}

export function findRevocations(
  db: Queryable,
  wanted: readonly { org: string; kind: RevocationKind; id: string }[],
): Promise<RevocationFact[]> {
  return db.query(
    `select ${FACT} from revocations
     join unnest($1::text[], $2::text[], $3::text[]) as t(org, kind, id) using (org, kind, id)`,
    [wanted.map(({ org }) => org), wanted.map(({ kind }) => kind), wanted.map(({ id }) => id)],
  )
}

/** Deletes those whose tokens have expired before. */
export async function sweepRevocations(db: Queryable, beforeMs: number): Promise<void> {
  await db.query('delete from revocations where expires_at < $1', [beforeMs])
}
