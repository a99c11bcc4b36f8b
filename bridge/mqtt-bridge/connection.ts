import mqtt, { type IClientOptions, type IPublishPacket, type MqttClient } from 'mqtt'
import { backOffMs } from './back-off.ts'
import { OrderedAcks } from './ordered-acks.ts'
import type { BridgeSettings } from './settings.ts'
import { remoteFilter } from './topic-map.ts'

/** Messages that came in and are not stored yet; beyond it nothing more is read. */
const MAX_UNSTORED = 200
/** A connection that holds so long was a good one: the next pause is the first again. */
const PROVEN_MS = 30_000
/** How long DISCONNECT may take. */
const GOODBYE_MS = 1_000
/** A session outlives its connection by a week, over MQTT 5; how long it does so over 3.1.1 is the other broker's to say. */
const SESSION_EXPIRY_SECONDS = 604_800
const CONNECT_TIMEOUT_MS = 10_000
/** Unacknowledged messages that go out at once, unless the other broker wants fewer. */
const WINDOW = 100
/** PUBACK or SUBACK that refuses begins here (MQTT 5, section 2.4; for SUBACK also 3.1.1). */
export const FIRST_FAILURE = 0x80

export interface RemoteMessage {
  readonly topic: string
  readonly payload: Uint8Array
}

export interface ConnectionEvents {
  /** Connected and subscribed. */
  connected(): void
  /** Not connected, or not any more. */
  disconnected(reason: string): void
  /** The other broker does not let us subscribe. */
  subscriptionRefused(filter: string): void
  /** Resolves when the message is stored or refused for good; a rejection ends the connection, and it comes again. */
  message(message: RemoteMessage): Promise<void>
}

export interface ConnectionOptions {
  readonly firstPauseMs?: number | undefined
  readonly longestPauseMs?: number | undefined
}

/** What all connections to the other broker have in common. */
export function clientOptions(settings: BridgeSettings): IClientOptions {
  const { protocol, clientId, username, password, tls, cleanSession, keepAliveSeconds } = settings
  return {
    protocolVersion: protocol === '5' ? 5 : 4,
    clientId,
    clean: cleanSession,
    keepalive: keepAliveSeconds,
    connectTimeout: CONNECT_TIMEOUT_MS,
    // We come back by ourselves, with growing pauses.
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls as IClientOptions | undefined),
    ...(protocol === '5' && !cleanSession ? { properties: { sessionExpiryInterval: SESSION_EXPIRY_SECONDS } } : {}),
  }
}

/** Where several addresses of one name were tried, the error has a code, but no message. */
export function reasonOf(error: Error): string {
  return error.message || String((error as NodeJS.ErrnoException).code ?? error.name)
}

/** The connection of one bridge: comes back by itself, subscribes, acknowledges what came in once it is stored. */
export class Connection {
  readonly #settings: BridgeSettings
  readonly #events: ConnectionEvents
  readonly #options: ConnectionOptions
  readonly #client: MqttClient
  #acks: OrderedAcks
  readonly #inFlight = new Set<(reason: Error) => void>()
  #isUp = false
  #attempts = 0
  #upSinceMs = 0
  #reason = 'connecting'
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(settings: BridgeSettings, events: ConnectionEvents, options: ConnectionOptions = {}) {
    this.#settings = settings
    this.#events = events
    this.#options = options
    this.#client = mqtt.connect(settings.url, { ...clientOptions(settings), manualConnect: true })
    this.#client.on('error', error => {
      this.#reason = reasonOf(error)
    })
    this.#client.on('connect', () => void this.#subscribe())
    this.#client.on('close', () => this.#closed())
    this.#client.handleMessage = (packet, next) => this.#take(packet, next)
    this.#acks = this.#openAcks()
    this.#client.connect()
  }

  get isUp(): boolean {
    return this.#isUp
  }

  /** How many messages may wait for their PUBACK at once. */
  get window(): number {
    const { connackPacket } = this.#client as unknown as {
      connackPacket?: { properties?: { receiveMaximum?: number } }
    }
    return Math.min(WINDOW, connackPacket?.properties?.receiveMaximum ?? WINDOW)
  }

  /**
   * Resolves when the other broker has taken the message (QoS 1), over however many connections of a session. Rejects when it refuses,
   * with the reason code as `code` over MQTT 5, and when a clean session ends before.
   */
  async publish(topic: string, payload: Buffer | string, { qos, retain }: { qos: 0 | 1; retain: boolean }) {
    let lose!: (reason: Error) => void
    const lost = new Promise<never>((_, reject) => {
      lose = reject
    })
    this.#inFlight.add(lose)
    try {
      await Promise.race([this.#client.publishAsync(topic, payload, { qos, retain }), lost])
    } finally {
      this.#inFlight.delete(lose)
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    // DISCONNECT is not waited for where something else is: what is not acknowledged goes out again after the next start.
    const isIdle = this.#isUp && this.#inFlight.size === 0
    this.#isUp = false
    const late = setTimeout(() => this.#client.stream?.destroy(), GOODBYE_MS)
    await this.#client.endAsync(!isIdle).catch(() => {})
    clearTimeout(late)
  }

  /** Of one connection: nothing is acknowledged on the next that came by this one. */
  #openAcks(): OrderedAcks {
    const acks: OrderedAcks = new OrderedAcks(messageId => {
      // Both versions know PUBACK in this short form: success, and no more to say.
      if (acks === this.#acks && !this.#isClosed)
        this.#client.stream.write(Buffer.of(0x40, 2, messageId >> 8, messageId & 0xff))
    })
    return acks
  }

  async #subscribe(): Promise<void> {
    for (const map of this.#settings.topics) {
      if (map.direction === 'out') continue
      const filter = remoteFilter(map)
      // Without what we sent ourselves, where the protocol can say so.
      const options = this.#settings.protocol === '5' ? { qos: map.qos, nl: true } : { qos: map.qos }
      const granted = await this.#client.subscribeAsync(filter, options).catch(() => [])
      if (!this.#client.connected || this.#isClosed) return
      if (granted.length === 0 || granted[0]!.qos >= FIRST_FAILURE) this.#events.subscriptionRefused(filter)
    }
    this.#isUp = true
    this.#upSinceMs = performance.now()
    this.#events.connected()
  }

  /** Messages are read one after the other, and the next while this one is stored. */
  #take({ topic, payload, qos, messageId }: IPublishPacket, next: (error?: Error) => void): void {
    const acks = this.#acks
    const acknowledge = qos === 1 ? acks.expect(messageId!) : () => {}
    const settled = this.#events.message({ topic, payload: payload as Buffer }).then(acknowledge, error => {
      // Not acknowledged: the other broker sends it again.
      if (acks !== this.#acks || this.#isClosed) return
      this.#reason = `a message could not be stored: ${reasonOf(error as Error)}`
      this.#client.stream.destroy()
    })
    // An error makes mqtt.js go on without its own PUBACK, which would come before the commit.
    const goOn = () => (qos === 1 ? next(new Error('acknowledged when it is stored')) : next())
    if (acks.waiting >= MAX_UNSTORED || qos === 0) void settled.then(goOn)
    else goOn()
  }

  #closed(): void {
    const wasProven = this.#isUp && performance.now() - this.#upSinceMs > PROVEN_MS
    this.#isUp = false
    if (this.#isClosed) return
    this.#acks = this.#openAcks()
    if (this.#settings.cleanSession) for (const lose of this.#inFlight) lose(new Error('the session is over'))
    this.#events.disconnected(this.#reason)
    this.#reason = 'the connection was closed'
    this.#attempts = wasProven ? 0 : this.#attempts + 1
    this.#timer = setTimeout(() => this.#reconnect(), backOffMs(this.#attempts, this.#options))
  }

  /** A session goes on with what is not acknowledged yet: it is sent again, under the same packet ids. [MQTT-4.4.0-1] */
  #reconnect(): void {
    const { incomingStore, outgoingStore } = this.#client
    this.#client.reconnect(this.#settings.cleanSession ? undefined : { incomingStore, outgoingStore })
  }
}
