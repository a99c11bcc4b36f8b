import { setImmediate as nextTurn } from 'node:timers/promises'
import { listDue, nextDue } from '../store/device-states.ts'
import { commitDue } from './commit-due.ts'
import { isShuttingDown } from './committer.ts'
import type { Pipeline } from './pipeline.ts'

/** The database is asked so often what is due: another node may have left it, or died. */
const LONGEST_PAUSE_MS = 2_000
/** Devices in one transaction: fixes and SOS take their turns in between. */
const GROUP = 200

/** Wakes when a device is due and looks at all that are. What is due is kept in rows, so nothing is lost with this process. */
export class DeviceTimers {
  readonly #pipeline: Pipeline
  #timer: NodeJS.Timeout | undefined
  /** By the pipeline's clock: when it wakes. */
  #wakesAt = Number.POSITIVE_INFINITY
  #looking: Promise<void> | undefined
  #closed = false

  constructor(pipeline: Pipeline) {
    this.#pipeline = pipeline
  }

  start(): void {
    this.#wakeAt(this.#pipeline.now())
  }

  /** A device is due at that time, milliseconds; null: never. */
  dueAt(timeMs: number | null): void {
    if (timeMs !== null && timeMs < this.#wakesAt) this.#wakeAt(timeMs)
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#looking
  }

  #wakeAt(timeMs: number): void {
    // One that is looking plans the next time itself, from the database.
    if (this.#closed || this.#looking !== undefined) return
    const pause = Math.min(Math.max(0, timeMs - this.#pipeline.now()), LONGEST_PAUSE_MS)
    this.#wakesAt = timeMs
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#looking = this.#look()
    }, pause)
    this.#timer.unref()
  }

  async #look(): Promise<void> {
    const { db, logger, now, committer } = this.#pipeline
    let next: number | null = null
    try {
      for (;;) {
        next = await nextDue(db)
        if (next === null || next > now() || this.#closed) break
        const due = await listDue(db, now(), GROUP)
        await committer().change(() => commitDue(this.#pipeline, due))
        await nextTurn()
      }
    } catch (error) {
      if (!isShuttingDown(error))
        logger.warn({ err: error }, 'devices that are due could not be looked at; trying again')
    }
    this.#looking = undefined
    this.#wakeAt(next ?? Number.POSITIVE_INFINITY)
  }
}
