import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { TrackwireError } from '../../contract/index.ts'
import type { Database } from '../store/database.ts'

const LIFETIME_MS = 7 * 24 * 3_600_000

const newToken = (): string => randomBytes(32).toString('base64url')
/** The token has 256 random bits, so a plain hash is as good as a slow one. */
const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex')

/** Starts a family: one log-in and all refresh tokens that follow from it. Returns the token; only its hash is kept. */
export async function issueRefreshToken(db: Database, org: string, userId: string, nowMs: number): Promise<string> {
  const token = newToken()
  await db.query('delete from refresh_tokens where user_id = $1 and expires_at < $2', [userId, nowMs])
  await db.query(
    `insert into refresh_tokens (token_hash, family, org, user_id, created_at, expires_at)
     values ($1, $2, $3, $4, $5, $6)`,
    [hashOf(token), randomUUID(), org, userId, nowMs, nowMs + LIFETIME_MS],
  )
  return token
}

/**
 * Uses a token up and gives the next one of its family. Using one twice revokes the family: one of the two users stole it.
 * @throws TrackwireError token_invalid, token_expired, refresh_reused
 */
export async function rotateRefreshToken(
  db: Database,
  token: string,
  nowMs: number,
): Promise<{ userId: string; next: string }> {
  const next = newToken()
  // One statement: a second user of the same token waits for it, then finds it used and its successor there to revoke.
  const rotated = await db.query<{ user_id: string }>(
    `with used as (
       update refresh_tokens set used_at = $2
       where token_hash = $1 and used_at is null and revoked_at is null and expires_at > $2
       returning family, org, user_id
     )
     insert into refresh_tokens (token_hash, family, org, user_id, created_at, expires_at)
     select $3, family, org, user_id, $2, $4 from used
     returning user_id`,
    [hashOf(token), nowMs, hashOf(next), nowMs + LIFETIME_MS],
  )
  if (rotated[0] !== undefined) return { userId: rotated[0].user_id, next }
  const found = await db.query<{ used_at: number | null; revoked_at: number | null }>(
    'select used_at, revoked_at from refresh_tokens where token_hash = $1',
    [hashOf(token)],
  )
  if (found[0] === undefined) throw new TrackwireError('token_invalid', 'the refresh token is not known; log in again')
  if (found[0].used_at !== null) {
    await revokeFamilyOf(db, token, nowMs)
    throw new TrackwireError('refresh_reused')
  }
  if (found[0].revoked_at !== null) {
    throw new TrackwireError('token_invalid', 'the refresh token was revoked; log in again')
  }
  throw new TrackwireError('token_expired', 'the refresh token has expired; log in again')
}

/** Revokes every token of the family that this token belongs to. @returns whose it was, unless nothing was left to revoke */
export async function revokeFamilyOf(
  db: Database,
  token: string,
  nowMs: number,
): Promise<{ org: string; userId: string } | undefined> {
  const [revoked] = await db.query<{ org: string; userId: string }>(
    `update refresh_tokens set revoked_at = $2
     where family = (select family from refresh_tokens where token_hash = $1) and revoked_at is null
     returning org, user_id as "userId"`,
    [hashOf(token), nowMs],
  )
  return revoked
}
