import type { Queryable } from './database.ts'

/** The epoch of every organisation: how often its fences, rules or groups were changed. */
export function loadEpochs(db: Queryable): Promise<{ readonly org: string; readonly epoch: number }[]> {
  return db.query('select org, epoch from organisations where epoch > 0')
}

/** Counts one more change of the organisation, which exists. @returns the epoch of this change; no other one has it */
export async function nextEpoch(tx: Queryable, org: string): Promise<number> {
  const [row] = await tx.query<{ epoch: number }>(
    'update organisations set epoch = epoch + 1 where org = $1 returning epoch',
    [org],
  )
  return row!.epoch
}
