import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Database } from './database.ts'
import { openPglite } from './database-pglite.ts'
import { openPostgres } from './database-postgres.ts'

export interface OpenDatabaseOptions {
  /** `postgres://…` of a server; without it the embedded database is used. */
  readonly url?: string | undefined
  /** The platform's data folder; the embedded database lies in its `database`. The caller holds its lock. */
  readonly dataDirectory: string
  readonly logger: Logger
}

/** Opens the database of the platform; run {@link migrate} on it next. Errors: DatabaseError, code `connection` when a server is out of reach. */
export async function openDatabase({ url, dataDirectory, logger }: OpenDatabaseOptions): Promise<Database> {
  if (url !== undefined && url !== '') return openPostgres(url, logger)
  const folder = join(dataDirectory, 'database')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  return openPglite(folder, logger)
}
