import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { type ChannelName, parseTopic, type SosEvent } from '../../contract/index.ts'
import type { Database } from '../store/database.ts'
import { deleteOutbox, type OutboxRow, type OutgoingMessage, pageOutbox } from '../store/outbox.ts'
import { insertSosReceipts, type SosReceipt } from '../store/sos-receipts.ts'
import type { Publish } from './ingest.ts'
import { OrderedLanes } from './ordered-lanes.ts'

/** What goes before everything else: events of an alert, where its device is, what the device is told of it. */
const SOS_CHANNELS: ReadonlySet<ChannelName> = new Set(['sosNotification', 'sosOpen', 'sosTrail', 'command'])
const PARALLEL_DEVICES = 64
const PAGE = 500
/** Announced rows are deleted together after so long. */
const DELETE_LINGER_MS = 25
const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 5_000
/** A row this old that is not in hand was left by a node that died: it is announced here. */
const LEFT_BEHIND_MS = 30_000
/** How long close() waits for a broker that does not take its messages. */
const CLOSE_PATIENCE_MS = 5_000

export interface AnnouncerOptions {
  readonly db: Database
  readonly logger: Logger
  readonly now: () => number
}

/**
 * Gives the broker what was committed. Messages of one device go in order, devices side by side; a row leaves the outbox when
 * the broker has taken its message, so a crash in between repeats a message with the same id and never loses one.
 */
export class Announcer {
  readonly #options: AnnouncerOptions
  /** SOS never waits behind fence events or positions. */
  readonly #lanes = { sos: new OrderedLanes(PARALLEL_DEVICES), other: new OrderedLanes(PARALLEL_DEVICES) }
  readonly #closing = new AbortController()
  /** Rows that are queued, or announced and not deleted yet. */
  readonly #inHand = new Set<number>()
  /** Rows deleted while a sweep reads: the sweep may still have seen them. */
  readonly #goneMeanwhile = new Set<number>()
  #sweeps = 0
  #announced: number[] = []
  /** Of announced SOS events, not stored yet. */
  #receipts: SosReceipt[] = []
  #deleting: Promise<void> | undefined
  #publish: Publish | undefined
  #takesCommits = false
  #sweepTimer: NodeJS.Timeout | undefined
  #closed: Promise<void> | undefined

  constructor(options: AnnouncerOptions) {
    this.#options = options
  }

  get unannounced(): number {
    return this.#inHand.size
  }

  /** Rows just committed, in order. Before start() they stay in the outbox, which start() empties. */
  enqueue(rows: readonly OutboxRow[]): void {
    if (this.#takesCommits) this.#take(rows)
  }

  /**
   * Announces what is not in the outbox, in the same order as what is: `message` is asked when its turn has come, null = nothing to say.
   * @param order what {@link orderOf} would say, where that is known
   * @returns whether the broker took it
   */
  async live(topic: string, message: () => OutgoingMessage | null, order = orderOf(topic)): Promise<boolean> {
    const publish = this.#publish
    if (publish === undefined) return false
    return new Promise(resolve => {
      this.#lanes[order.lane].add(order.key, async () => {
        const outgoing = message()
        try {
          if (outgoing !== null) await publish(outgoing)
          resolve(true)
        } catch (error) {
          this.#options.logger.debug({ err: error, topic }, 'a live message was not taken')
          resolve(false)
        }
      })
    })
  }

  /**
   * Empties the outbox, then takes over what is committed from then on.
   * @param exclusively runs work while nothing is being committed
   */
  async start(publish: Publish, exclusively: (work: () => Promise<void>) => Promise<void>): Promise<void> {
    if (this.#publish !== undefined) throw new TypeError('announce() is called once')
    this.#publish = publish
    let afterId = 0
    for (;;) {
      const rows = await this.#page(afterId, Number.MAX_SAFE_INTEGER)
      this.#take(rows)
      await this.#allIdle()
      if (rows.length < PAGE || this.#closing.signal.aborted) break
      afterId = rows.at(-1)!.id
    }
    await exclusively(async () => {
      await this.#sweep(Number.MAX_SAFE_INTEGER)
      this.#takesCommits = true
    })
    this.#sweepTimer = setInterval(() => void this.sweepLeftBehind(), LEFT_BEHIND_MS)
    this.#sweepTimer.unref()
  }

  /** Takes every row that is not in hand; for when a commit's outcome was unknown. Runs while nothing is being committed. */
  async sweepAll(): Promise<void> {
    if (this.#takesCommits) await this.#sweep(Number.MAX_SAFE_INTEGER)
  }

  /** Takes the rows that a node which died left behind. */
  async sweepLeftBehind(): Promise<void> {
    try {
      await this.#sweep(this.#options.now() - LEFT_BEHIND_MS)
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'the outbox could not be read')
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    clearInterval(this.#sweepTimer)
    const patience = new AbortController()
    await Promise.race([
      this.#allIdle(),
      delay(CLOSE_PATIENCE_MS, undefined, { signal: patience.signal }).catch(() => {}),
    ])
    patience.abort()
    this.#closing.abort()
    await this.#deleting
    await this.#deleteAnnounced()
  }

  async #allIdle(): Promise<void> {
    await Promise.all([this.#lanes.sos.idle(), this.#lanes.other.idle()])
  }

  async #sweep(beforeMs: number): Promise<void> {
    this.#sweeps++
    try {
      for (let afterId = 0; ; ) {
        const rows = await this.#page(afterId, beforeMs)
        this.#take(rows)
        if (rows.length < PAGE) return
        afterId = rows.at(-1)!.id
      }
    } finally {
      if (--this.#sweeps === 0) this.#goneMeanwhile.clear()
    }
  }

  #page(afterId: number, beforeMs: number): Promise<OutboxRow[]> {
    return pageOutbox(this.#options.db, { afterId, beforeMs, limit: PAGE })
  }

  #take(rows: readonly OutboxRow[]): void {
    for (const row of rows) {
      if (this.#inHand.has(row.id) || this.#goneMeanwhile.has(row.id)) continue
      this.#inHand.add(row.id)
      const { lane, key } = orderOf(row.topic)
      this.#lanes[lane].add(key, () => this.#announce(row))
    }
  }

  async #announce(row: OutboxRow): Promise<void> {
    const { topic, payload, qos, retain } = row
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      if (this.#closing.signal.aborted) return
      try {
        await this.#publish!({ topic, payload, qos, retain })
        this.#announced.push(row.id)
        this.#receipts.push(...receiptOf(row, this.#options.now()))
        this.#deleting ??= this.#deleteSoon()
        return
      } catch (error) {
        this.#options.logger.warn({ err: error, topic, retryInMs: pauseMs }, 'a message was not taken; trying again')
        await delay(pauseMs, undefined, { signal: this.#closing.signal }).catch(() => {})
      }
    }
  }

  async #deleteSoon(): Promise<void> {
    await delay(DELETE_LINGER_MS, undefined, { signal: this.#closing.signal }).catch(() => {})
    for (let pauseMs = FIRST_PAUSE_MS; this.#announced.length > 0; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      if (await this.#deleteAnnounced()) break
      if (this.#closing.signal.aborted) break
      await delay(pauseMs, undefined, { signal: this.#closing.signal }).catch(() => {})
    }
    this.#deleting = undefined
    if (this.#announced.length > 0 && !this.#closing.signal.aborted) this.#deleting = this.#deleteSoon()
  }

  async #deleteAnnounced(): Promise<boolean> {
    const ids = this.#announced
    if (ids.length === 0) return true
    this.#announced = []
    const receipts = this.#receipts
    this.#receipts = []
    try {
      if (receipts.length > 0) await insertSosReceipts(this.#options.db, receipts)
      await deleteOutbox(this.#options.db, ids)
      for (const id of ids) {
        this.#inHand.delete(id)
        if (this.#sweeps > 0) this.#goneMeanwhile.add(id)
      }
      return true
    } catch (error) {
      this.#announced = [...ids, ...this.#announced]
      this.#receipts = [...receipts, ...this.#receipts]
      this.#options.logger.warn({ err: error }, 'announced messages could not be taken out of the outbox')
      return false
    }
  }
}

/** For the timeline of an alert: the broker took its event. */
function receiptOf({ topic, payload }: OutboxRow, nowMs: number): SosReceipt[] {
  const parsed = parseTopic(topic)
  if (parsed?.channel !== 'sosNotification') return []
  const { id: eventId } = JSON.parse(payload) as SosEvent
  const org = parsed.params.org!
  return [{ org, eventId, channel: 'mqtt', target: topic, status: 'announced', receivedAt: nowMs }]
}

/** Whose order a message keeps, its device's or its fence's, among which others. */
interface Order {
  readonly lane: 'sos' | 'other'
  readonly key: string
}

function orderOf(topic: string): Order {
  const parsed = parseTopic(topic)
  const params = parsed?.params ?? {}
  return {
    lane: parsed !== null && SOS_CHANNELS.has(parsed.channel) ? 'sos' : 'other',
    key: `${params.org}/${params.deviceId ?? params.fenceId ?? topic}`,
  }
}
