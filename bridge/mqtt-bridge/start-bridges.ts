import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import type { Ingest, Publish } from '../ingest/ingest.ts'
import { replaceBridgeRoutes } from '../store/bridge-queue.ts'
import type { Database } from '../store/database.ts'
import type { LiveMessages } from '../stream/feeds.ts'
import { Backlog } from './backlog.ts'
import { Connection, type ConnectionOptions } from './connection.ts'
import { Incoming } from './incoming.ts'
import { type BridgeMetrics, createBridgeMetrics } from './metrics.ts'
import { Outgoing } from './outgoing.ts'
import type { BridgeSettings } from './settings.ts'
import { routesOf } from './topic-map.ts'

export interface BridgesOptions {
  readonly db: Database
  readonly ingest: Ingest
  /** Gives a message to our own broker. */
  readonly publish: Publish
  readonly live: LiveMessages
  readonly logger: Logger
  readonly registry: Registry
  readonly now?: (() => number) | undefined
  readonly connection?: ConnectionOptions | undefined
}

export interface BridgeState {
  readonly connected: boolean
  /** Messages that wait for the other broker. */
  readonly backlog: number
}

export interface Bridges {
  /** By name. */
  state(): Record<string, BridgeState>
  /** Takes nothing more in; what waits is kept. */
  close(): Promise<void>
}

/**
 * What is announced from now on is kept for these bridges, and for no others. Called before anything is committed, so that nothing is
 * missed; the connections come later, by {@link startBridges}.
 */
export async function keepForBridges(db: Database, bridges: readonly BridgeSettings[], logger: Logger): Promise<void> {
  const names = bridges.map(({ name }) => name)
  const deleted = await replaceBridgeRoutes(db, bridges.flatMap(routesOf), names)
  if (deleted > 0) logger.warn({ messages: deleted }, 'what waited for bridges that are configured no more is given up')
}

/** Connects to other brokers, and keeps it up. */
export function startBridges(bridges: readonly BridgeSettings[], options: BridgesOptions): Bridges {
  const running: Bridge[] = []
  const state = () => running.map(({ name, state: { connected, backlog } }) => ({ bridge: name, connected, backlog }))
  const metrics = createBridgeMetrics(options.registry, state)
  for (const settings of bridges) running.push(new Bridge(settings, metrics, options))
  return {
    state: () => Object.fromEntries(running.map(({ name, state }) => [name, state])),
    async close() {
      await Promise.all(running.map(bridge => bridge.close()))
    },
  }
}

class Bridge {
  readonly name: string
  readonly #logger: Logger
  readonly #backlog: Backlog
  readonly #connection: Connection
  readonly #outgoing: Outgoing
  #reason: string | undefined = 'connecting'

  constructor(settings: BridgeSettings, metrics: BridgeMetrics, options: BridgesOptions) {
    const { db, ingest, publish, live, now = Date.now } = options
    this.name = settings.name
    this.#logger = options.logger.child({ bridge: settings.name })
    const logger = this.#logger
    const incoming = new Incoming({ settings, ingest, publish, metrics, logger, now })
    this.#backlog = new Backlog(settings, { db, logger, metrics })
    this.#connection = new Connection(
      settings,
      {
        connected: () => this.#connected(),
        disconnected: reason => this.#disconnected(reason),
        subscriptionRefused: filter =>
          logger.error({ filter }, 'the other broker does not let us subscribe: nothing of it comes in'),
        message: message => incoming.take(message),
      },
      options.connection,
    )
    this.#outgoing = new Outgoing({
      settings,
      connection: this.#connection,
      backlog: this.#backlog,
      live,
      cameIn: incoming.cameIn,
      metrics,
      logger,
    })
  }

  get state(): BridgeState {
    return { connected: this.#connection.isUp, backlog: this.#backlog.size }
  }

  async close(): Promise<void> {
    await this.#outgoing.close()
    await this.#connection.close()
    await this.#backlog.close()
  }

  #connected(): void {
    this.#reason = undefined
    this.#logger.info({ backlog: this.#backlog.size }, 'connected to the other broker')
    this.#outgoing.connected()
  }

  /** One line each time something is new, not with each attempt. */
  #disconnected(reason: string): void {
    if (reason === this.#reason) return
    this.#reason = reason
    this.#logger.warn({ reason }, 'not connected to the other broker; trying again, with growing pauses')
  }
}
