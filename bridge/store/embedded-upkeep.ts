import type { Queryable } from './database.ts'

/** Rewritten or emptied all the time; what a warm-up wrote to `devices` and rolled back lies there too. */
const BUSY_TABLES = ['device_state', 'outbox', 'bridge_queue', 'devices']

/**
 * What a server does in the background and the embedded database, a single process, never does by itself: reclaim the space of
 * replaced rows, and write a checkpoint so that the log stays short and an unclean end is recovered from quickly.
 */
export async function tidyEmbedded(db: Queryable): Promise<void> {
  for (const table of BUSY_TABLES) await db.query(`vacuum ${table}`)
  await db.query('checkpoint')
}
