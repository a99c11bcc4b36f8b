import type { Client, PublishPacket } from 'aedes'
import type { Publishing } from './auth/authorize-publish.ts'
import type { Judged } from './auth/passage.ts'
import type { Subscriber } from './delivery/subscriber.ts'
import type { PlainPackets, PlainPublish } from './guard/plain-packets.ts'
import type { TrackwireAedes } from './trackwire-aedes.ts'

interface Reading {
  readonly clean: boolean
  readonly closed: boolean
  readonly _keepaliveInterval: number
  readonly _keepaliveTimer: NodeJS.Timeout | null
  _parsingBatch: number
  _nextBatch(error?: Error): void
  readonly _parser: { emit(event: 'packet', packet: object): void }
}

/**
 * What Aedes does with a PUBLISH of QoS 0 or 1 and with a PUBACK, without its series of steps and its packets on the way: judged,
 * acknowledged, published. One that is not done at once counts as a packet of its chunk, as Aedes has it: reading goes on after it.
 * While one of QoS 1 is worked on it does not count: how many those may be is said by its connection's OrderedAnswers, and a PINGREQ or
 * an SOS behind it does not wait for the database.
 */
export class PlainPath implements PlainPackets {
  readonly #client: Client
  readonly #reading: Reading
  readonly #subscriber: Subscriber
  readonly #broker: { readonly aedes: TrackwireAedes; readonly publishing: Publishing }

  constructor(client: Client, subscriber: Subscriber, broker: { aedes: TrackwireAedes; publishing: Publishing }) {
    this.#client = client
    this.#reading = client as unknown as Reading
    this.#subscriber = subscriber
    this.#broker = broker
  }

  publish(packet: PlainPublish): void {
    const message = new PlainMessage(packet as unknown as PublishPacket, this)
    this.#broker.publishing.of(this.#subscriber.connection!, message.packet, message)
    if (packet.qos === 0) message.count()
    this.#isAlive()
  }

  /** Undefined: it is done. */
  pass(packet: PublishPacket): Promise<unknown> | undefined {
    return this.#broker.aedes.pass(packet, this.#client)
  }

  answer(messageId: number, then: () => void): void {
    this.#subscriber.outgoing.answer(puback(messageId), then)
  }

  begin(): void {
    this.#reading._parsingBatch += 1
  }

  end(): void {
    this.#reading._nextBatch()
  }

  fail(error: unknown): void {
    this.#client.emit('error', error as Error)
  }

  puback(messageId: number): void {
    const { clean, _parser } = this.#reading
    if (clean) this.#subscriber.outgoing.acknowledged(messageId)
    else _parser.emit('packet', { cmd: 'puback', qos: 0, dup: false, retain: false, length: 2, messageId })
    this.#isAlive()
  }

  #isAlive(): void {
    const { _keepaliveInterval, _keepaliveTimer } = this.#reading
    if (_keepaliveInterval > 0) _keepaliveTimer?.refresh()
  }
}

/** One PUBLISH until it is published; with methods, for closures of each would be half of what is made of it. */
class PlainMessage implements Judged {
  readonly packet: PublishPacket
  readonly #path: PlainPath
  #isDone = false
  #isCounted = false

  constructor(packet: PublishPacket, path: PlainPath) {
    this.packet = packet
    this.#path = path
  }

  judged(error: Error | null): void {
    if (error !== null) return this.#fail(error)
    if (this.packet.qos === 1) this.#path.answer(this.packet.messageId!, () => this.#publish())
    else this.#publish()
    this.count()
  }

  /** As a packet of its chunk, unless it is done. */
  count(): void {
    if (this.#isDone || this.#isCounted) return
    this.#isCounted = true
    this.#path.begin()
  }

  #publish(): void {
    const publishing = this.#path.pass(this.packet)
    if (publishing === undefined) return this.#done()
    publishing.then(
      () => this.#done(),
      error => this.#fail(error),
    )
  }

  #done(): void {
    if (this.#isDone) return
    this.#isDone = true
    if (this.#isCounted) this.#path.end()
  }

  #fail(error: unknown): void {
    if (this.#isDone) return
    this.#isDone = true
    this.#path.fail(error)
  }
}

function puback(messageId: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes[0] = 0x40
  bytes[1] = 2
  bytes.writeUInt16BE(messageId, 2)
  return bytes
}
