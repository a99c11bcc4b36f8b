import { createHash, randomBytes } from 'node:crypto'
import { type Claims, type Principal, TrackwireError } from '../../contract/index.ts'
import type { Queryable } from '../store/database.ts'
import { deleteLoginCode, insertLoginCode } from '../store/login-codes.ts'

/** A link that is printed or sent is followed at once or not at all. */
export const CODE_LIFETIME_SECONDS = 600

/** What the token that a code is swapped for will say. */
export type CodeRights = Pick<Claims, 'sub' | 'org' | 'role'> &
  Partial<Pick<Claims, 'devices' | 'groups' | 'acl' | 'sid'>> & {
    /** Milliseconds: it lives no longer than the token of whoever asked for the code. */
    readonly expiresAtMs: number
  }

const hashOf = (code: string): string => createHash('sha256').update(code).digest('hex')

/** A code of 128 random bits that stands for the rights of a principal, good for one use; only its hash is kept. */
export async function issueLoginCode(db: Queryable, principal: Principal, nowMs: number): Promise<string> {
  const { sub, org, role, devices, groups, acl, jti, sid = jti, expiresAtMs } = principal
  const rights: CodeRights = {
    sub,
    org,
    role,
    expiresAtMs,
    // It ends with the log-in, or the token, that it comes of.
    ...(sid !== undefined && { sid }),
    ...(devices.size > 0 && { devices: [...devices] }),
    ...(groups.length > 0 && { groups: [...groups] }),
    ...(acl.length > 0 && { acl: [...acl] }),
  }
  const code = randomBytes(16).toString('base64url')
  await insertLoginCode(db, { hash: hashOf(code), rights, expiresAt: nowMs + CODE_LIFETIME_SECONDS * 1_000 }, nowMs)
  return code
}

/** Uses a code up. @throws TrackwireError token_invalid when it is not known, was used or is too old */
export async function redeemLoginCode(db: Queryable, code: string, nowMs: number): Promise<CodeRights> {
  const rights = await deleteLoginCode<CodeRights>(db, hashOf(code), nowMs)
  if (rights !== undefined && rights.expiresAtMs > nowMs) return rights
  throw new TrackwireError('token_invalid', 'the code was used already or is too old; ask for a new link, or log in')
}
