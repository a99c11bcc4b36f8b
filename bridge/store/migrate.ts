import { readdir, readFile } from 'node:fs/promises'
import type { Database } from './database.ts'

const MIGRATIONS = new URL('./migrations/', import.meta.url)
/** `NNNN-what-it-does.sql`, applied in the order of their numbers and never changed once released. */
const MIGRATION_FILE = /^(\d{4})-[a-z0-9-]+\.sql$/
/** Any number that no one else takes: 'trck' in ASCII. */
const ADVISORY_LOCK = 0x7472636b

/**
 * Brings the schema up to this version; forward only. All missing migrations are one transaction under an advisory lock,
 * so two processes that start together do not meet, and a failure leaves the schema as it was.
 * @returns the names of the migrations that were applied
 * @throws Error when the database was made by a newer version
 */
export async function migrate(db: Database): Promise<string[]> {
  const files = (await readdir(MIGRATIONS)).filter(name => MIGRATION_FILE.test(name)).sort()
  return db.transaction(async tx => {
    await tx.query('select pg_advisory_xact_lock($1)', [ADVISORY_LOCK])
    await tx.exec('create table if not exists migrations (name text primary key, applied_at bigint not null)')
    const applied = new Set((await tx.query<{ name: string }>('select name from migrations')).map(({ name }) => name))
    for (const name of applied) {
      if (!files.includes(name)) {
        throw new Error(`the database has migration ${name}, which this version does not know: start a newer Trackwire`)
      }
    }
    const missing = files.filter(name => !applied.has(name))
    for (const name of missing) {
      await tx.exec(await readFile(new URL(name, MIGRATIONS), 'utf8'))
      await tx.query('insert into migrations (name, applied_at) values ($1, $2)', [name, Date.now()])
    }
    return missing
  })
}
