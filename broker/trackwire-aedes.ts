import { Aedes, type Client, type PublishPacket } from 'aedes'
import type { StoredPacket, StoredSubscription } from 'aedes-persistence-level/asyncPersistence.js'

const NOTHING = Buffer.alloc(0)
const NOBODY: StoredSubscription[] = []
const ignore = () => {}
const swallowed = Symbol('swallowed')
type Done = (error?: Error) => void
interface Registry {
  clients: Record<string, Client | undefined>
  connectedClients: number
}
/** What the broker is made of; Aedes' types do not tell. */
interface Parts {
  counter: number
  readonly mq: { emits(packet: object): boolean }
  readonly persistence: {
    retainSoon(packet: StoredPacket): void
    storeRetained(packet: StoredPacket): Promise<void>
    queuingFor(topic: string): StoredSubscription[]
    outgoingEnqueueCombi(subscriptions: StoredSubscription[], packet: StoredPacket): Promise<void>
  }
}
interface Untyped {
  _finishRegisterClient(client: Client): void
  unregisterClient(client: Client): void
}

/**
 * Marks a published packet as one that goes no further: it is acknowledged, so that the sender does not repeat it for
 * ever, but neither retained nor routed. Aedes itself only knows "pass it on" and "close the connection".
 */
export function swallow(packet: object): void {
  ;(packet as { [swallowed]?: true })[swallowed] = true
}

/** Aedes with three methods changed; everything else is set through its options. */
export class TrackwireAedes extends Aedes {
  /**
   * Aedes closes the connection of a topic or filter with more levels, which is valid MQTT, and takes no more than 100 as an option.
   * Our own rules refuse what no channel has, and say so; none of it gets as far as the trees that cannot hold it.
   */
  readonly maxTopicLevels = 65_536
  #publishing = 0
  #whenIdle: (() => void)[] = []

  /** Topics of QoS 1 and 2 messages that are being queued for stored sessions: what comes behind them waits. [MQTT-4.6.0-6] */
  readonly #queuing = new Map<string, Promise<unknown>>()

  /**
   * `publish(packet, done)` from outside, `publish(packet, client, done)` from Aedes' own packet handlers. In place of Aedes' series of
   * steps, which makes promises of every message though it is neither retained nor queued for anyone.
   */
  override publish(packet: PublishPacket, clientOrDone: Client | null | Done, done?: Done): void {
    const answer = (typeof clientOrDone === 'function' ? clientOrDone : done) ?? ignore
    const passing = this.pass(packet, typeof clientOrDone === 'function' ? null : clientOrDone)
    if (passing === undefined) answer()
    else passing.then(() => answer(), answer)
  }

  /** What `publish` does. @returns undefined when it is done, as it is at once where nothing is stored */
  pass(packet: PublishPacket, client: Client | null): Promise<unknown> | undefined {
    if ((packet as { [swallowed]?: true })[swallowed]) return undefined
    const message = this.#messageOf(packet, client)
    const { topic, qos, retain } = message
    const { persistence } = this as unknown as Parts
    // Of what a client retains nothing was promised: its PUBACK, if any, is out already.
    const isWrittenSoon = client !== null || (packet as { isWrittenSoon?: boolean }).isWrittenSoon === true
    const isSoon = retain && (qos === 0 || isWrittenSoon)
    if (isSoon) persistence.retainSoon(message)
    const sessions = qos === 0 ? NOBODY : persistence.queuingFor(topic)
    const before = qos === 0 ? undefined : this.#queuing.get(topic)
    if (sessions.length === 0 && before === undefined && (!retain || isSoon)) return this.#emit(message)
    return this.#track(topic, qos > 0, this.#store(message, { sessions, before, isSoon }))
  }

  async #store(
    message: StoredPacket,
    {
      sessions,
      before,
      isSoon,
    }: { sessions: StoredSubscription[]; before: Promise<unknown> | undefined; isSoon: boolean },
  ): Promise<void> {
    const { persistence } = this as unknown as Parts
    if (message.retain && !isSoon) await persistence.storeRetained(message)
    await Promise.all([before, persistence.outgoingEnqueueCombi(sessions, message)])
    await this.#emit(message)
  }

  #emit(message: StoredPacket): Promise<never> | undefined {
    const { mq } = this as unknown as Parts
    return mq.emits(message) ? undefined : Promise.reject(new Error('the bus is closed'))
  }

  #messageOf(packet: PublishPacket, client: Client | null): StoredPacket {
    const parts = this as unknown as Parts
    parts.counter += 1
    const { topic, payload, qos = 0, retain = false, dup = false } = packet
    const message: StoredPacket = {
      cmd: 'publish',
      brokerId: this.id,
      brokerCounter: parts.counter,
      topic,
      payload: typeof payload === 'string' ? Buffer.from(payload) : (payload ?? NOTHING),
      qos,
      retain,
      dup,
    }
    if (client !== null) message.clientId = client.id
    return message
  }

  #track(topic: string, isOrdered: boolean, work: Promise<unknown>): Promise<unknown> {
    this.#publishing += 1
    const end = () => {
      if (this.#queuing.get(topic) === ended) this.#queuing.delete(topic)
      this.#publishing -= 1
      if (this.#publishing === 0) for (const resolve of this.#whenIdle.splice(0)) resolve()
    }
    // What comes behind one that could not be stored is stored all the same.
    const ended = work.then(end, end)
    if (isOrdered) this.#queuing.set(topic, ended)
    return work
  }

  /** Resolves when nothing is on its way through the store, wills of the connections just closed included. */
  idle(): Promise<void> {
    return this.#publishing === 0 ? Promise.resolve() : new Promise(resolve => this.#whenIdle.push(resolve))
  }

  /**
   * A connection that ended while its CONNECT was worked on is not entered: Aedes would keep it for ever. Any other takes the place of its
   * predecessor, and then ends it. [MQTT-3.1.4-2] Aedes enters it once the predecessor has ended: of three that come at once the third found
   * the first ended already and was entered at once, the second after it, in its place, and nobody ended the third.
   */
  registerClient(client: Client): void {
    if ((client as unknown as { closed: boolean }).closed) return
    const before = (this as unknown as Registry).clients[client.id]
    ;(this as unknown as Untyped)._finishRegisterClient(client)
    if (before !== client) before?.close()
  }

  /** Aedes deletes by client id: an old connection that closes late would delete its successor's entry. */
  unregisterClient(client: Client): void {
    const registry = this as unknown as Registry
    if (registry.clients[client.id] === client) {
      ;(Aedes.prototype as unknown as Untyped).unregisterClient.call(this, client)
    } else {
      registry.connectedClients -= 1
      this.emit('clientDisconnect', client)
    }
  }
}
