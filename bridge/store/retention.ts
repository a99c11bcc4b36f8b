import type { Database, Queryable } from './database.ts'
import { DAY_MS, type DayPartitions, dayOf } from './partitions.ts'

const DUTY = 'retention'
/** Rows of the default partition go in pieces, so that no statement holds up the fixes for long. */
const CHUNK = 5_000

/** Takes the day's clean-up for this process; false when it (or another one) ran within the last day. */
export async function claimCleanUp(db: Queryable, nowMs: number): Promise<boolean> {
  const rows = await db.query(
    `insert into duties as d (duty, ran_at) values ($1, $2)
     on conflict (duty) do update set ran_at = excluded.ran_at where d.ran_at <= $2::bigint - $3::bigint returning 1`,
    [DUTY, nowMs, DAY_MS],
  )
  return rows.length > 0
}

async function deleteFromDefault(db: Queryable, beforeMs: number): Promise<number> {
  const rows = await db.query(
    `delete from fixes_default where ctid = any(array(select ctid from fixes_default where fix_time < $1 limit $2)) returning 1`,
    [beforeMs, CHUNK],
  )
  return rows.length
}

/**
 * Drops whole days older than `rawDays`, and older rows of the default partition. `rawDays` 0 keeps everything.
 * @returns how many days were dropped and how many rows of the default partition were deleted
 */
export async function cleanUp(
  db: Database,
  partitions: DayPartitions,
  { rawDays, nowMs }: { rawDays: number; nowMs: number },
): Promise<{ days: number; rows: number }> {
  if (rawDays === 0) return { days: 0, rows: 0 }
  const firstKeptDay = dayOf(nowMs - rawDays * DAY_MS)
  let days = 0
  for (const day of partitions.days()) {
    if (day >= firstKeptDay) break
    // One that is being read for long is dropped by the next clean-up.
    if (await partitions.drop(day)) days++
  }
  let rows = 0
  for (;;) {
    const deleted = await deleteFromDefault(db, nowMs - rawDays * DAY_MS)
    rows += deleted
    if (deleted < CHUNK) return { days, rows }
  }
}
