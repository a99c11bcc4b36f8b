import { simplifyTrack } from '../../geofence-engine/index.ts'
import type { Queryable } from '../store/database.ts'
import { type FixRow, listFixes } from '../store/queries/history.ts'

export interface HistoryQuestion {
  readonly org: string
  readonly deviceId: string
  /** Milliseconds, inclusive. */
  readonly from?: number | undefined
  /** Exclusive. */
  readonly to?: number | undefined
  /** Goes on behind the fix of this time. */
  readonly afterTime?: number | undefined
  /** Leaves out what lies this near to the way between the fixes that stay. */
  readonly simplifyMeters?: number | undefined
}

/** So much of a track is in memory at a time. */
const WINDOW_FIXES = 5_000

/**
 * The fixes of a device, ascending, window by window. Simplified, each window begins with the last fix of the one before, so
 * that no fix is farther from the way than the tolerance, wherever windows meet.
 */
export async function* readHistory(
  db: Queryable,
  { org, deviceId, from, to, afterTime, simplifyMeters = 0 }: HistoryQuestion,
  windowFixes = WINDOW_FIXES,
): AsyncGenerator<readonly FixRow[]> {
  const isSimplified = simplifyMeters > 0
  let after = afterTime
  let [anchor] =
    isSimplified && after !== undefined
      ? await listFixes(db, org, deviceId, { from: after, to: after + 1, limit: 1 })
      : []
  for (;;) {
    const rows = await listFixes(db, org, deviceId, { from, to, afterTime: after, limit: windowFixes })
    if (rows.length > 0) yield isSimplified ? simplified(anchor, rows, simplifyMeters) : rows
    if (rows.length < windowFixes) return
    anchor = rows.at(-1)!
    after = anchor.fix_time
  }
}

function simplified(anchor: FixRow | undefined, rows: FixRow[], meters: number): FixRow[] {
  const track = anchor === undefined ? rows : [anchor, ...rows]
  const kept = simplifyTrack(track, meters).map(i => track[i]!)
  return anchor === undefined ? kept : kept.slice(1)
}

/** A page with many windows behind it ends early rather than reading on and on. */
const MOST_WINDOWS = 20

/** Up to `limit` fixes, and whether more follow them. */
export async function readHistoryPage(
  db: Queryable,
  question: HistoryQuestion,
  limit: number,
): Promise<{ rows: FixRow[]; hasMore: boolean }> {
  const rows: FixRow[] = []
  const windowFixes = (question.simplifyMeters ?? 0) > 0 ? WINDOW_FIXES : limit + 1
  let windows = 0
  for await (const window of readHistory(db, question, windowFixes)) {
    rows.push(...window)
    windows += 1
    if (rows.length > limit) return { rows: rows.slice(0, limit), hasMore: true }
    if (windows === MOST_WINDOWS) return { rows, hasMore: true }
  }
  return { rows, hasMore: false }
}
