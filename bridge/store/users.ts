import type { Role } from '../../contract/index.ts'
import type { Queryable } from './database.ts'

export interface UserRow {
  readonly org: string
  readonly user_id: string
  readonly role: Role
  /** Devices it may see beside what its role gives, and groups of which it may see the devices. */
  readonly devices: string[]
  readonly groups: string[]
  readonly disabled: boolean
  /** Null: it cannot log in here; its tokens come from an outside identity provider. */
  readonly password_hash: string | null
  readonly created_at: number
  readonly role_changed_at: number | null
}

const COLUMNS = 'org, user_id, role, devices, groups, disabled, password_hash, created_at, role_changed_at'

/** @returns undefined when the id is taken, in whichever organisation */
export async function insertUser(
  tx: Queryable,
  user: Omit<UserRow, 'disabled' | 'created_at' | 'role_changed_at'>,
  nowMs: number,
): Promise<UserRow | undefined> {
  const rows = await tx.query<UserRow>(
    `insert into users (org, user_id, role, password_hash, devices, groups, created_at)
     values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing returning ${COLUMNS}`,
    [user.org, user.user_id, user.role, user.password_hash, user.devices, user.groups, nowMs],
  )
  return rows[0]
}

/** By the id alone, as people log in. */
export async function findUserById(db: Queryable, userId: string): Promise<UserRow | undefined> {
  const rows = await db.query<UserRow>(`select ${COLUMNS} from users where user_id = $1`, [userId])
  return rows[0]
}

export async function findUser(db: Queryable, org: string, userId: string): Promise<UserRow | undefined> {
  const rows = await db.query<UserRow>(`select ${COLUMNS} from users where org = $1 and user_id = $2`, [org, userId])
  return rows[0]
}

/** In order of the id. */
export function listUsers(
  db: Queryable,
  org: string,
  { after, limit }: { after: string | undefined; limit: number },
): Promise<UserRow[]> {
  return db.query<UserRow>(
    `select ${COLUMNS} from users where org = $1 and ($2::text is null or user_id > $2) order by user_id limit $3`,
    [org, after ?? null, limit],
  )
}

/** Writes all that can be changed of a user. */
export async function updateUser(tx: Queryable, user: UserRow): Promise<void> {
  await tx.query(
    `update users set role = $3, devices = $4, groups = $5, disabled = $6, password_hash = $7, role_changed_at = $8
     where org = $1 and user_id = $2`,
    [
      user.org,
      user.user_id,
      user.role,
      user.devices,
      user.groups,
      user.disabled,
      user.password_hash,
      user.role_changed_at,
    ],
  )
}

export async function deleteUser(tx: Queryable, org: string, userId: string): Promise<void> {
  await tx.query('delete from users where org = $1 and user_id = $2', [org, userId])
}

/** Changes of an organisation's users, and what is counted for them, come one after the other until the transaction ends. */
export async function lockUsers(tx: Queryable, org: string): Promise<void> {
  await tx.query('select 1 from organisations where org = $1 for no key update', [org])
}

/** The administrators who can log in: not disabled, not banned, with a password. */
export function listActiveAdmins(tx: Queryable, org: string, nowMs: number): Promise<{ user_id: string }[]> {
  return tx.query(
    `select user_id from users u where org = $1 and role = 'admin' and not disabled and password_hash is not null
       and not exists (select from bans b where b.org = u.org and b.sub = u.user_id and (until is null or until > $2))`,
    [org, nowMs],
  )
}

export async function hasUsers(db: Queryable): Promise<boolean> {
  return (await db.query('select 1 from users limit 1')).length > 0
}

/** What counts for rights. */
export interface AccountFact {
  readonly org: string
  readonly sub: string
  readonly role: Role
  readonly devices: string[]
  readonly groups: string[]
  readonly disabled: boolean
  readonly roleChangedAt: number | null
}

const FACT = 'org, user_id as sub, role, devices, groups, disabled, role_changed_at as "roleChangedAt"'

/** Every account. */
export function loadAccounts(db: Queryable): Promise<AccountFact[]> {
  return db.query(`select ${FACT} from users`)
}

/** Those of these that exist. */
export function findAccounts(db: Queryable, users: readonly { org: string; id: string }[]): Promise<AccountFact[]> {
  return db.query(
    `select ${FACT} from users join unnest($1::text[], $2::text[]) as t(org, user_id) using (org, user_id)`,
    [users.map(({ org }) => org), users.map(({ id }) => id)],
  )
}
