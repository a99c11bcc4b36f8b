import type { Logger } from 'pino'
import { acquireDataFolder, type Database, openDatabase } from '../bridge/index.ts'
import type { Config } from './config.ts'

/** Opens the database for one command: the embedded one under the data folder's lock, a server without it. */
export async function withDatabase<T>(
  { dataDirectory, databaseUrl }: Config,
  logger: Logger,
  work: (db: Database) => Promise<T>,
): Promise<T> {
  const lock = databaseUrl === undefined ? await acquireDataFolder(dataDirectory, { pid: process.pid }) : undefined
  try {
    const db = await openDatabase({ url: databaseUrl, dataDirectory, logger })
    try {
      return await work(db)
    } finally {
      await db.close()
    }
  } finally {
    await lock?.close()
  }
}
