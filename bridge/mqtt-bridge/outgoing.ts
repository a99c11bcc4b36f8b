import type { Logger } from 'pino'
import { CHANNELS, type Channel, type ChannelName, parseTopic } from '../../contract/index.ts'
import type { LiveMessages, ObservedMessage } from '../stream/feeds.ts'
import type { Backlog } from './backlog.ts'
import type { CameIn } from './came-in.ts'
import { type Connection, FIRST_FAILURE } from './connection.ts'
import type { BridgeMetrics } from './metrics.ts'
import type { BridgeSettings, TopicMap } from './settings.ts'
import { localFilter, toRemote } from './topic-map.ts'

/** Kept with the commit that causes them; all other channels tell how something is now, and are sent again after each absence. */
const KEPT: ReadonlySet<ChannelName> = new Set([
  'location',
  'command',
  'fence',
  'geofenceNotification',
  'deviceNotification',
  'sosNotification',
  'sosOpen',
  'sosTrail',
  'incident',
])
/** The backlog is looked at so often when nothing says that there is something new. */
const LOOK_EVERY_MS = 1_000
/** Messages of the moment that may be on their way at once; beyond it they wait for the next absence to end. */
const MAX_LIVE = 1_000

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
  /** Since the connection came up, or messages of the moment were left out. */
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
    this.wake()
  }

  /** There may be something to send. */
  wake(): void {
    this.#isWoken = true
    if (this.#isClosed || !this.#options.connection.isUp) return
    this.#pumping ??= this.#pump().finally(() => {
      this.#pumping = undefined
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
        if (messages.length === room) this.#isWoken = true
        else if (this.#owesState && this.#onTheirWay === 0) this.#sendState()
      }
    } catch (error) {
      logger.warn({ err: error }, 'the backlog of a bridge could not be read')
    }
  }

  async #send({ id, topic, payload, retain }: { id: number; topic: string; payload: string; retain: boolean }) {
    const { connection, backlog, metrics, logger, settings } = this.#options
    this.#onTheirWay += 1
    try {
      await connection.publish(topic, payload, { qos: 1, retain })
      metrics.sent.inc({ bridge: settings.name })
      backlog.done(id)
    } catch (error) {
      const code = (error as { code?: unknown }).code
      if (typeof code === 'number' && code >= FIRST_FAILURE) {
        logger.warn({ topic, code }, `the other broker refuses a message: ${(error as Error).message}`)
        metrics.refused.inc({ bridge: settings.name, direction: 'out', code })
        backlog.done(id)
      } else {
        backlog.putBack(id)
      }
    } finally {
      this.#onTheirWay -= 1
      this.wake()
    }
  }

  /** How things are now: retained topics that are mapped. */
  #sendState(): void {
    const { settings, live } = this.#options
    this.#owesState = false
    for (const map of settings.topics) {
      if (map.direction === 'in') continue
      for (const { topic, payload } of live.retained(localFilter(settings.org, map))) {
        const there = toRemote(settings, topic)
        if (there?.map === map) void this.#sendLive(there, payload, true)
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
    if (there.map.qos === 1 && KEPT.has(channel)) return this.wake()
    if (cameIn.has(channel, topic, payload)) return
    if (!connection.isUp) {
      if (KEPT.has(channel)) metrics.dropped.inc({ bridge: settings.name, kind: 'unkept' })
      return
    }
    if (this.#live >= MAX_LIVE) this.#owesState = true
    else void this.#sendLive(there, payload, (CHANNELS[channel] as Channel).retain)
  }

  async #sendLive({ map, topic }: { map: TopicMap; topic: string }, payload: Uint8Array, retain: boolean) {
    const { connection, metrics, settings } = this.#options
    this.#live += 1
    try {
      await connection.publish(topic, Buffer.from(payload), { qos: map.qos, retain })
      metrics.sent.inc({ bridge: settings.name })
    } catch {
      this.#owesState = true
    } finally {
      this.#live -= 1
    }
  }
}
