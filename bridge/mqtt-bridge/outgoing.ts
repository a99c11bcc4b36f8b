import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { CHANNELS, type Channel, parseTopic } from '../../contract/index.ts'
import type { LiveMessages, ObservedMessage } from '../stream/feeds.ts'
import type { Backlog } from './backlog.ts'
import type { CameIn } from './came-in.ts'
import { type Connection, FIRST_FAILURE, reasonOf } from './connection.ts'
import type { BridgeMetrics } from './metrics.ts'
import type { BridgeSettings, TopicMap } from './settings.ts'
import { localFilter, toRemote } from './topic-map.ts'

/** So long after a look at the backlog that emptied it the next one waits, to find several messages. */
const LINGER_MS = 5
/** The backlog is looked at so often when nothing says that there is something new. */
const LOOK_EVERY_MS = 1_000
/** After a failure that passes by itself. */
const PAUSE_MS = 1_000
/** Not authorized, topic name invalid, payload format invalid: sending it again would meet the same. MQTT 5, section 3.4.2.1. */
const FOR_GOOD: ReadonlySet<number> = new Set([0x87, 0x90, 0x99])
/** Messages of the moment that may be on their way at once; beyond it the newest of each topic waits. */
const MAX_LIVE = 100

/** A message of the moment; its topic is the one at the other broker. */
interface LiveMessage {
  readonly map: TopicMap
  readonly topic: string
  readonly payload: Buffer
  readonly retain: boolean
}

export interface OutgoingOptions {
  readonly settings: BridgeSettings
  readonly connection: Connection
  readonly backlog: Backlog
  readonly live: LiveMessages
  readonly cameIn: CameIn
  readonly metrics: BridgeMetrics
  readonly logger: Logger
}

/**
 * What goes to the other broker: first what waited, in order; then how things are now (retained topics); then what happens. Kept messages
 * leave the backlog when the other broker has acknowledged them.
 */
export class Outgoing {
  readonly #options: OutgoingOptions
  readonly #stopObserving: () => void
  readonly #timer: NodeJS.Timeout
  #onTheirWay = 0
  #live = 0
  /** By topic. */
  readonly #waiting = new Map<string, LiveMessage>()
  /** Since the connection came up. */
  #owesState = true
  #pumping: Promise<void> | undefined
  #isWoken = false
  #isClosed = false

  constructor(options: OutgoingOptions) {
    this.#options = options
    this.#stopObserving = options.live.observe(message => this.#observed(message))
    this.#timer = setInterval(() => this.wake(), LOOK_EVERY_MS)
    this.#timer.unref()
  }

  connected(): void {
    this.#owesState = true
    this.#waiting.clear()
    this.wake()
  }

  /** There may be something to send. */
  wake(): void {
    this.#isWoken = true
    if (this.#isClosed || !this.#options.connection.isUp) return
    this.#pumping ??= this.#pump().finally(() => {
      this.#pumping = undefined
      if (this.#isWoken) this.wake()
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#timer)
    this.#stopObserving()
    await this.#pumping
  }

  async #pump(): Promise<void> {
    const { connection, backlog, logger } = this.#options
    try {
      while (!this.#isClosed && connection.isUp && this.#isWoken) {
        this.#isWoken = false
        const room = connection.window - this.#onTheirWay
        // An acknowledgement wakes again.
        if (room <= 0) return
        const messages = await backlog.next(room)
        for (const message of messages) void this.#send(message)
        if (messages.length === room) {
          this.#isWoken = true
          continue
        }
        if (this.#owesState) this.#sendState()
        await delay(LINGER_MS)
      }
    } catch (error) {
      logger.warn({ err: error }, 'the backlog of a bridge could not be read; trying again')
      await delay(PAUSE_MS)
    }
  }

  async #send({ id, topic, payload, retain }: { id: number; topic: string; payload: string; retain: boolean }) {
    const { connection, backlog, metrics, settings } = this.#options
    this.#onTheirWay += 1
    try {
      await connection.publish(topic, payload, { qos: 1, retain })
      metrics.sent.inc({ bridge: settings.name })
      backlog.done(id)
    } catch (error) {
      const refusal = this.#refusalOf(topic, error)
      // The other broker has no room for it now, or no reason that we know.
      if (refusal === 'for now') await delay(PAUSE_MS)
      if (refusal === 'for good') backlog.done(id)
      else backlog.putBack(id)
    } finally {
      this.#onTheirWay -= 1
      this.wake()
    }
  }

  /** What the other broker has against the message, as MQTT 5 can tell; null: the connection was lost. */
  #refusalOf(topic: string, error: unknown): 'for good' | 'for now' | null {
    const { metrics, logger, settings } = this.#options
    const { code } = error as { code?: unknown }
    if (typeof code !== 'number' || code < FIRST_FAILURE) return null
    logger.warn({ topic, code }, `the other broker refuses a message: ${reasonOf(error as Error)}`)
    if (!FOR_GOOD.has(code)) return 'for now'
    metrics.refused.inc({ bridge: settings.name, direction: 'out', code })
    return 'for good'
  }

  /** How things are now: retained topics that are mapped. */
  #sendState(): void {
    const { settings, live } = this.#options
    this.#owesState = false
    for (const map of settings.topics) {
      if (map.direction === 'in') continue
      for (const { topic, payload } of live.retained(localFilter(settings.org, map))) {
        const there = toRemote(settings, topic)
        if (there?.map === map) this.#offer({ ...there, payload: Buffer.from(payload), retain: true })
      }
    }
  }

  #observed({ topic, payload }: ObservedMessage): void {
    const { settings, connection, cameIn, metrics } = this.#options
    if (!topic.startsWith(`${settings.org}/`)) return
    const there = toRemote(settings, topic)
    if (there === null) return
    const channel = parseTopic(topic)?.channel
    if (channel === undefined) return
    const { stored, retain } = CHANNELS[channel] as Channel
    // Kept by the commit that caused it. What is not stored tells how something is now, and is sent again after each absence.
    if (there.map.qos === 1 && stored) return this.wake()
    if (cameIn.has(channel, topic, payload)) return
    if (connection.isUp) this.#offer({ ...there, payload: Buffer.from(payload), retain })
    else if (stored) metrics.dropped.inc({ bridge: settings.name, kind: 'unkept' })
  }

  #offer(message: LiveMessage): void {
    this.#waiting.set(message.topic, message)
    this.#sendWaiting()
  }

  #sendWaiting(): void {
    for (const message of this.#waiting.values()) {
      if (this.#live >= MAX_LIVE) return
      this.#waiting.delete(message.topic)
      void this.#sendLive(message)
    }
  }

  async #sendLive({ map, topic, payload, retain }: LiveMessage) {
    const { connection, metrics, settings } = this.#options
    this.#live += 1
    try {
      await connection.publish(topic, payload, { qos: map.qos, retain })
      metrics.sent.inc({ bridge: settings.name })
    } catch (error) {
      // What was lost with the connection is said again when it is back.
      this.#refusalOf(topic, error)
    } finally {
      this.#live -= 1
      this.#sendWaiting()
    }
  }
}
