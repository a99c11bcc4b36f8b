const BIND = 0x42
const EXECUTE = 0x45
const SYNC = 0x53
const TEXT = 0
const BINARY = 1
const NULL_LENGTH = -1
const FIRST_BYTES = 65_536
/** A packet that is larger has memory of its own, which is not kept. */
const KEPT_BYTES = 4 * 1_048_576
/** Of the three messages beside names and values: types, lengths, counts, empty names. */
const FRAME_BYTES = 32
const [INT16_BYTES, INT32_BYTES] = [2, 4]

/** Text, PostgreSQL's binary format, or null. */
export type BoundValue = string | Uint8Array | null

/**
 * Bind, Execute and Sync of a prepared statement as one packet (PostgreSQL 17, 53.7 "Message Formats"; the unnamed portal, results as
 * text). All packets are written into the same memory, which grows with the largest: memory of their own, in PGlite's writer grown step
 * by step, had the thread of the embedded database collect garbage three times a second.
 */
export class BindPacket {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES)

  /** @returns a view that the next call overwrites */
  encode(statement: string, values: readonly BoundValue[]): Uint8Array {
    const bytes = this.#room(sizeOf(statement, values))
    bytes[0] = BIND
    let at = 1 + INT32_BYTES
    // The portal has no name.
    bytes[at++] = 0
    at += bytes.write(statement, at)
    bytes[at++] = 0
    at = bytes.writeInt16BE(values.length, at)
    for (let i = 0; i < values.length; i += 1) {
      at = bytes.writeInt16BE(values[i] instanceof Uint8Array ? BINARY : TEXT, at)
    }
    at = bytes.writeInt16BE(values.length, at)
    for (let i = 0; i < values.length; i += 1) at = writeValue(bytes, values[i]!, at)
    // All results as text.
    at = bytes.writeInt16BE(0, at)
    bytes.writeInt32BE(at - 1, 1)
    at = writeExecute(bytes, at)
    bytes[at++] = SYNC
    at = bytes.writeInt32BE(INT32_BYTES, at)
    return bytes.subarray(0, at)
  }

  #room(size: number): Buffer {
    if (size > KEPT_BYTES) return Buffer.allocUnsafeSlow(size)
    if (size > this.#bytes.length) this.#bytes = Buffer.allocUnsafeSlow(Math.min(2 * size, KEPT_BYTES))
    return this.#bytes
  }
}

function writeValue(bytes: Buffer, value: BoundValue, at: number): number {
  if (value === null) return bytes.writeInt32BE(NULL_LENGTH, at)
  const start = at + INT32_BYTES
  let length: number
  if (typeof value === 'string') length = bytes.write(value, start)
  else {
    length = value.length
    bytes.set(value, start)
  }
  bytes.writeInt32BE(length, at)
  return start + length
}

/** All rows of the portal without a name. */
function writeExecute(bytes: Buffer, start: number): number {
  bytes[start] = EXECUTE
  let at = bytes.writeInt32BE(INT32_BYTES + 1 + INT32_BYTES, start + 1)
  bytes[at++] = 0
  return bytes.writeInt32BE(0, at)
}

function sizeOf(statement: string, values: readonly BoundValue[]): number {
  let size = FRAME_BYTES + Buffer.byteLength(statement) + values.length * (INT16_BYTES + INT32_BYTES)
  for (const value of values) {
    if (value !== null) size += typeof value === 'string' ? Buffer.byteLength(value) : value.length
  }
  return size
}
