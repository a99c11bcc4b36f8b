import { DatabaseError } from '../store/database.ts'
import { IN_FAILED_TRANSACTION } from '../store/sqlstate.ts'

/**
 * Statements of one transaction that do not need each other's answers: sent one behind the other, so that they cost one wait and one
 * turn of the event loop together. Settles when all of them have, so that none comes after the end of the transaction.
 * Rejects with the failure that lost the transaction, not with those that only say that it is lost.
 */
export async function sideBySide<Work extends readonly Promise<unknown>[]>(
  ...work: Work
): Promise<{ -readonly [K in keyof Work]: Awaited<Work[K]> }> {
  const failures: unknown[] = []
  const results = await Promise.all(work.map(one => one.catch((error: unknown) => void failures.push(error))))
  if (failures.length > 0) throw failures.find(failure => !saysLost(failure)) ?? failures[0]
  return results as { -readonly [K in keyof Work]: Awaited<Work[K]> }
}

function saysLost(failure: unknown): boolean {
  return failure instanceof DatabaseError && failure.code === IN_FAILED_TRANSACTION
}
