import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { TrackwireError } from '../../contract/index.ts'
import type { Database, Queryable } from '../store/database.ts'
import { type RevocationReason, revokeToken } from '../store/revocations.ts'
import { REFRESH_TTL_MS, SESSION_TOKENS_LIVE_MS } from './lifetimes.ts'

const newToken = (): string => randomBytes(32).toString('base64url')
/** The token has 256 random bits, so a plain hash is as good as a slow one. */
const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex')

/**
 * Starts a family: one log-in and all refresh tokens that follow from it.
 * @returns the token, of which only the hash is kept, and the family, which is the `sid` of the access and socket tokens
 */
export async function issueRefreshToken(
  db: Database,
  org: string,
  userId: string,
  nowMs: number,
): Promise<{ token: string; sid: string }> {
  const [token, sid] = [newToken(), randomUUID()]
  await db.query(
    `insert into refresh_tokens (token_hash, family, org, user_id, created_at, expires_at)
     values ($1, $2, $3, $4, $5, $6)`,
    [hashOf(token), sid, org, userId, nowMs, nowMs + REFRESH_TTL_MS],
  )
  return { token, sid }
}

/** Uses a token up and gives the next one of its family; undefined when it cannot be used: {@link refuseRefreshToken} says why. */
export async function rotateRefreshToken(
  tx: Queryable,
  token: string,
  nowMs: number,
): Promise<{ userId: string; next: string; sid: string } | undefined> {
  const next = newToken()
  // One statement: a second user of the same token waits for it, then finds it used and its successor there to revoke.
  const [rotated] = await tx.query<{ userId: string; sid: string }>(
    `with used as (
       update refresh_tokens set used_at = $2
       where token_hash = $1 and used_at is null and revoked_at is null and expires_at > $2
       returning family, org, user_id
     )
     insert into refresh_tokens (token_hash, family, org, user_id, created_at, expires_at)
     select $3, family, org, user_id, $2, $4 from used
     returning user_id as "userId", family as sid`,
    [hashOf(token), nowMs, hashOf(next), nowMs + REFRESH_TTL_MS],
  )
  return rotated && { ...rotated, next }
}

/**
 * Why a token cannot be used. Using one twice revokes all of its log-in: one of the two users stole it.
 * @throws TrackwireError token_invalid, token_expired, refresh_reused
 */
export async function refuseRefreshToken(db: Database, token: string, nowMs: number): Promise<never> {
  const found = await db.query<{ used_at: number | null; revoked_at: number | null }>(
    'select used_at, revoked_at from refresh_tokens where token_hash = $1',
    [hashOf(token)],
  )
  if (found[0] === undefined) throw new TrackwireError('token_invalid', 'the refresh token is not known; log in again')
  if (found[0].used_at !== null) {
    await endLoginOf(db, token, 'refresh-reused', nowMs)
    throw new TrackwireError('refresh_reused')
  }
  if (found[0].revoked_at !== null) {
    throw new TrackwireError('token_invalid', 'the refresh token was revoked; log in again')
  }
  throw new TrackwireError('token_expired', 'the refresh token has expired; log in again')
}

/** Ends the log-in that this refresh token belongs to: its refresh, access and socket tokens. @returns it, unless nothing was left to end */
export function endLoginOf(
  db: Database,
  token: string,
  reason: RevocationReason,
  nowMs: number,
): Promise<Login | undefined> {
  return db.transaction(async tx => {
    const [ended] = await tx.query<Login>(
      `update refresh_tokens set revoked_at = $2
       where family = (select family from refresh_tokens where token_hash = $1) and revoked_at is null
       returning org, user_id as "userId", family as sid`,
      [hashOf(token), nowMs],
    )
    if (ended !== undefined) await revokeLogin(tx, ended, { reason, by: ended.userId }, nowMs)
    return ended
  })
}

/** The same by the `sid`, within a transaction. */
export async function endLogin(
  tx: Queryable,
  login: Login,
  why: { reason: RevocationReason; by: string },
  nowMs: number,
): Promise<void> {
  await tx.query('update refresh_tokens set revoked_at = $3 where family = $1 and org = $2 and revoked_at is null', [
    login.sid,
    login.org,
    nowMs,
  ])
  await revokeLogin(tx, login, why, nowMs)
}

/** Ends all log-ins of a user but one. */
export async function endOtherLogins(
  tx: Queryable,
  { org, userId, sid }: Omit<Login, 'sid'> & { sid: string | undefined },
  nowMs: number,
): Promise<void> {
  const ended = await tx.query<{ sid: string }>(
    'delete from refresh_tokens where org = $1 and user_id = $2 and family is distinct from $3 returning family as sid',
    [org, userId, sid ?? null],
  )
  for (const other of new Set(ended.map(({ sid }) => sid))) {
    await revokeLogin(tx, { org, userId, sid: other }, { reason: 'password', by: userId }, nowMs)
  }
}

/** For when all tokens of the user are revoked otherwise. */
export async function forgetRefreshTokens(tx: Queryable, org: string, userId: string): Promise<void> {
  await tx.query('delete from refresh_tokens where org = $1 and user_id = $2', [org, userId])
}

/** Deletes those of which no access or socket token can be valid any more either. */
export async function sweepRefreshTokens(db: Queryable, nowMs: number): Promise<void> {
  await db.query('delete from refresh_tokens where expires_at < $1', [nowMs - SESSION_TOKENS_LIVE_MS])
}

interface Login {
  readonly org: string
  readonly userId: string
  readonly sid: string
}

function revokeLogin(
  tx: Queryable,
  { org, userId, sid }: Login,
  why: { reason: RevocationReason; by: string },
  nowMs: number,
): Promise<void> {
  return revokeToken(tx, { org, id: sid, sub: userId, expiresAt: nowMs + SESSION_TOKENS_LIVE_MS }, why, nowMs)
}
