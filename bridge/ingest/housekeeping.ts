import type { Logger } from 'pino'
import type { Database } from '../store/database.ts'
import { tidyEmbedded } from '../store/embedded-upkeep.ts'
import { DAY_MS, type DayPartitions } from '../store/partitions.ts'
import { claimCleanUp, cleanUp } from '../store/retention.ts'

const HOUR_MS = 3_600_000
/** How often the clock is looked at for the duties below. */
const TICK_MS = 60_000

export interface HousekeepingOptions {
  readonly db: Database
  readonly logger: Logger
  readonly now: () => number
  readonly partitions: DayPartitions
  readonly retentionRawDays: number
}

/** The duties of the clock: tomorrow's partition, the daily clean-up (never in the first hour), upkeep of the embedded database. */
export function startHousekeeping(options: HousekeepingOptions): { close(): Promise<void> } {
  const { logger, now } = options
  const startedAt = now()
  let running = Promise.resolve()
  const timer = setInterval(() => {
    running = running
      .then(() => runDuties(options, startedAt))
      .catch(error => logger.warn({ err: error }, 'housekeeping failed'))
  }, TICK_MS)
  timer.unref()
  return {
    close() {
      clearInterval(timer)
      return running
    },
  }
}

/** One round of the duties; exported for its test. */
export async function runDuties(options: HousekeepingOptions, startedAt: number): Promise<void> {
  const { db, logger, now, partitions, retentionRawDays } = options
  const nowMs = now()
  // Ahead of time: once the default partition holds rows of a day, the day stays there.
  await partitions.ensure([nowMs, nowMs + DAY_MS], nowMs)
  if (db.kind === 'pglite') await tidyEmbedded(db)
  if (nowMs - startedAt < HOUR_MS || retentionRawDays === 0 || !(await claimCleanUp(db, nowMs))) return
  const removed = await cleanUp(db, partitions, { rawDays: retentionRawDays, nowMs })
  if (removed.days + removed.rows > 0) logger.info(removed, 'fixes beyond the retention were removed')
}
