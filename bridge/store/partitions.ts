import { type Database, DatabaseError, type Queryable } from './database.ts'
import { CHECK_VIOLATION, DUPLICATE_TABLE, LOCK_NOT_AVAILABLE } from './sqlstate.ts'

export const DAY_MS = 86_400_000
/** With raw fixes kept for ever, days older than this share the default partition: bad clocks must not make a table for each day since 1980. */
const FOREVER_DAYS = 400
/** A reader that holds the table for longer must not hold up the fixes: they go to the default partition instead. */
const LOCK_TIMEOUT = '2s'
/** And is not waited for again with every group. */
const TRY_AGAIN_MS = 60_000

const PARTITION_NAME = /^fixes_(\d{4})(\d{2})(\d{2})$/

/** The UTC day a time in milliseconds falls in, as days since the Unix epoch. */
export function dayOf(timeMs: number): number {
  return Math.floor(timeMs / DAY_MS)
}

function partitionName(day: number): string {
  return `fixes_${new Date(day * DAY_MS).toISOString().slice(0, 10).replaceAll('-', '')}`
}

/** The days that have a partition of their own. */
export async function loadPartitionDays(db: Queryable): Promise<number[]> {
  const rows = await db.query<{ name: string }>(
    `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'fixes'::regclass`,
  )
  return rows.flatMap(({ name }) => {
    const match = PARTITION_NAME.exec(name)
    return match === null ? [] : [dayOf(Date.UTC(Number(match[1]), Number(match[2]) - 1, Number(match[3])))]
  })
}

/** Makes the partition of a day. Errors: 23514 when the default partition holds rows of it, 55P03 when the table is in use for long. */
export async function createPartition(db: Database, day: number): Promise<void> {
  // DDL takes no parameters; both bounds are integers computed here.
  const [from, to] = [day * DAY_MS, (day + 1) * DAY_MS]
  await db.transaction(tx =>
    tx.exec(
      `set local lock_timeout = '${LOCK_TIMEOUT}';
       create table if not exists ${partitionName(day)} partition of fixes for values from (${from}) to (${to})`,
    ),
  )
}

/** Drops the partition of a day with all its fixes. Errors: 55P03 when the table is in use for long. */
export async function dropPartition(db: Database, day: number): Promise<void> {
  await db.transaction(tx =>
    tx.exec(`set local lock_timeout = '${LOCK_TIMEOUT}'; drop table if exists ${partitionName(day)}`),
  )
}

export interface DayPartitions {
  /** Makes what these times need, outside any transaction of the caller's. Errors are those of the connection only. */
  ensure(timesMs: Iterable<number>, nowMs: number): Promise<void>
  /** Drops a day with all its fixes; false when the table is in use for long. */
  drop(day: number): Promise<boolean>
  /** The days that have a partition, oldest first. */
  days(): number[]
}

/**
 * The day partitions of `fixes`, remembered so that a group of fixes of a known day costs nothing.
 * Days within the retention and up to tomorrow get one; whatever lies outside goes to the default partition.
 */
export async function openDayPartitions(db: Database, retentionDays: number): Promise<DayPartitions> {
  const existing = new Set(await loadPartitionDays(db))
  /** Days that stay in the default partition, and until when (milliseconds since the Unix epoch) nothing else is tried. */
  const inDefault = new Map<number, number>()
  const windowDays = retentionDays === 0 ? FOREVER_DAYS : retentionDays

  return {
    async ensure(timesMs, nowMs) {
      const today = dayOf(nowMs)
      for (const timeMs of timesMs) {
        const day = dayOf(timeMs)
        if (existing.has(day) || day < today - windowDays || day > today + 1) continue
        if ((inDefault.get(day) ?? 0) > nowMs) continue
        try {
          await createPartition(db, day)
          existing.add(day)
        } catch (error) {
          const code = error instanceof DatabaseError ? error.code : ''
          // Whichever it is, the fixes find their place: in the default partition, or in the one another process made.
          if (code === CHECK_VIOLATION) inDefault.set(day, Number.POSITIVE_INFINITY)
          else if (code === LOCK_NOT_AVAILABLE) inDefault.set(day, nowMs + TRY_AGAIN_MS)
          else if (code === DUPLICATE_TABLE) existing.add(day)
          else throw error
        }
      }
    },
    async drop(day) {
      try {
        await dropPartition(db, day)
        existing.delete(day)
        return true
      } catch (error) {
        if (error instanceof DatabaseError && error.code === LOCK_NOT_AVAILABLE) return false
        throw error
      }
    },
    days: () => [...existing].sort((a, b) => a - b),
  }
}
