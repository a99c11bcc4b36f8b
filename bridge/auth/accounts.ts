import { randomBytes } from 'node:crypto'
import { Counter, type Registry } from 'prom-client'
import { isId, isOrg, type Role, TrackwireError } from '../../contract/index.ts'
import type { Database, Queryable } from '../store/database.ts'
import { createAttempts } from './attempts.ts'
import { hashPassword, unknownUserHash, verifyPassword } from './passwords.ts'
import { issueRefreshToken, revokeFamilyOf, rotateRefreshToken } from './refresh-tokens.ts'

/** More at once would fill the thread pool that file access shares, and 32 MiB each. */
const PASSWORDS_AT_ONCE = 2
const PASSWORDS_WAITING = 50

/** A person's account: what its tokens are made from. */
export interface Account {
  readonly sub: string
  readonly org: string
  readonly role: Role
  /** Devices granted to it beside what the role gives. */
  readonly devices: readonly string[]
}

export interface Session {
  readonly account: Account
  /** 256 random bits, base64url, good for one use within 7 days. */
  readonly refreshToken: string
}

export interface Accounts {
  /** Errors: `credentials_wrong`, `too_many_attempts` (details.retryAfterSeconds). */
  login(attempt: { username: string; password: string; address: string }): Promise<Session>
  /** Swaps a refresh token for the next of its family. Errors: `token_invalid`, `token_expired`, `refresh_reused`. */
  refresh(refreshToken: string): Promise<Session>
  /** Revokes the token's family; an unknown token is no error. Resolves with whose session ended, if one did. */
  logout(refreshToken: string): Promise<{ org: string; userId: string } | undefined>
}

/** @param options.now clock in milliseconds */
export function createAccounts(
  db: Database,
  options: { now?: () => number; registry?: Registry | undefined } = {},
): Accounts {
  const now = options.now ?? Date.now
  const attempts = createAttempts()
  const logins = options.registry && countLogins(options.registry)
  const strangerHash = unknownUserHash()
  const hashing = createTurns(PASSWORDS_AT_ONCE, PASSWORDS_WAITING)

  return {
    async login({ username, password, address }) {
      const attempt = { username, address }
      const earlyMs = attempts.begin(attempt, now())
      if (earlyMs > 0) {
        logins?.inc({ result: 'slowed' })
        throw tooMany(earlyMs)
      }
      const found = isId(username) ? await findUser(db, username) : undefined
      const right = await hashing(() => verifyPassword(password, found?.password_hash ?? strangerHash))
      logins?.inc({ result: found !== undefined && right ? 'right' : 'wrong' })
      if (found === undefined || !right) throw new TrackwireError('credentials_wrong')
      attempts.succeed(attempt, now())
      return { account: accountOf(found), refreshToken: await issueRefreshToken(db, found.org, found.user_id, now()) }
    },

    async refresh(refreshToken) {
      const { userId, next } = await rotateRefreshToken(db, refreshToken, now())
      const found = await findUser(db, userId)
      if (found === undefined) throw new TrackwireError('token_invalid', 'the account of this token is gone')
      return { account: accountOf(found), refreshToken: next }
    },

    async logout(refreshToken) {
      return revokeFamilyOf(db, refreshToken, now())
    },
  }
}

/**
 * Makes the organisation `demo` and its administrator `admin` when there is no user at all.
 * @returns the one-time password to print, or null when there are users already
 */
export async function ensureFirstAccount(
  db: Database,
): Promise<{ org: string; username: string; password: string } | null> {
  const users = await db.query('select 1 from users limit 1')
  if (users.length > 0) return null
  const first = { org: 'demo', username: 'admin', password: randomBytes(12).toString('base64url') }
  // Two processes that start together both come this far; the one whose insert counts prints its password.
  const created = await createUser(db, { ...first, role: 'admin' })
  return created ? first : null
}

/**
 * Makes an account (and its organisation); user ids are unique across organisations because people log in with them alone.
 * @returns false when the user id is taken
 */
export async function createUser(
  db: Database,
  user: { org: string; username: string; role: Role; password: string; devices?: readonly string[] },
): Promise<boolean> {
  if (!isId(user.username)) throw new TrackwireError('request_invalid', `${user.username} is not a valid user name`)
  if (!isOrg(user.org)) throw new TrackwireError('request_invalid', `${user.org} is not a valid organisation name`)
  const hash = await hashPassword(user.password)
  const createdAt = Date.now()
  return db.transaction(async tx => {
    await tx.query('insert into organisations (org, created_at) values ($1, $2) on conflict do nothing', [
      user.org,
      createdAt,
    ])
    const rows = await tx.query(
      `insert into users (org, user_id, role, password_hash, devices, created_at)
       values ($1, $2, $3, $4, $5, $6) on conflict do nothing returning user_id`,
      [user.org, user.username, user.role, hash, user.devices ?? [], createdAt],
    )
    return rows.length > 0
  })
}

/** Replaces the password and ends every session of the account. Returns false when there is no such user. */
export async function setPassword(db: Database, username: string, password: string): Promise<boolean> {
  const hash = await hashPassword(password)
  return db.transaction(async tx => {
    const rows = await tx.query('update users set password_hash = $2 where user_id = $1 returning user_id', [
      username,
      hash,
    ])
    await tx.query('delete from refresh_tokens where user_id = $1', [username])
    return rows.length > 0
  })
}

interface UserRow {
  org: string
  user_id: string
  role: string
  password_hash: string
  devices: string[]
}

async function findUser(db: Queryable, userId: string): Promise<UserRow | undefined> {
  const rows = await db.query<UserRow>(
    'select org, user_id, role, password_hash, devices from users where user_id = $1',
    [userId],
  )
  return rows[0]
}

function accountOf(row: UserRow): Account {
  return { sub: row.user_id, org: row.org, role: row.role as Role, devices: row.devices }
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

/** Runs at most `atOnce` pieces of work at a time and lets `waiting` more wait; the rest are turned away. */
function createTurns(atOnce: number, waiting: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0
  const queue: (() => void)[] = []
  return async work => {
    if (running >= atOnce) {
      if (queue.length >= waiting) throw tooMany(1_000)
      // The one that ends hands its turn over, so `running` stays.
      await new Promise<void>(resolve => queue.push(resolve))
    } else {
      running += 1
    }
    try {
      return await work()
    } finally {
      const next = queue.shift()
      if (next === undefined) running -= 1
      else next()
    }
  }
}
