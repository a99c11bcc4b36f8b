import type { Client, PublishPacket } from 'aedes'
import type { Publishing } from './auth/authorize-publish.ts'
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
    const { aedes, publishing } = this.#broker
    const client = this.#client
    const reading = this.#reading
    const { connection, outgoing } = this.#subscriber
    let isDone = false
    let isCounted = false
    const done = (error?: Error | null) => {
      if (isDone) return
      isDone = true
      if (error) client.emit('error', error)
      else if (isCounted) reading._nextBatch()
    }
    const count = () => {
      if (isDone || isCounted) return
      isCounted = true
      reading._parsingBatch += 1
    }
    const publish = () => aedes.publish(packet as unknown as PublishPacket, client, done)
    publishing.of(connection!, packet as unknown as PublishPacket, error => {
      if (error) return done(error)
      if (packet.qos === 1) outgoing.answer(puback(packet.messageId!), publish)
      else publish()
      count()
    })
    if (packet.qos === 0) count()
    this.#isAlive()
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

function puback(messageId: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes[0] = 0x40
  bytes[1] = 2
  bytes.writeUInt16BE(messageId, 2)
  return bytes
}
