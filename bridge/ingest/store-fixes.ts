import type { LocationUpdate } from '../../contract/index.ts'
import { DatabaseError, type Queryable } from '../store/database.ts'
import { insertFixes, insertNewFixes } from '../store/fixes.ts'
import { insertSetAside } from '../store/set-aside.ts'
import { UNIQUE_VIOLATION } from '../store/sqlstate.ts'
import type { QueuedFix } from './fix-queue.ts'

/** A group of fixes by what is known of each before it is stored. */
export interface SortedFixes {
  /** Newer than everything of their device: not stored yet, unless another node was here. */
  readonly fresh: readonly QueuedFix[]
  /** Perhaps stored already. */
  readonly older: readonly QueuedFix[]
  /** Another one of the group has their time. */
  readonly repeated: readonly QueuedFix[]
  /** Kept for a person to judge. */
  readonly setAside: readonly QueuedFix[]
}

/** @param newestOf the newest fix of a device, null when it has none, undefined when that is not known */
export function sortFixes(
  items: readonly QueuedFix[],
  newestOf: (key: string) => LocationUpdate | null | undefined,
): SortedFixes {
  const sorted = { fresh: [], older: [], repeated: [], setAside: [] } as Record<keyof SortedFixes, QueuedFix[]>
  const met = new Set<string>()
  for (const item of items) {
    const { key, fix } = item
    if (item.setAside !== undefined) {
      sorted.setAside.push(item)
      continue
    }
    const id = `${key}@${fix.timestamp}`
    const newest = newestOf(key)
    if (met.has(id)) sorted.repeated.push(item)
    else if (newest === null || (newest !== undefined && newest.timestamp < fix.timestamp)) sorted.fresh.push(item)
    else sorted.older.push(item)
    met.add(id)
  }
  return sorted
}

/** @returns those that were stored before */
export async function storeFixes(tx: Queryable, fixes: SortedFixes): Promise<ReadonlySet<QueuedFix>> {
  const { fresh, older, setAside } = fixes
  const repeated = new Set(fixes.repeated)
  if (fresh.length > 0) await insertNewFixes(tx, fresh)
  if (older.length > 0) for (const index of await insertFixes(tx, older)) repeated.add(older[index]!)
  if (setAside.length > 0) {
    await insertSetAside(
      tx,
      setAside.map(({ org, deviceId, receivedAt, fix, setAside }) => ({
        org,
        deviceId,
        reason: setAside!.code,
        fixTime: fix.timestamp,
        receivedAt,
        fix,
      })),
    )
  }
  return repeated
}

/** A fresh fix that was stored all the same. */
export function wasStored(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === UNIQUE_VIOLATION
}
