import type { AedesPublishPacket, Client } from 'aedes'
import type { ChannelName } from '../../contract/index.ts'
import type { Forward } from '../auth/authorize-forward.ts'
import type { Connection } from '../connections.ts'
import { isProbe } from './direct-subscription.ts'
import { encodeAcknowledged, encodePublish } from './encode-publish.ts'
import { Outgoing } from './outgoing.ts'
import { isPosition } from './slow-consumers.ts'

type Qos = 0 | 1 | 2
type Deliver = (packet: DeliveredPacket, done: () => void) => void
type DeliveredPacket = AedesPublishPacket & { clientId?: string; nl?: boolean }
interface Delivering {
  readonly clean: boolean
  readonly closed: boolean
  connackSent: boolean
  _nextId: number
  deliver0: Deliver
  deliverQoS: Deliver
}

/** A message in the queue of a session; the number is its place. */
export interface Numbered {
  readonly brokerId?: unknown
  readonly brokerCounter?: unknown
}

export interface SubscriberOptions {
  readonly forward: Forward
  /**
   * Queues a retained message that a session is shown. @returns undefined for what is none, but was made for its subscriber: it is made anew
   * for the next subscription
   */
  readonly shown: (
    client: Client,
    packet: DeliveredPacket,
    qos: 1 | 2,
  ) => (Numbered & { queued: Promise<unknown> }) | undefined
  /** Calls back when it is the turn of a message to a stored session: once what is queued for it has been sent. */
  readonly inTurn: (client: Client, packet: object, send: () => void) => void
  /** Stores a message with the packet identifier that it is sent with. @returns whether it may be sent */
  readonly stored: (client: Client, packet: object) => Promise<boolean>
  /** The client has acknowledged a command; by its topic. */
  readonly commandAcknowledged: (client: Client, topic: string) => void
  readonly drainTimeoutMs: number
  readonly count: (lane: 'drop' | 'close') => void
}

/** What a bridge asks for with its subscription; others have neither. */
export interface Manner {
  /** None of the client's own messages. */
  readonly noLocal: boolean
  /** The flag "retain" stays as it was published. [MQTT-3.3.1-9] */
  readonly asPublished: boolean
}

/** One packet on its way to all who subscribe it: what is the same for them is made once. */
export class Emission {
  readonly packet: DeliveredPacket
  /** As it goes to a subscriber; only bridges are told whether it was retained. */
  #plain: Buffer | undefined
  #retained: Buffer | undefined

  constructor(packet: DeliveredPacket) {
    this.packet = packet
  }

  encoded(retain: boolean): Buffer {
    let bytes = retain ? this.#retained : this.#plain
    if (bytes !== undefined) return bytes
    const { topic, payload } = this.packet
    bytes = encodePublish({ topic, payload, retain })
    if (retain) this.#retained = bytes
    else this.#plain = bytes
    return bytes
  }
}

/**
 * What a connection is sent of the messages that its subscriptions match, in place of Aedes' `deliver0` and `deliverQoS`, which make
 * three packets, a turn of the event loop and five writes of every message for every subscriber. Here a message of QoS 0 is encoded
 * once for all, and {@link Outgoing} joins what a connection gets in one turn.
 *
 * Every message goes at the lower of its own QoS and the granted one. [MQTT-3.8.4-6] Aedes sends a retained message at its own QoS
 * whatever was granted, lowers a live one by the subscription of exactly its topic only (a wildcard is overlooked), and where two
 * subscriptions overlap, whichever is met first decides.
 */
export class Subscriber {
  readonly outgoing: Outgoing
  readonly #client: Client
  readonly #state: Delivering
  readonly #options: SubscriberOptions
  /** Set once the client is admitted. */
  connection: Connection | undefined

  constructor(client: Client, options: SubscriberOptions) {
    const state = client as unknown as Delivering
    this.#client = client
    this.#state = state
    this.#options = options
    this.outgoing = new Outgoing(client.conn as never, this, options)
    const deliver: Deliver = (packet, done) => {
      if (isProbe(this, packet)) return
      this.#deliver(packet, packet.retain, undefined)
      this.outgoing.whenRoom(done)
    }
    state.deliver0 = deliver
    state.deliverQoS = deliver
  }

  nextId(): number {
    const id = this.#state._nextId
    this.#state._nextId = id >= 65_535 ? 1 : id + 1
    return id
  }

  /** From the bus. */
  take(emission: Emission, { noLocal, asPublished }: Manner): void {
    const { packet } = emission
    if (noLocal && packet.clientId === this.#client.id) return
    this.#deliver(packet, asPublished && packet.retain, emission)
  }

  #deliver(packet: DeliveredPacket, retain: boolean, emission: Emission | undefined): void {
    const { connection } = this
    // A live message written before CONNACK breaks the client; what matters waits in the session's queue.
    if (connection === undefined || !this.#state.connackSent || this.#state.closed) return
    const forwarded = this.#options.forward(connection, packet)
    if (forwarded === null) return
    const most = packet.qos === 0 ? 0 : connection.grantedQos.of(packet.topic)
    const qos = Math.min(packet.qos, most) as Qos
    const { payload, channel } = forwarded
    const { topic } = packet
    if (qos === 0) {
      const isShared = emission !== undefined && payload === packet.payload
      const bytes = isShared ? emission.encoded(retain) : encodePublish({ topic, payload, retain })
      this.outgoing.send(bytes, isPosition(channel) ? topic : undefined)
    } else this.#sendAcknowledged({ topic, payload, retain }, packet, qos, channel, emission !== undefined)
  }

  #sendAcknowledged(
    message: { topic: string; payload: string | Buffer; retain: boolean },
    packet: DeliveredPacket,
    qos: 1 | 2,
    channel: ChannelName | undefined,
    isLive: boolean,
  ): void {
    const { outgoing } = this
    const { topic, payload } = message
    const onAcknowledged =
      channel === 'command' ? () => this.#options.commandAcknowledged(this.#client, topic) : undefined
    const bytes = topic.length + payload.length + 8
    const dup = packet.dup === true
    const encode = (packetId: number) => encodeAcknowledged(message, qos, packetId, dup)
    const shown = isLive || this.#state.clean ? undefined : this.#options.shown(this.#client, packet, qos)
    if (this.#state.clean || (!isLive && shown === undefined)) {
      return outgoing.sendAcknowledged({ topic, bytes, store: undefined, onAcknowledged, encode }, isPosition(channel))
    }
    const { brokerId, brokerCounter } = shown ?? packet
    const store = (messageId: number) => {
      const numbered = { cmd: 'publish', brokerId, brokerCounter, ...message, qos, dup, messageId }
      return this.#store(numbered, shown?.queued)
    }
    const acknowledged = { topic, bytes, store, onAcknowledged, encode }
    // What it is shown does not wait for its queue.
    if (shown !== undefined) outgoing.sendAcknowledged(acknowledged, false)
    else this.#options.inTurn(this.#client, packet, () => outgoing.sendAcknowledged(acknowledged, false))
  }

  async #store(numbered: object, queued: Promise<unknown> | undefined): Promise<boolean> {
    try {
      if (queued !== undefined) await queued
      return await this.#options.stored(this.#client, numbered)
    } catch (error) {
      this.#client.emit('error', error as Error)
      return false
    }
  }
}
