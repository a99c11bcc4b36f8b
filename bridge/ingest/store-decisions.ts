import type { Queryable } from '../store/database.ts'
import { type DecisionRow, deleteDecisions, findDecisions, insertDecisions } from '../store/decisions.ts'
import type { ReplacedStretch } from './evaluate.ts'
import { isSettledDecision } from './settled.ts'

/** Stores why there were events or none; in stretches that were evaluated again they take the place of those before. */
export async function storeDecisions(
  tx: Queryable,
  decisions: readonly DecisionRow[],
  replaced: readonly ReplacedStretch[],
): Promise<void> {
  const gone: number[] = []
  for (const { surroundings, from, to, ...device } of replaced) {
    for (const { seq, causeTime, ...about } of await findDecisions(tx, device, from, to)) {
      if (!isSettledDecision(surroundings, about, causeTime)) gone.push(seq)
    }
  }
  await deleteDecisions(tx, gone)
  await insertDecisions(tx, decisions)
}
