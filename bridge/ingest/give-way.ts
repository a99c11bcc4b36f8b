import type { Queryable } from '../store/database.ts'
import type { Pipeline } from './pipeline.ts'

/** So often one piece of work steps back; then it is done, or a row of SOS would keep it from ever being. */
const MOST_TIMES = 2

/** An SOS waits for the database: thrown between two statements, before anything is committed. */
class GivesWay extends Error {
  override readonly name = 'GivesWay'
}

/**
 * A transaction that steps back for an SOS: when one is waiting, it is rolled back before its next statement, the SOS is served, and
 * `work` runs again from its beginning. So an SOS waits for a statement, not for thousands of fixes or fences.
 */
export async function transactionGivingWay<T>(
  { db, committer }: Pipeline,
  work: (tx: Queryable) => Promise<T>,
): Promise<T> {
  for (let times = 0; times < MOST_TIMES; times++) {
    await committer().giveWay()
    try {
      return await db.transaction(tx =>
        work({
          query: async (sql, params) => {
            if (committer().isUrgentWaiting) throw new GivesWay()
            return tx.query(sql, params)
          },
        }),
      )
    } catch (error) {
      if (!(error instanceof GivesWay)) throw error
    }
  }
  await committer().giveWay()
  return db.transaction(work)
}
