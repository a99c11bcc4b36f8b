import { Qlobber } from 'qlobber'
import { type DirectSubscription, directSubscriptionOf } from './direct-subscription.ts'
import { Emission } from './subscriber.ts'

export interface BusPacket {
  readonly topic: string
}
export type Listener<Packet extends BusPacket> = (packet: Packet, done: () => void) => void

/** One subscription: of a connection that is handed messages directly, or any listener. */
interface Entry<Packet extends BusPacket> {
  readonly listener: Listener<Packet>
  readonly direct: DirectSubscription | null
}

/** Topics and, for each, its listeners that are remembered; beyond it the memory starts anew. */
const REMEMBERED = 1_000_000
const ignore = () => {}

/**
 * The message bus inside the broker: topic → subscribers, in place of mqemitter.
 *
 * mqemitter waits for every subscriber before it frees one of its concurrency slots: a single stalled client fills them,
 * unrelated topics get nothing, and draining its queue recursively ends the process. This bus hands a packet to all who
 * match and is done; what a slow consumer may hold is decided per connection (outgoing.ts), never here.
 */
export class Bus<Packet extends BusPacket = BusPacket> {
  readonly #trie = new Qlobber<Entry<Packet>>({
    separator: '/',
    wildcard_one: '+',
    wildcard_some: '#',
    match_empty_levels: true, // [MQTT-4.7.1-3]
  })
  readonly #matched = new Map<string, readonly Entry<Packet>[]>()
  #remembered = 0
  readonly #entries = new WeakMap<Listener<Packet>, Entry<Packet>>()
  readonly #observers = new Set<(packet: Packet) => void>()
  #subscriptions = 0
  #closed = false
  #emissions = 0
  #emitting = 0

  on(filter: string, listener: Listener<Packet>, done?: () => void): this {
    const entry = this.#entries.get(listener) ?? { listener, direct: directSubscriptionOf(listener) }
    this.#entries.set(listener, entry)
    this.#trie.add(filter, entry)
    this.#subscriptions += 1
    this.#forget()
    if (done) setImmediate(done)
    return this
  }

  removeListener(filter: string, listener: Listener<Packet>, done?: () => void): this {
    const entry = this.#entries.get(listener)
    if (entry !== undefined) {
      this.#trie.remove(filter, entry)
      this.#subscriptions -= 1
      this.#forget()
    }
    if (done) setImmediate(done)
    return this
  }

  emit(packet: Packet, done: (error?: Error) => void = ignore): this {
    done(this.emits(packet) ? undefined : new Error('the bus is closed'))
    return this
  }

  /** @returns false when it is closed */
  emits(packet: Packet): boolean {
    if (this.#closed) return false
    this.#emissions += 1
    this.#emitting = this.#emissions
    if (this.#observers.size > 0) for (const observe of this.#observers) observe(packet)
    this.#hand(packet)
    this.#emitting = 0
    return true
  }

  /** Calls the observer with every packet, before its subscribers get it. @returns a function that stops it */
  observe(observer: (packet: Packet) => void): () => void {
    this.#observers.add(observer)
    return () => void this.#observers.delete(observer)
  }

  /** Whether anybody listens to a topic; asked of many, so the answer is not remembered. */
  hears(topic: string): boolean {
    return this.#trie.match(topic).length > 0
  }

  /** Which packet is being handed out right now, counted from 1; 0 = none. */
  get emission(): number {
    return this.#emitting
  }

  /** How many listeners there are, those of the broker itself included. */
  get subscriptions(): number {
    return this.#subscriptions
  }

  close(done: () => void = ignore): void {
    this.#closed = true
    setImmediate(done)
  }

  #hand(packet: Packet): void {
    const entries = this.#entriesOf(packet.topic)
    let emission: Emission | undefined
    for (const { listener, direct } of entries) {
      if (direct === null) listener(packet, ignore)
      else if (!direct.hidesDollar || !packet.topic.startsWith('$')) {
        emission ??= new Emission(packet as never)
        direct.subscriber.take(emission, direct)
      }
    }
  }

  #entriesOf(topic: string): readonly Entry<Packet>[] {
    let entries = this.#matched.get(topic)
    if (entries === undefined) {
      entries = this.#trie.match(topic)
      if (this.#remembered >= REMEMBERED) this.#forget()
      this.#remembered += 1 + entries.length
      this.#matched.set(topic, entries)
    }
    return entries
  }

  #forget(): void {
    this.#matched.clear()
    this.#remembered = 0
  }
}
