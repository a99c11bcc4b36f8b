import { xorOf } from '../checksums.ts'
import type { Cut } from '../protocol.ts'

export const MAX_FRAME_BYTES = 8_192
const DELIMITER = 0x7e
const ESCAPE = 0x7d
const BRACKET = 0x28

/** JT/T 808-2019 §4.4: a message stands between two `7E`; some locks send text in brackets beside them. */
export function cutJt808(bytes: Buffer): Cut {
  const first = bytes[0]
  if (first === BRACKET) {
    const end = bytes.indexOf(')', 1, 'latin1')
    if (end !== -1) return { kind: 'frame', start: 0, end: end + 1 }
    return bytes.length < MAX_FRAME_BYTES ? { kind: 'incomplete' } : { kind: 'rubbish', length: 1 }
  }
  if (first !== DELIMITER) return { kind: 'rubbish', length: 1 }
  if (bytes[1] === DELIMITER) return { kind: 'rubbish', length: 1 }
  const end = bytes.indexOf(DELIMITER, 1)
  if (end !== -1) return { kind: 'frame', start: 0, end: end + 1 }
  return bytes.length < MAX_FRAME_BYTES ? { kind: 'incomplete' } : { kind: 'rubbish', length: 1 }
}

/** `7D 02` stands for `7E`, `7D 01` for `7D`. */
export function unescapeJt808(bytes: Buffer): Buffer {
  if (!bytes.includes(ESCAPE)) return bytes
  const plain: number[] = []
  for (let i = 0; i < bytes.length; i++) {
    const next = bytes[i + 1]
    if (bytes[i] === ESCAPE && (next === 1 || next === 2)) {
      plain.push(next === 2 ? DELIMITER : ESCAPE)
      i += 1
    } else plain.push(bytes[i]!)
  }
  return Buffer.from(plain)
}

export function escapeJt808(bytes: Buffer): Buffer {
  const escaped: number[] = []
  for (const byte of bytes) {
    if (byte === DELIMITER) escaped.push(ESCAPE, 2)
    else if (byte === ESCAPE) escaped.push(ESCAPE, 1)
    else escaped.push(byte)
  }
  return Buffer.from(escaped)
}

export interface Jt808Message {
  readonly id: number
  /** As it stands in the header: 6 bytes, or 10 since 2019. */
  readonly phone: Buffer
  readonly version: number | null
  readonly serial: number
  readonly body: Buffer
  readonly intact: boolean
}

const VERSION_2019 = 0x4000
const FRAGMENTED = 0x2000
const LENGTH_MASK = 0x03ff

/** The parts of a message; null for what is too short to be one. */
export function partsOf(frame: Buffer): Jt808Message | null {
  const plain = unescapeJt808(frame.subarray(1, frame.length - 1))
  if (plain.length < 13) return null
  const id = plain.readUInt16BE(0)
  const properties = plain.readUInt16BE(2)
  const is2019 = (properties & VERSION_2019) !== 0 && plain.length >= 18
  const phoneAt = is2019 ? 5 : 4
  const phoneEnd = phoneAt + (is2019 ? 10 : 6)
  // Some terminals of before 2019 set the bit and leave the number of the part out: the length tells.
  const isPart =
    (properties & FRAGMENTED) !== 0 && (is2019 || plain.length === phoneEnd + 6 + (properties & LENGTH_MASK) + 1)
  const bodyAt = phoneEnd + 2 + (isPart ? 4 : 0)
  if (plain.length < bodyAt + 1) return null
  return {
    id,
    phone: plain.subarray(phoneAt, phoneEnd),
    version: is2019 ? plain[4]! : null,
    serial: plain.readUInt16BE(phoneEnd),
    body: plain.subarray(bodyAt, plain.length - 1),
    intact: xorOf(plain.subarray(0, plain.length - 1)) === plain[plain.length - 1],
  }
}

/** A message of the platform to the terminal. */
export function buildMessage(
  id: number,
  to: Pick<Jt808Message, 'phone' | 'version'>,
  serial: number,
  body: Buffer,
): Buffer {
  const properties = body.length | (to.version === null ? 0 : VERSION_2019)
  const header = Buffer.alloc(4)
  header.writeUInt16BE(id, 0)
  header.writeUInt16BE(properties, 2)
  const version = to.version === null ? Buffer.alloc(0) : Buffer.from([to.version])
  const number = Buffer.alloc(2)
  number.writeUInt16BE(serial & 0xffff)
  const plain = Buffer.concat([header, version, to.phone, number, body])
  const checked = Buffer.concat([plain, Buffer.from([xorOf(plain)])])
  return Buffer.concat([Buffer.from([DELIMITER]), escapeJt808(checked), Buffer.from([DELIMITER])])
}
