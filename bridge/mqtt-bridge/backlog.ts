import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { startTicker } from '../ingest/ticker.ts'
import {
  type BridgeMessage,
  countBridgeQueue,
  deleteFromBridgeQueue,
  readBridgeQueue,
  trimBridgeQueue,
} from '../store/bridge-queue.ts'
import type { Database } from '../store/database.ts'
import type { BridgeMetrics } from './metrics.ts'
import type { BridgeSettings } from './settings.ts'

/** Acknowledged messages are deleted together after so long. */
const DELETE_LINGER_MS = 25
/** How often it is looked how much waits, and whether that is too much. */
const LOOK_EVERY_MS = 2_000

export interface BacklogOptions {
  readonly db: Database
  readonly logger: Logger
  readonly metrics: BridgeMetrics
}

/** What is kept for the other broker until it has it. Nothing is in memory but what is on its way. */
export class Backlog {
  readonly #settings: BridgeSettings
  readonly #options: BacklogOptions
  /** On their way, or acknowledged and not deleted yet. */
  readonly #inHand = new Set<number>()
  readonly #ticker: { close(): Promise<void> }
  #acknowledged: number[] = []
  #deleting: Promise<void> | undefined
  #size = 0
  #isOver = false
  #isClosing = false

  constructor(settings: BridgeSettings, options: BacklogOptions) {
    this.#settings = settings
    this.#options = options
    this.#ticker = startTicker(
      LOOK_EVERY_MS,
      () => this.look(),
      error => options.logger.warn({ err: error }, 'the backlog of a bridge could not be looked at'),
    )
  }

  /** As of the last look. */
  get size(): number {
    return this.#size
  }

  /** The oldest that are not on their way, up to a number; they are from now on. */
  async next(limit: number): Promise<BridgeMessage[]> {
    const rows = await readBridgeQueue(this.#options.db, this.#settings.name, this.#inHand.size + limit)
    const waiting = rows.filter(({ id }) => !this.#inHand.has(id)).slice(0, limit)
    for (const { id } of waiting) this.#inHand.add(id)
    return waiting
  }

  /** The other broker has it, or never will. */
  done(id: number): void {
    this.#acknowledged.push(id)
    this.#deleting ??= this.#deleteSoon()
  }

  /** It waits again. */
  putBack(id: number): void {
    this.#inHand.delete(id)
  }

  /** Counts what waits, and gives up the oldest of too many: positions before all else. */
  async look(): Promise<void> {
    const { db, logger, metrics } = this.#options
    const { name, maxBacklog } = this.#settings
    this.#size = await countBridgeQueue(db, name)
    const excess = this.#size - maxBacklog
    if (excess <= 0) {
      // Told again once it was well below.
      if (this.#size < maxBacklog / 2) this.#isOver = false
      return
    }
    const { positions, others } = await trimBridgeQueue(db, name, excess)
    this.#size -= positions + others
    metrics.dropped.inc({ bridge: name, kind: 'position' }, positions)
    metrics.dropped.inc({ bridge: name, kind: 'other' }, others)
    if (!this.#isOver || others > 0) {
      logger.error(
        { maxBacklog, positions, others },
        'more waits for the other broker than may: the oldest are given up',
      )
    }
    this.#isOver = true
  }

  /** Resolves when what was acknowledged so far is taken out, or could not be: it goes out again after the next start. */
  async close(): Promise<void> {
    this.#isClosing = true
    await this.#ticker.close()
    await this.#deleting
  }

  async #deleteSoon(): Promise<void> {
    while (this.#acknowledged.length > 0) {
      await delay(DELETE_LINGER_MS)
      const ids = this.#acknowledged.splice(0)
      try {
        await deleteFromBridgeQueue(this.#options.db, ids)
        for (const id of ids) this.#inHand.delete(id)
        this.#size = Math.max(0, this.#size - ids.length)
      } catch (error) {
        this.#options.logger.warn({ err: error }, 'messages that the other broker has stay in the backlog for now')
        this.#acknowledged.unshift(...ids)
        if (this.#isClosing) break
        await delay(LOOK_EVERY_MS)
      }
    }
    this.#deleting = undefined
  }
}
