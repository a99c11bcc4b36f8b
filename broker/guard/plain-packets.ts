import { isAt } from './same-bytes.ts'
import { TextCheck } from './text.ts'

/** A PUBLISH of QoS 0 or 1 as the parser would give it. */
export interface PlainPublish {
  readonly cmd: 'publish'
  readonly length: number
  readonly topic: string
  readonly payload: Buffer
  readonly qos: 0 | 1
  retain: boolean
  dup: boolean
  readonly messageId: number | undefined
}

export interface PlainPackets {
  publish(packet: PlainPublish): void
  puback(messageId: number): void
}

const PUBLISH = 3
const PUBACK = 0x40
const DUP = 0x08
const QOS = 0x06
const QOS_1 = 0x02
const RETAIN = 0x01

/** A topic is checked in one go, so one check does for all connections. */
const TEXT = new TextCheck()
const NO_TOPIC = new Uint8Array(0)

/**
 * Reads what almost all traffic is, whole PUBLISH packets of QoS 0 and 1 and PUBACKs, in one pass: no byte of them is looked at
 * by the guard and the parser as well. Anything else, and anything that is not as MQTT has it, is left to those two.
 */
export class PlainReader {
  readonly #maxPacketBytes: number
  /** Senders mostly have one topic: its bytes are compared, not checked and decoded anew. */
  #topicBytes: Uint8Array = NO_TOPIC
  #topic = ''

  constructor(maxPacketBytes: number) {
    this.#maxPacketBytes = maxPacketBytes
  }

  /** @returns the bytes of the packet that begins here and was handed on; 0 = it is not plain, or not all there */
  read(chunk: Buffer, at: number, to: PlainPackets): number {
    const first = chunk[at]!
    if (first === PUBACK) return readPuback(chunk, at, to)
    const qos = first & QOS
    if (first >> 4 !== PUBLISH || qos > QOS_1 || (qos === 0 && (first & DUP) !== 0)) return 0
    const packetBytes = packetBytesAt(chunk, at)
    const end = at + packetBytes
    if (packetBytes === 0 || end > chunk.length) return 0
    const idBytes = qos === 0 ? 0 : 2
    const body = bodyAt(chunk, at)
    if (end - body > this.#maxPacketBytes || end - body < 2 + idBytes) return 0
    const topicAt = body + 2
    const topicBytes = chunk[body]! * 256 + chunk[body + 1]!
    const payloadAt = topicAt + topicBytes + idBytes
    if (payloadAt > end || !this.#readTopic(chunk, topicAt, topicAt + topicBytes)) return 0
    const messageId = qos === 0 ? undefined : chunk[payloadAt - 2]! * 256 + chunk[payloadAt - 1]!
    if (messageId === 0) return 0
    to.publish({
      cmd: 'publish',
      length: end - body,
      topic: this.#topic,
      payload: chunk.subarray(payloadAt, end),
      qos: qos === 0 ? 0 : 1,
      retain: (first & RETAIN) !== 0,
      dup: (first & DUP) !== 0,
      messageId,
    })
    return packetBytes
  }

  #readTopic(chunk: Buffer, from: number, end: number): boolean {
    const known = this.#topicBytes
    if (known.length > 0 && known.length === end - from && isAt(known, chunk, from)) return true
    const fault = TEXT.start('name', end - from) ?? TEXT.read(chunk, from, end) ?? TEXT.end()
    if (fault !== null) return false
    this.#topicBytes = Uint8Array.prototype.slice.call(chunk, from, end)
    this.#topic = chunk.toString('utf8', from, end)
    return true
  }
}

function readPuback(chunk: Buffer, at: number, to: PlainPackets): number {
  if (at + 4 > chunk.length || chunk[at + 1] !== 2) return 0
  const messageId = chunk[at + 2]! * 256 + chunk[at + 3]!
  if (messageId === 0) return 0
  to.puback(messageId)
  return 4
}

/** Where the remaining length ends; MQTT 3.1.1 §2.2.3. */
export function bodyAt(chunk: Buffer, at: number): number {
  let body = at + 1
  while (chunk[body]! & 0x80) body += 1
  return body + 1
}

/** Fixed header included; 0 = its length is not all there, or too long. */
export function packetBytesAt(chunk: Uint8Array, at: number): number {
  let length = 0
  let factor = 1
  for (let i = 1; i <= 4; i += 1) {
    const byte = chunk[at + i]
    if (byte === undefined) return 0
    length += (byte & 0x7f) * factor
    if (byte < 0x80) return 1 + i + length
    factor *= 128
  }
  return 0
}
