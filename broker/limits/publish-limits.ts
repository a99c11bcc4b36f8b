import type { PublishPacket } from 'aedes'
import type { Logger } from 'pino'
import { type BucketOwner, bucketOwner, CHANNELS, type Channel, type ParsedTopic } from '../../contract/index.ts'
import type { Connection } from '../connections.ts'
import type { Turn } from '../delivery/ordered-answers.ts'
import { readPast } from '../guard/reading.ts'
import type { Tell } from '../notices.ts'
import type { LimitMetrics } from './limit-metrics.ts'
import { type Excess, LimitNotices } from './limit-notices.ts'
import { Offences } from './offences.ts'
import type { RateClass, RateLimits } from './rate-limits.ts'

/** One PUBLISH before anything is done for it. */
export interface Arrival {
  readonly connection: Connection
  readonly packet: PublishPacket
  /** Null where no channel has the topic. */
  readonly parsed: ParsedTopic | null
  /** Of QoS 1 and 2. */
  readonly turn: Turn | undefined
  /** Does the work; at once, or when there is room. */
  handle(): void
  /** Ends it without work; of QoS 0, which nobody waits for. */
  drop(): void
}

interface Queue {
  readonly owner: BucketOwner
  readonly rateClass: RateClass
  readonly arrivals: Arrival[]
  waitMs: number
}
interface Hold {
  readonly queues: Map<string, Queue>
  count: number
  timer: NodeJS.Timeout | undefined
}

const LOG_EVERY_MS = 1_000

/**
 * The limits of published messages. MQTT 3.1.1 has no reason code for "too many", so:
 * - QoS 0 over the limit is dropped and told, on `errors`, about once a second.
 * - QoS 1 and 2 are put off until there is room, then handled and acknowledged: nothing is lost, and a sender that waits for
 *   its acknowledgements is slowed down to the limit.
 * - SOS draws from no bucket and passes what is put off before it; only its acknowledgement waits for its turn. [MQTT-4.6.0-2]
 * - Who keeps on is disconnected (offences.ts), told before.
 */
export class PublishLimits {
  readonly #rates: RateLimits
  readonly #offences: Offences
  readonly #notices: LimitNotices
  readonly #tell: Tell
  readonly #metrics: LimitMetrics
  readonly #logger: Logger
  readonly #now: () => number
  readonly #holds = new Map<Connection, Hold>()
  readonly #ending = new WeakSet<Connection>()
  #loggedAtMs = Number.NEGATIVE_INFINITY
  #unlogged = 0

  constructor(options: {
    rates: RateLimits
    messagesPerSecond: number | null
    tell: Tell
    metrics: LimitMetrics
    logger: Logger
    now: () => number
  }) {
    this.#rates = options.rates
    this.#tell = options.tell
    this.#metrics = options.metrics
    this.#logger = options.logger
    this.#now = options.now
    this.#offences = new Offences(options.messagesPerSecond, options.now)
    this.#notices = new LimitNotices(options.tell)
  }

  /** Has the message handled: now, later or never. */
  admit(arrival: Arrival): void {
    const { connection, packet, parsed } = arrival
    if (this.#ending.has(connection)) return arrival.turn?.putOff()
    // What no channel has is refused, but is counted like the rest: refusing is work too.
    const rateClass = parsed === null ? 'general' : (CHANNELS[parsed.channel] as Channel).rateClass
    if (rateClass === 'none') return arrival.handle()
    const owner = bucketOwner(connection.principal, parsed?.params.deviceId)
    const queue = this.#holds.get(connection)?.queues.get(queueKey(rateClass, owner))
    // What came first goes first.
    const waitMs = queue === undefined ? this.#rates.take(owner, rateClass) : Math.max(queue.waitMs, 1)
    if (waitMs === 0) return arrival.handle()
    if (packet.qos === 0) this.#drop(arrival, owner, rateClass, waitMs)
    else this.#putOff(arrival, queue ?? { owner, rateClass, arrivals: [], waitMs })
  }

  /** The connection is gone. What was put off was not acknowledged: its sender has it still. */
  forget(connection: Connection): void {
    const hold = this.#holds.get(connection)
    if (hold === undefined) return
    clearTimeout(hold.timer)
    this.#holds.delete(connection)
  }

  close(): void {
    for (const connection of [...this.#holds.keys()]) this.forget(connection)
    this.#notices.close()
  }

  #drop(arrival: Arrival, owner: BucketOwner, rateClass: RateClass, retryAfterMs: number): void {
    this.#report(arrival, { owner, rateClass, retryAfterMs, outcome: 'dropped' })
    const ends = this.#offences.dropped(keyOf(owner))
    arrival.drop()
    if (ends) this.#end(arrival)
  }

  #putOff(arrival: Arrival, queue: Queue): void {
    const { connection, turn } = arrival
    const hold = this.#holdOf(connection)
    hold.queues.set(queueKey(queue.rateClass, queue.owner), queue)
    queue.arrivals.push(arrival)
    hold.count += 1
    turn?.putOff()
    this.#report(arrival, { ...queue, retryAfterMs: queue.waitMs, outcome: 'held' })
    const ends = this.#offences.held(keyOf(queue.owner), hold.count)
    if (ends) return this.#end(arrival)
    hold.timer ??= this.#later(connection, queue.waitMs)
    readPast(connection.client)
  }

  /** Takes up what there is room for. */
  #takeUp(connection: Connection): void {
    const hold = this.#holds.get(connection)
    if (hold === undefined) return
    hold.timer = undefined
    let nextMs = Number.POSITIVE_INFINITY
    for (const [key, queue] of hold.queues) {
      queue.waitMs = 0
      while (queue.arrivals.length > 0 && this.#holds.has(connection)) {
        queue.waitMs = this.#rates.take(queue.owner, queue.rateClass)
        if (queue.waitMs > 0) break
        const arrival = queue.arrivals.shift()!
        hold.count -= 1
        arrival.turn?.takeUp()
        arrival.handle()
      }
      if (queue.arrivals.length === 0) hold.queues.delete(key)
      else nextMs = Math.min(nextMs, queue.waitMs)
    }
    if (!this.#holds.has(connection)) return
    if (hold.queues.size === 0) this.forget(connection)
    else hold.timer ??= this.#later(connection, nextMs)
  }

  #later(connection: Connection, waitMs: number): NodeJS.Timeout {
    const timer = setTimeout(() => this.#takeUp(connection), Math.ceil(waitMs))
    timer.unref()
    return timer
  }

  #holdOf(connection: Connection): Hold {
    let hold = this.#holds.get(connection)
    if (hold === undefined) {
      hold = { queues: new Map(), count: 0, timer: undefined }
      this.#holds.set(connection, hold)
    }
    return hold
  }

  #report(
    { connection, packet }: Arrival,
    excess: Pick<Excess, 'owner' | 'rateClass' | 'retryAfterMs' | 'outcome'>,
  ): void {
    const { owner, outcome } = excess
    const met = this.#rates.state(owner, excess.rateClass)?.remaining === 0 ? excess.rateClass : 'message'
    this.#metrics.limited.inc({ class: met, transport: connection.transport, outcome })
    if (this.#offences.isFirst(keyOf(owner))) this.#log(connection, met)
    const { principal } = connection
    this.#notices.add({ principal, topic: packet.topic, ...excess, rateClass: met })
  }

  /** One line a flood, and one a second whoever floods. */
  #log({ principal, transport }: Connection, rateClass: RateClass): void {
    const nowMs = this.#now()
    if (nowMs - this.#loggedAtMs < LOG_EVERY_MS) {
      this.#unlogged += 1
      return
    }
    const { org, sub } = principal
    this.#logger.warn({ org, sub, transport, class: rateClass, others: this.#unlogged }, 'over the limit of messages')
    this.#loggedAtMs = nowMs
    this.#unlogged = 0
  }

  #end({ connection, packet }: Arrival): void {
    const { principal, client } = connection
    this.#ending.add(connection)
    this.forget(connection)
    this.#metrics.disconnected.inc()
    this.#logger.warn({ org: principal.org, sub: principal.sub }, 'closed: over the limit of messages, and keeps on')
    this.#tell(principal, {
      code: 'rate_limited',
      message: 'disconnected: over the limit for too long; send more slowly, or several fixes in one batch',
      topic: packet.topic,
    })
    // The notice leaves with the next turn of the event loop; the connection ends after it.
    setImmediate(() => setImmediate(() => client.conn.destroy()))
  }
}

function queueKey(rateClass: RateClass, { sub }: BucketOwner): string {
  return `${rateClass} ${sub}`
}

function keyOf({ org, sub }: BucketOwner): string {
  return `${org}/${sub}`
}
