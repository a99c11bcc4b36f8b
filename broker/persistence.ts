import { Readable } from 'node:stream'
import AsyncLevelPersistence, {
  type StoredPacket,
  type StoredSubscription,
} from 'aedes-persistence-level/asyncPersistence.js'
import type { ClassicLevel } from 'classic-level'
import { MAX_FILTER_LEVELS } from './auth/authorize-subscribe.ts'
import type { Outgoing } from './delivery/outgoing.ts'
import { ResumeOrder } from './delivery/resume-order.ts'
import type { Numbered } from './delivery/subscriber.ts'
import { type SessionLimitOptions, SessionLimits } from './limits/session-limits.ts'
import { friendsUnder } from './owntracks-friends.ts'
import { RetainedMessages } from './retained-messages.ts'
import { SESSION_ITSELF } from './session-itself.ts'
import type { SessionOwner, StoredSessions } from './stored-sessions.ts'
import { SubscriptionIndex } from './subscription-index.ts'
import { WriteQueue } from './write-queue.ts'

/** Whether a connection that stands or is being set up under this client id has a will of its own. */
type HasWill = (clientId: string) => boolean

const NOBODY: StoredSubscription[] = []
const NOTHING = Buffer.alloc(0)
const SUBSCRIPTIONS = { gte: 'subscriptions:', lt: 'subscriptions;' }
const INCOMING = { gte: 'incoming:', lt: 'incoming;' }
const WILLS = { gte: 'will:', lt: 'will;' }
/** Whose a session is, beside what aedes-persistence-level keeps of it. */
const SESSIONS = { gte: 'session:', lt: 'session;' }
const QUEUES = ['outgoing:', 'outgoing-id:', 'incoming:']

/** A message that a subscription is shown. */
export interface Shown {
  readonly topic: string
  readonly payload: string | Buffer
}

export interface BrokerPersistenceOptions {
  readonly db: ClassicLevel<string, unknown>
  readonly hasWill: HasWill
  readonly sessions: StoredSessions
  /** Whether a message that was on its way to a client may still be sent. */
  readonly mayReceive: (client: object, topic: string) => boolean
  /** What is in flight to a client that is connected. */
  readonly inFlight: (client: object) => Pick<Outgoing, 'acknowledged' | 'freeId' | 'inFlight'> | undefined
  readonly now: () => number
  readonly limits: SessionLimitOptions
}

/**
 * Sessions, queued and retained messages in LevelDB: aedes-persistence-level, with these changes.
 * - Writes keep their order (write-queue.ts), and so do the queued messages.
 * - Retained messages are matched in memory; there, a subscription reads and decodes every one of them from disk.
 * - Which session a message is queued for has an index of our own (subscription-index.ts).
 * - A message is queued only for sessions whose principal may receive it now (stored-sessions.ts), and sent only to those who still may.
 * - What a session is shown of the retained messages is queued for it as well, until it is acknowledged.
 * - A message is queued at the QoS of the subscription where that is lower, and without the flag "retain".
 * - A command of the platform is queued for nobody (command-lane.ts).
 * - Filters that were refused are not stored with the session; Aedes stores the whole SUBSCRIBE, once for each filter.
 * - An update of a queued message that is no longer queued, as happens when a subscription arrives while it is on its way,
 *   does not end the connection.
 * - What is published while a session is resumed comes after what is queued for it: Aedes sends it in between.
 * - What was sent before, and not acknowledged, is sent again with DUP. [MQTT-3.3.1-1]
 * - A session with nothing in it is one. [MQTT-3.2.2-2] What is in one is gone with it, packet identifiers of QoS 2 too. [MQTT-3.2.2-3]
 * - Of a QoS 2 message that waits for PUBREL only its packet identifier is kept, and one that is repeated at once is known too.
 * - A connection that is taken over does not delete the stored will of its successor, and no failing deletion of a will
 *   ends the process: Aedes does not look at the result.
 */
export class BrokerPersistence extends AsyncLevelPersistence {
  readonly #db: ClassicLevel<string, unknown>
  readonly #writes: WriteQueue
  readonly #retained = new RetainedMessages(packet => super.storeRetained(packet))
  readonly #subscriptions = new SubscriptionIndex()
  readonly #granted = new WeakSet<object>()
  /** Reads that a write follows: the store closes after the write. */
  readonly #underWay = new Set<Promise<unknown>>()
  /** Client ids of which packet identifiers of QoS 2 are stored. */
  readonly #withIncoming = new Set<string>()
  /** Client ids of which a will is stored, or about to be. */
  readonly #withWill = new Set<string>()
  /** Sessions that are being deleted, by client id. */
  readonly #leaving = new Map<string, Promise<unknown>>()
  readonly #hasWill: HasWill
  readonly #sessions: StoredSessions
  readonly #mayReceive: BrokerPersistenceOptions['mayReceive']
  readonly #inFlight: BrokerPersistenceOptions['inFlight']
  readonly #now: () => number
  readonly #order = new ResumeOrder()
  /** By connection, the packet identifiers of QoS 2 messages that are about to be stored. */
  readonly #arriving = new WeakMap<object, Set<number>>()
  readonly limits: SessionLimits
  /** Topics that are queued for no session. */
  readonly unqueued = new Set<string>()

  constructor({ db, hasWill, sessions, mayReceive, inFlight, now, limits }: BrokerPersistenceOptions) {
    const writes = new WriteQueue(db)
    super(writes)
    this.#db = db
    this.#writes = writes
    this.#hasWill = hasWill
    this.#sessions = sessions
    this.#mayReceive = mayReceive
    this.#inFlight = inFlight
    this.#now = now
    const queued = (id: string) => super.outgoingStream({ id })
    this.limits = new SessionLimits(
      { db, writes, queued, dropSession: async id => void (await this.deleteSession(id)) },
      limits,
    )
  }

  override async setup(broker: unknown): Promise<void> {
    await this.#db.open()
    for await (const packet of super.createRetainedStream('#') as AsyncIterable<StoredPacket>) {
      this.#retained.set(packet)
    }
    const owners = await this.#storedOwners()
    const clients = await this.#storedClients()
    for (const id of clients) {
      for (const subscription of await super.subscriptionsByClient({ id })) this.#subscriptions.add(id, subscription)
      if (!owners.has(id)) owners.set(id, null)
    }
    for (const [id, owner] of owners) this.#sessions.restore(id, owner, this.#now())
    await this.#loadIncoming(owners)
    for await (const key of this.#db.keys(WILLS)) this.#withWill.add(clientIdIn(key))
    await this.limits.load(owners.keys())
    await super.setup(broker)
  }

  /** Those of no session were a clean one's that the process did not see end. [MQTT-3.1.2-6] */
  async #loadIncoming(sessions: ReadonlyMap<string, unknown>): Promise<void> {
    const ids = new Set<string>()
    for await (const key of this.#db.keys(INCOMING)) ids.add(clientIdIn(key))
    for (const id of ids) {
      if (sessions.has(id)) this.#withIncoming.add(id)
      else await super.cleanIncoming({ id })
    }
  }

  async #storedClients(): Promise<Set<string>> {
    const ids = new Set<string>()
    for await (const key of this.#db.keys(SUBSCRIPTIONS)) ids.add(clientIdIn(key))
    return ids
  }

  async #storedOwners(): Promise<Map<string, SessionOwner | null>> {
    const owners = new Map<string, SessionOwner | null>()
    const stored = this.#db.iterator<string, Buffer>({ ...SESSIONS, valueEncoding: 'buffer' })
    for await (const [key, value] of stored) owners.set(clientIdIn(key), readOwner(value))
    return owners
  }

  /** Written in order with the subscriptions and the queue of the session. */
  saveSession(id: string, owner: SessionOwner): void {
    void this.#writes.put(sessionKey(id), writeOwner(owner)).catch(() => {
      // The store is closing: the session is taken up as one that was left when the process ended.
    })
  }

  /** Forgets a session with all that waits for it. */
  deleteSession(id: string): Promise<unknown> {
    this.#sessions.delete(id)
    this.#withIncoming.delete(id)
    const work = this.#finish(
      (async () => {
        const held = await super.subscriptionsByClient({ id })
        await this.removeSubscriptions(
          { id },
          held.map(({ topic }) => topic),
        )
        for (const prefix of QUEUES) {
          const key = `${prefix}${encodeURIComponent(id)}`
          await this.#writes.clear({ gte: `${key}:`, lt: `${key};` })
        }
        await this.#writes.del(sessionKey(id))
        await this.limits.ended(id)
      })(),
    ).finally(() => this.#leaving.delete(id))
    this.#leaving.set(id, work)
    return work
  }

  /** Whether anything of a session is in the store, or about to be, or has still to leave it. */
  isStored(id: string): boolean {
    return this.#sessions.isHeld(id) || this.#leaving.has(id) || this.#withIncoming.has(id) || this.limits.isOwed(id)
  }

  isResumed(id: string): boolean {
    return this.#sessions.isResumed(id)
  }

  hasStoredWill(id: string): boolean {
    return this.#withWill.has(id)
  }

  /** Whatever is stored belongs to a session that is known: of one with nothing in it, there is nothing to look for on disk. */
  endSession(id: string): Promise<unknown> | undefined {
    return this.#sessions.delete(id) ? this.deleteSession(id) : undefined
  }

  /** A clean session ends the one that was stored. [MQTT-3.1.2-6] */
  override async cleanSubscriptions(client: { id: string }): Promise<void> {
    // Aedes takes what is queued out one by one, and leaves the rest when the client goes meanwhile.
    const ending = this.endSession(client.id)
    if (ending !== undefined) await ending
    else {
      await this.#leaving.get(client.id)
      await this.limits.ended(client.id)
    }
  }

  /** Aedes asks at the begin and at the end of every clean session; almost none of them ever published with QoS 2. */
  override async cleanIncoming(client: { id: string }): Promise<void> {
    if (this.#withIncoming.delete(client.id)) await this.#finish(super.cleanIncoming(client))
  }

  override async subscriptionsByClient(client: { id: string }): Promise<StoredSubscription[]> {
    await this.#leaving.get(client.id)
    const held = await super.subscriptionsByClient(client)
    // Aedes takes a session for new that holds no subscription.
    return held.length === 0 && this.#sessions.isResumed(client.id) ? [SESSION_ITSELF] : held
  }

  override async storeRetained(packet: StoredPacket): Promise<void> {
    this.#retained.set(packet)
    await super.storeRetained(packet)
  }

  /** For what is said so often that it is soon said again, and of which nobody was promised that it is kept. */
  retainSoon(packet: StoredPacket): void {
    this.#retained.setSoon(packet)
  }

  override createRetainedStreamCombi(filters: string[]): Readable {
    return Readable.from(this.#shownUnder(filters))
  }

  override createRetainedStream(filter: string): Readable {
    return Readable.from(this.#shownUnder([filter]))
  }

  /** What subscriptions are shown at once. */
  *#shownUnder(filters: readonly string[]): Generator<StoredPacket> {
    for (const filter of filters) {
      yield* this.retainedUnder(filter)
      yield* friendsUnder(filter, this.#retained.all())
    }
  }

  /** The retained messages that a filter matches. */
  retainedUnder(filter: string): StoredPacket[] {
    return this.#retained.under(filter)
  }

  get retainedCount(): number {
    return this.#retained.size
  }

  /** Lets a subscription be stored; Aedes hands in the same object with its SUBSCRIBE. */
  grant(subscription: object): void {
    this.#granted.add(subscription)
  }

  override async addSubscriptions(client: { id: string }, subscriptions: StoredSubscription[]): Promise<void> {
    const granted = subscriptions.filter(subscription => this.#granted.delete(subscription))
    for (const subscription of granted) this.#subscriptions.add(client.id, subscription)
    if (granted.length === 0) return
    this.#sessions.keep(client.id)
    await super.addSubscriptions(client, granted)
    await this.#finish(this.limits.stored(client.id))
  }

  override async removeSubscriptions(client: { id: string }, filters: string[]): Promise<void> {
    // The trees below take no deeper ones; none is held.
    const holdable = filters.filter(filter => filter.split('/').length <= MAX_FILTER_LEVELS)
    for (const filter of holdable) this.#subscriptions.remove(client.id, filter)
    await super.removeSubscriptions(client, holdable)
  }

  override async subscriptionsByTopic(topic: string): Promise<StoredSubscription[]> {
    return this.queuingFor(topic)
  }

  /** The subscriptions of stored sessions that a message is queued for. */
  queuingFor(topic: string): StoredSubscription[] {
    if (this.unqueued.has(topic)) return NOBODY
    const held = this.#subscriptions.matching(topic)
    if (held.length === 0) return NOBODY
    return held.filter(({ clientId, qos }) => this.#sessions.mayQueue(clientId, topic, qos))
  }

  /** Queued at the QoS that the session will be sent, [MQTT-3.8.4-6] and as a live message: not retained, [MQTT-3.3.1-9] but for bridges. */
  override outgoingEnqueue(
    subscription: { clientId: string; qos: number; rap?: boolean | undefined },
    packet: StoredPacket,
  ): Promise<void> {
    const qos = Math.min(packet.qos, subscription.qos)
    const retain = packet.retain && subscription.rap === true
    this.limits.enqueued(subscription.clientId, packet)
    const isSame = qos === packet.qos && retain === packet.retain
    return super.outgoingEnqueue(subscription, isSame ? packet : Object.assign({}, packet, { qos, retain }))
  }

  override async delWill(client: { id: string; conn?: object }): Promise<unknown> {
    // Only a connection being set up comes as itself; one that ends comes as its id.
    const ends = client.conn === undefined
    if (ends && this.#hasWill(client.id)) return undefined
    // Aedes asks at the begin of every connection; few have one.
    if (!this.#withWill.delete(client.id)) return undefined
    return this.#finish(super.delWill(client).catch(() => undefined))
  }

  override putWill(client: { id: string }, will: object): Promise<void> {
    this.#withWill.add(client.id)
    return super.putWill(client, will)
  }

  override async outgoingClearMessageId(client: { id: string }, packet: unknown): Promise<unknown> {
    this.#inFlight(client)?.acknowledged((packet as { messageId: number }).messageId)
    // Nothing is stored of a session that ends with its connection.
    if ((client as { clean?: boolean }).clean === true) return undefined
    return this.#clear(client, packet)
  }

  async #clear(client: { id: string }, packet: unknown): Promise<unknown> {
    const cleared = await this.#finish(super.outgoingClearMessageId(client, packet))
    if (cleared !== undefined) this.limits.cleared(client.id, cleared as StoredPacket)
    return cleared
  }

  override async destroy(): Promise<void> {
    await this.#retained.flush()
    await Promise.allSettled(this.#underWay)
    await super.destroy()
  }

  override outgoingStream(client: { id: string; clean?: boolean }): Readable {
    // Nothing is queued for a session that ends with its connection.
    if (client.clean === true) return Readable.from(NOBODY)
    return Readable.from(this.#order.queued(client, sentAgain(super.outgoingStream(client))))
  }

  /**
   * Queues a retained message that a session is shown, in the place of the time when it was published: what came after it stays behind it,
   * and shown again, as by a client that subscribes with every connection, it does not wait twice.
   */
  shown(
    client: { id: string },
    { topic, payload }: Shown,
    qos: 1 | 2,
  ): (Numbered & { queued: Promise<unknown> }) | undefined {
    const kept = this.#retained.under(topic)[0]
    if (kept?.brokerId === undefined || !Buffer.isBuffer(payload) || !kept.payload.equals(payload)) return undefined
    const packet = Object.assign({}, kept, { qos, retain: true, dup: false })
    const queued = this.outgoingEnqueue({ clientId: client.id, qos, rap: true }, packet)
    // It is waited for, if at all, when there is room to send it.
    queued.catch(() => undefined)
    return { brokerId: kept.brokerId, brokerCounter: kept.brokerCounter, queued }
  }

  /** Calls back when it is the turn of a live message to a session that may be being resumed. */
  inTurn(client: object, packet: object, send: () => void): void {
    this.#order.live(client, packet, send)
  }

  /** Keeps the packet identifier that a live message is sent with. @returns whether it may still be sent; if not, it is queued no more */
  async numbered(client: { id: string }, packet: StoredPacket): Promise<boolean> {
    await this.#update(client, packet)
    if (this.#mayReceive(client, packet.topic)) return true
    await this.#clear(client, packet)
    return false
  }

  /**
   * PUBREL in place of a message, and what Aedes takes from the queue of a session that is resumed, one by one, and looks at itself. A message
   * has room among those in flight before it has its packet identifier: the one that waits for it was not sent.
   */
  override async outgoingUpdate(client: { id: string }, packet: unknown): Promise<void> {
    const message = packet as Omit<StoredPacket, 'cmd'> & { readonly cmd: 'publish' | 'pubrel' }
    const outgoing = this.#inFlight(client)
    const isQueued = message.brokerId !== undefined && outgoing !== undefined
    if (message.cmd === 'publish' && isQueued) {
      // Without room there is no connection: Aedes finds out when it writes.
      if (!(await outgoing.inFlight.room())) return
      // One that was sent before keeps its own.
      if (!message.dup && outgoing.inFlight.has(message.messageId as number)) message.messageId = outgoing.freeId()
    }
    if (isQueued) outgoing.inFlight.add(message.messageId as number)
    await this.#update(client, packet)
  }

  async #update(client: { id: string }, packet: unknown): Promise<void> {
    try {
      await this.#finish(super.outgoingUpdate(client, packet))
    } catch (error) {
      if ((error as Error).message !== 'no such packet') throw error
    }
  }

  /** Kept to know it again when it is repeated [MQTT-4.3.3-2]: its payload is of no more use. */
  override async incomingStorePacket(client: { id: string; clean?: boolean }, packet: StoredPacket): Promise<void> {
    this.#withIncoming.add(client.id)
    // Written before it: what is in the store belongs to a session that is known.
    const isFirst = client.clean !== true && this.#sessions.keep(client.id)
    const storing = super.incomingStorePacket(client, { ...packet, payload: NOTHING })
    const stored = storing.finally(() => this.#arriving.get(client)?.delete(packet.messageId as number))
    if (isFirst) await Promise.all([stored, this.#finish(this.limits.stored(client.id))])
    else await stored
  }

  /**
   * Fails for a message that is new. One that is repeated before the first was stored is not: that is decided before the read,
   * which may look at the store before the first is in it and answer after.
   */
  override async incomingGetPacket(client: { id: string }, packet: StoredPacket): Promise<unknown> {
    const messageId = packet.messageId as number
    const arriving = this.#arriving.get(client) ?? new Set()
    const repeated = arriving.has(messageId)
    const first = packet.cmd === 'publish' && !repeated
    if (first) this.#arriving.set(client, arriving.add(messageId))
    try {
      const stored = await super.incomingGetPacket(client, packet)
      if (first) arriving.delete(messageId)
      return stored
    } catch (error) {
      if (repeated) return packet
      throw error
    }
  }

  #finish<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work)
    return work.finally(() => this.#underWay.delete(work))
  }
}

/** A message that was given a packet identifier was handed to an earlier connection. */
async function* sentAgain(packets: AsyncIterable<StoredPacket>): AsyncGenerator<StoredPacket> {
  for await (const packet of packets) {
    if (packet.cmd === 'publish' && typeof packet.messageId === 'number') packet.dup = true
    yield packet
  }
}

function sessionKey(id: string): string {
  return `${SESSIONS.gte}${encodeURIComponent(id)}`
}

function clientIdIn(key: string): string {
  return decodeURIComponent(key.split(':', 2)[1]!)
}

function writeOwner({ issued, ...owner }: SessionOwner): Buffer {
  return Buffer.from(JSON.stringify({ ...owner, issued: { ...issued, devices: [...issued.devices] } }))
}

function readOwner(value: Buffer): SessionOwner {
  const { issued, ...owner } = JSON.parse(value.toString())
  return { ...owner, issued: { ...issued, devices: new Set(issued.devices) } }
}
