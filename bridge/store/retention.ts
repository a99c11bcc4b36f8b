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

/** States and reasons of fixes that are gone. The last checkpoint before stays: it is where a fix after a long silence starts. */
const DERIVED = {
  device_checkpoints: `exists (select 1 from device_checkpoints n where n.org = t.org and n.device_id = t.device_id
    and n.fix_time > t.fix_time and n.fix_time < $1)`,
  decisions: 'true',
}

async function deleteDerived(db: Queryable, table: keyof typeof DERIVED, beforeMs: number): Promise<number> {
  const rows = await db.query(
    `delete from ${table} where ctid = any(array(
       select ctid from ${table} t where fix_time < $1 and ${DERIVED[table]} limit $2)) returning 1`,
    [beforeMs, CHUNK],
  )
  return rows.length
}

async function untilFewer(deleteChunk: () => Promise<number>): Promise<number> {
  for (let rows = 0; ; ) {
    const deleted = await deleteChunk()
    rows += deleted
    if (deleted < CHUNK) return rows
  }
}

/**
 * Drops whole days older than `rawDays`, older rows of the default partition, and what was kept beside those fixes. `rawDays` 0 keeps everything.
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
  const beforeMs = nowMs - rawDays * DAY_MS
  const rows = await untilFewer(() => deleteFromDefault(db, beforeMs))
  await untilFewer(() => deleteDerived(db, 'device_checkpoints', beforeMs))
  await untilFewer(() => deleteDerived(db, 'decisions', beforeMs))
  return { days, rows }
}
