import type { Role } from '../../../contract/index.ts'
import type { Queryable } from '../database.ts'

export interface AccountRow {
  readonly role: Role
  readonly devices: string[]
}

/** What the account of a person says; undefined when nobody has that id. */
export async function findAccount(db: Queryable, org: string, userId: string): Promise<AccountRow | undefined> {
  const rows = await db.query<AccountRow>('select role, devices from users where org = $1 and user_id = $2', [
    org,
    userId,
  ])
  return rows[0]
}
