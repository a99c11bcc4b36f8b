import type { Queryable } from './database.ts'

/** Keeps a code, by its hash; those that nobody used in time go. Times are in milliseconds. */
export async function insertLoginCode(
  db: Queryable,
  { hash, rights, expiresAt }: { hash: string; rights: object; expiresAt: number },
  nowMs: number,
): Promise<void> {
  await db.query(
    `with stale as (delete from login_codes where expires_at <= $4)
     insert into login_codes (code_hash, rights, expires_at) values ($1, $2::jsonb, $3)`,
    [hash, JSON.stringify(rights), expiresAt, nowMs],
  )
}

/** Takes a code that is still good: of two that ask at once one gets it. */
export async function deleteLoginCode<Rights>(db: Queryable, hash: string, nowMs: number): Promise<Rights | undefined> {
  const [row] = await db.query<{ rights: Rights }>(
    'delete from login_codes where code_hash = $1 and expires_at > $2 returning rights',
    [hash, nowMs],
  )
  return row?.rights
}
