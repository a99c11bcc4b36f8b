import { Counter, type Registry } from 'prom-client'
import { isId, type Role, TrackwireError } from '../../contract/index.ts'
import { recordAudit } from '../store/audit.ts'
import { findBan } from '../store/bans.ts'
import type { Database, Queryable } from '../store/database.ts'
import { recordRightsChanges } from '../store/rights-changes.ts'
import { findUser, findUserById, lockUsers, type UserRow, updateUser } from '../store/users.ts'
import { createAttempts } from './attempts.ts'
import { checkPassword, hashPassword, unknownUserHash, verifyPassword } from './passwords.ts'
import {
  endLoginOf,
  endOtherLogins,
  issueRefreshToken,
  refuseRefreshToken,
  rotateRefreshToken,
} from './refresh-tokens.ts'
import { banned } from './rights-of-organisation.ts'
import { createTurns } from './turns.ts'

/** More at once would fill the thread pool that file access shares, and 32 MiB each. */
const PASSWORDS_AT_ONCE = 2
const PASSWORDS_WAITING = 50

/** A person's account: what its tokens are made from. What it may see besides is looked up live, see `Rights`. */
export interface Account {
  readonly sub: string
  readonly org: string
  readonly role: Role
}

export interface Session {
  readonly account: Account
  /** The log-in: all its tokens bear it and end together. */
  readonly sid: string
  /** 256 random bits, base64url, good for one use within 7 days. */
  readonly refreshToken: string
}

export interface PasswordChange {
  readonly org: string
  readonly sub: string
  /** The log-in that goes on; all others of the account end. */
  readonly sid: string | undefined
  readonly oldPassword: string
  readonly newPassword: string
  readonly address: string
}

export interface Accounts {
  /** Errors: `credentials_wrong`, `too_many_attempts` (details.retryAfterSeconds), `account_disabled`, `principal_banned`. */
  login(attempt: { username: string; password: string; address: string }): Promise<Session>
  /**
   * Swaps a refresh token for the next of its family.
   * Errors: `token_invalid`, `token_expired`, `refresh_reused`, `account_disabled`, `principal_banned`.
   */
  refresh(refreshToken: string): Promise<Session>
  /** Ends the log-in with all its tokens; an unknown token is no error. Resolves with whose log-in ended, if one did. */
  logout(refreshToken: string): Promise<{ org: string; userId: string } | undefined>
  /** One's own. Errors: `password_weak`, `credentials_wrong`, `too_many_attempts`. */
  changePassword(change: PasswordChange): Promise<void>
}

export interface AccountsOptions {
  /** Clock in milliseconds. */
  readonly now?: (() => number) | undefined
  /** Called when a log-in was ended, so that this process applies it before it answers; other ones notice by themselves. */
  readonly rightsChanged?: (() => Promise<void>) | undefined
  /** Counts the attempts to log in. */
  readonly registry?: Registry | undefined
}

export function createAccounts(db: Database, options: AccountsOptions = {}): Accounts {
  const now = options.now ?? Date.now
  const rightsChanged = options.rightsChanged ?? (async () => {})
  const attempts = createAttempts()
  const logins = options.registry && countLogins(options.registry)
  const strangerHash = unknownUserHash()
  const hashing = createTurns(PASSWORDS_AT_ONCE, PASSWORDS_WAITING, () => tooMany(1_000))

  /** The account whose password this is. */
  async function authenticate(
    find: () => Promise<UserRow | undefined>,
    { username, password, address }: { username: string; password: string; address: string },
  ): Promise<UserRow> {
    const attempt = { username, address }
    const earlyMs = attempts.begin(attempt, now())
    if (earlyMs > 0) {
      logins?.inc({ result: 'slowed' })
      throw tooMany(earlyMs)
    }
    const found = await find()
    const right = await hashing(() => verifyPassword(password, found?.password_hash ?? strangerHash))
    logins?.inc({ result: found !== undefined && right ? 'right' : 'wrong' })
    if (found === undefined || !right) throw new TrackwireError('credentials_wrong')
    attempts.succeed(attempt, now())
    return found
  }

  return {
    async login(attempt) {
      const found = await authenticate(
        async () => (isId(attempt.username) ? findUserById(db, attempt.username) : undefined),
        attempt,
      )
      await mayEnter(db, found, now())
      const { token, sid } = await issueRefreshToken(db, found.org, found.user_id, now())
      return { account: accountOf(found), sid, refreshToken: token }
    },

    async refresh(refreshToken) {
      const session = await db.transaction(async tx => {
        const rotated = await rotateRefreshToken(tx, refreshToken, now())
        if (rotated === undefined) return undefined
        const found = await findUserById(tx, rotated.userId)
        if (found === undefined) throw new TrackwireError('token_invalid', 'the account of this token is gone')
        // Refused, the token is not used up: it serves again when the ban is over.
        await mayEnter(tx, found, now())
        return { account: accountOf(found), sid: rotated.sid, refreshToken: rotated.next }
      })
      return session ?? refuseRefreshToken(db, refreshToken, now()).finally(rightsChanged)
    },

    async logout(refreshToken) {
      const ended = await endLoginOf(db, refreshToken, 'logout', now())
      await rightsChanged()
      return ended
    },

    async changePassword({ org, sub, sid, oldPassword, newPassword, address }) {
      checkPassword(newPassword, sub)
      await authenticate(() => findUser(db, org, sub), { username: sub, password: oldPassword, address })
      const hash = await hashing(() => hashPassword(newPassword))
      await db.transaction(async tx => {
        await lockUsers(tx, org)
        const user = await findUser(tx, org, sub)
        if (user === undefined) throw new TrackwireError('credentials_wrong')
        await updateUser(tx, { ...user, password_hash: hash })
        await endOtherLogins(tx, { org, userId: sub, sid }, now())
        await recordAudit(tx, { org, actor: sub, action: 'user.password', target: sub, address }, now())
        await recordRightsChanges(tx, [{ org, kind: 'account', id: sub, sub }], now())
      })
      await rightsChanged()
    },
  }
}

async function mayEnter(db: Queryable, { org, user_id, disabled }: UserRow, nowMs: number): Promise<void> {
  if (disabled) throw new TrackwireError('account_disabled')
  const ban = await findBan(db, org, user_id, nowMs)
  if (ban !== undefined) throw banned(user_id, ban.until)
}

function accountOf({ user_id, org, role }: UserRow): Account {
  return { sub: user_id, org, role }
}

function tooMany(waitMs: number): TrackwireError {
  const retryAfterSeconds = Math.ceil(waitMs / 1_000)
  return new TrackwireError('too_many_attempts', `too many attempts to log in; try again in ${retryAfterSeconds} s`, {
    details: { retryAfterSeconds },
  })
}

function countLogins(registry: Registry): Counter<'result'> {
  return new Counter({
    name: 'trackwire_logins_total',
    help: 'Attempts to log in: the password was right, wrong, or not looked at because they came too fast',
    labelNames: ['result'],
    registers: [registry],
  })
}
