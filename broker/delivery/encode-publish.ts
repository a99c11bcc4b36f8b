import { bodyAt } from '../guard/plain-packets.ts'

/** What of a message goes over the wire, beside its packet identifier and DUP. */
export interface Encodable {
  readonly topic: string
  readonly payload: string | Buffer
  readonly retain: boolean
}

const PUBLISH = 0x30
const RETAIN = 0x01
const DUP = 0x08

/** A PUBLISH of QoS 0, MQTT 3.1.1 §3.3: the same bytes for everyone who gets it. */
export function encodePublish(message: Encodable): Buffer {
  return encode(message, 0, 0, false)
}

/** Which topic it was encoded with. */
export function topicOfEncoded(publish: Buffer): string {
  const body = bodyAt(publish, 0)
  return publish.toString('utf8', body + 2, body + 2 + publish.readUInt16BE(body))
}

/** A PUBLISH of QoS 1 or 2. */
export function encodeAcknowledged(message: Encodable, qos: 1 | 2, packetId: number, dup: boolean): Buffer {
  return encode(message, qos, packetId, dup)
}

function encode({ topic, payload, retain }: Encodable, qos: 0 | 1 | 2, packetId: number, dup: boolean): Buffer {
  const topicBytes = Buffer.byteLength(topic)
  const payloadBytes = typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length
  const idBytes = qos === 0 ? 0 : 2
  const remaining = 2 + topicBytes + idBytes + payloadBytes
  const bytes = Buffer.allocUnsafe(1 + lengthBytes(remaining) + remaining)
  bytes[0] = PUBLISH | (dup ? DUP : 0) | (qos << 1) | (retain ? RETAIN : 0)
  let at = 1
  for (let rest = remaining; ; rest >>= 7) {
    const isLast = rest < 0x80
    bytes[at++] = isLast ? rest : (rest & 0x7f) | 0x80
    if (isLast) break
  }
  at = bytes.writeUInt16BE(topicBytes, at)
  // Topics are ASCII almost always.
  at += topicBytes === topic.length ? bytes.write(topic, at, 'latin1') : bytes.write(topic, at)
  if (qos !== 0) at = bytes.writeUInt16BE(packetId, at)
  if (typeof payload === 'string') bytes.write(payload, at)
  else bytes.set(payload, at)
  return bytes
}

function lengthBytes(length: number): number {
  return length < 0x80 ? 1 : length < 0x4000 ? 2 : length < 0x200000 ? 3 : 4
}
