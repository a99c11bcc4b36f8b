import { isId, isOrg, type Role, TrackwireError } from '../../contract/index.ts'
import { type Act, recordAudit } from '../store/audit.ts'
import type { Database, Queryable } from '../store/database.ts'
import { ensureOrganisations } from '../store/devices.ts'
import { type RevocationReason, revokeTokensBefore } from '../store/revocations.ts'
import { recordRightsChanges } from '../store/rights-changes.ts'
import {
  deleteUser,
  findUser,
  hasUsers,
  insertUser,
  listActiveAdmins,
  lockUsers,
  type UserRow,
  updateUser,
} from '../store/users.ts'
import { checkPassword, generatePassword, hashPassword } from './passwords.ts'
import { forgetRefreshTokens } from './refresh-tokens.ts'

/** What people can be; a device has a token of its own. */
export const ACCOUNT_ROLES = ['driver', 'user', 'dispatcher', 'admin', 'service'] as const

export interface NewUser {
  readonly id: string
  readonly role: Role
  /** Null: none, the person comes with tokens of an outside identity provider. */
  readonly password: string | null
  readonly devices?: readonly string[] | undefined
  readonly groups?: readonly string[] | undefined
}

/** What is left out stays as it is. */
export interface UserChange {
  readonly role?: Role | undefined
  readonly disabled?: boolean | undefined
  readonly devices?: readonly string[] | undefined
  readonly groups?: readonly string[] | undefined
  readonly password?: string | null | undefined
}

/**
 * The accounts of an organisation, as an administrator looks after them; the organisation is that of the act, which goes into the audit
 * log. What is changed is in force everywhere within a second.
 */
export interface Users {
  /** Errors: `conflict`, `password_weak`, `request_invalid`. */
  create(act: Act, user: NewUser): Promise<UserRow>
  /**
   * A new role counts for the tokens that are out too; a new password and disabling end every token issued until now.
   * Errors: `user_unknown`, `last_admin`, `password_weak`.
   */
  change(act: Act, userId: string, change: UserChange): Promise<UserRow>
  /** Ends every token issued until now. Errors: `user_unknown`, `last_admin`. */
  remove(act: Act, userId: string): Promise<void>
}

export interface UsersOptions {
  /** Clock in milliseconds. */
  readonly now?: (() => number) | undefined
  /** Called after a change was committed, so that this process applies it before it answers; other ones notice by themselves. */
  readonly rightsChanged?: (() => Promise<void>) | undefined
}

export function createUsers(db: Database, options: UsersOptions = {}): Users {
  const now = options.now ?? Date.now
  const rightsChanged = options.rightsChanged ?? (async () => {})

  async function mustFind(tx: Queryable, org: string, userId: string): Promise<UserRow> {
    await lockUsers(tx, org)
    const user = await findUser(tx, org, userId)
    if (user === undefined) throw unknownUser(userId)
    return user
  }

  return {
    async create(act, { id, role, password, devices = [], groups = [] }) {
      const { org } = act
      checkNames(org, id)
      const password_hash = await hashOf(password, id)
      const user = await db.transaction(async tx => {
        const nowMs = now()
        await ensureOrganisations(tx, [org], nowMs)
        const row = { org, user_id: id, role, password_hash, devices: [...devices], groups: [...groups] }
        const created = await insertUser(tx, row, nowMs)
        if (created === undefined)
          throw new TrackwireError('conflict', `the user id ${id} is taken; choose another one`)
        await tellOf(tx, created, act, nowMs)
        return created
      })
      await rightsChanged()
      return user
    },

    async change(act, userId, { password, ...change }) {
      const { org, actor: by } = act
      const hash = password === undefined ? undefined : await hashOf(password, userId)
      const user = await db.transaction(async tx => {
        const nowMs = now()
        const before = await mustFind(tx, org, userId)
        const after: UserRow = {
          ...before,
          role: change.role ?? before.role,
          disabled: change.disabled ?? before.disabled,
          devices: [...(change.devices ?? before.devices)],
          groups: [...(change.groups ?? before.groups)],
          password_hash: hash === undefined ? before.password_hash : hash,
          role_changed_at: (change.role ?? before.role) === before.role ? before.role_changed_at : nowMs,
        }
        if (after.role !== 'admin' || after.disabled || after.password_hash === null) {
          await mustLeaveAnAdmin(tx, org, userId, nowMs)
        }
        await updateUser(tx, after)
        const reason = after.disabled && !before.disabled ? 'account-disabled' : 'password'
        if (reason === 'account-disabled' || hash !== undefined) await endTokens(tx, after, { reason, by }, nowMs)
        await tellOf(tx, after, act, nowMs)
        return after
      })
      await rightsChanged()
      return user
    },

    async remove(act, userId) {
      const { org, actor: by } = act
      await db.transaction(async tx => {
        const nowMs = now()
        const user = await mustFind(tx, org, userId)
        await mustLeaveAnAdmin(tx, org, userId, nowMs)
        await deleteUser(tx, org, userId)
        await endTokens(tx, user, { reason: 'account-deleted', by }, nowMs)
        await tellOf(tx, user, act, nowMs)
      })
      await rightsChanged()
    },
  }
}

/** Whoever it is about is no longer an administrator who can log in; another one has to be. Lock the users first. Errors: `last_admin`. */
export async function mustLeaveAnAdmin(tx: Queryable, org: string, userId: string, nowMs: number): Promise<void> {
  const admins = await listActiveAdmins(tx, org, nowMs)
  if (admins.length > 1 || admins[0]?.user_id !== userId) return
  throw new TrackwireError(
    'last_admin',
    `${userId} is the last administrator of ${org} who can log in; make somebody else an administrator first`,
  )
}

export function unknownUser(userId: string): TrackwireError {
  return new TrackwireError('user_unknown', `there is no user ${userId} in this organisation`)
}

/**
 * Makes the organisation `demo` and its administrator `admin` when there is no user at all.
 * @returns the one-time password to print, or null when there are users already
 */
export async function ensureFirstAccount(
  db: Database,
): Promise<{ org: string; username: string; password: string } | null> {
  if (await hasUsers(db)) return null
  const first = { org: 'demo', username: 'admin', password: generatePassword() }
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
  try {
    const act = { org: user.org, actor: 'trackwire', action: 'user.create', target: user.username }
    await createUsers(db).create(act, { ...user, id: user.username })
    return true
  } catch (error) {
    if (error instanceof TrackwireError && error.code === 'conflict') return false
    throw error
  }
}

function checkNames(org: string, userId: string): void {
  if (!isId(userId)) throw new TrackwireError('request_invalid', `${userId} is not a valid user id`)
  if (!isOrg(org)) throw new TrackwireError('request_invalid', `${org} is not a valid organisation name`)
}

async function hashOf(password: string | null, userId: string): Promise<string | null> {
  if (password === null) return null
  checkPassword(password, userId)
  return hashPassword(password)
}

async function endTokens(
  tx: Queryable,
  { org, user_id }: UserRow,
  why: { reason: RevocationReason; by: string },
  nowMs: number,
): Promise<void> {
  await forgetRefreshTokens(tx, org, user_id)
  await revokeTokensBefore(tx, { org, kind: 'account', sub: user_id, before: nowMs }, why, nowMs)
}

async function tellOf(tx: Queryable, { org, user_id }: UserRow, act: Act, nowMs: number): Promise<void> {
  await recordAudit(tx, act, nowMs)
  await recordRightsChanges(tx, [{ org, kind: 'account', id: user_id, sub: user_id }], nowMs)
}
