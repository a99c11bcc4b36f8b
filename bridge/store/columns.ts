import { DatabaseError } from './database.ts'

/** Of the types of the elements, as PostgreSQL numbers them. */
const INT8 = 20
const INT4 = 23
const TEXT = 25
const FLOAT8 = 701

const HEADER_BYTES = 20
const LENGTH_BYTES = 4
const NULL_LENGTH = -1
const UINT32_VALUES = 2 ** 32
const NUMERIC_VALUE_OUT_OF_RANGE = '22003'

/**
 * Columns of many rows as parameters (`$1::text[]`), in PostgreSQL's binary format of arrays, which both drivers pass on as it is.
 * As text every element would be quoted here and parsed there, which costs more than storing it. Iterators would give the
 * collector more to do than all the rest of it: loops count.
 */
export function textColumn(values: readonly (string | null)[]): Uint8Array {
  let elementBytes = 0
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i]!
    if (value !== null) elementBytes += Buffer.byteLength(value)
  }
  const { bytes, start } = arrayOf(TEXT, values.length, elementBytes)
  let at = start
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i]!
    const written = value === null ? 0 : bytes.write(value, at + LENGTH_BYTES)
    at = bytes.writeInt32BE(value === null ? NULL_LENGTH : written, at) + written
  }
  return bytes
}

/** Integers below 2^53. */
export function bigintColumn(values: readonly (number | null)[]): Uint8Array {
  return fixedColumn(INT8, 8, values, (bytes, value, at) => {
    const high = Math.floor(checked(value, Number.isSafeInteger) / UINT32_VALUES)
    bytes.writeInt32BE(high, at)
    bytes.writeUInt32BE(value - high * UINT32_VALUES, at + 4)
  })
}

export function integerColumn(values: readonly (number | null)[]): Uint8Array {
  return fixedColumn(INT4, 4, values, (bytes, value, at) => {
    bytes.writeInt32BE(
      checked(value, it => (it | 0) === it),
      at,
    )
  })
}

export function doubleColumn(values: readonly (number | null)[]): Uint8Array {
  return fixedColumn(FLOAT8, 8, values, (bytes, value, at) => bytes.writeDoubleBE(value, at))
}

function fixedColumn(
  type: number,
  size: number,
  values: readonly (number | null)[],
  write: (bytes: Buffer, value: number, at: number) => void,
): Uint8Array {
  let present = 0
  for (let i = 0; i < values.length; i += 1) if (values[i] !== null) present += 1
  const { bytes, start } = arrayOf(type, values.length, present * size)
  let at = start
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i]!
    if (value === null) {
      at = bytes.writeInt32BE(NULL_LENGTH, at)
      continue
    }
    at = bytes.writeInt32BE(size, at)
    write(bytes, value, at)
    at += size
  }
  return bytes
}

/** One dimension, numbered from one; whether it holds nulls is for PostgreSQL to see. */
function arrayOf(type: number, count: number, elementBytes: number): { bytes: Buffer; start: number } {
  // A buffer of its own: of a slice of a pool, all of the pool would be copied to the thread of the embedded database.
  const bytes = Buffer.allocUnsafeSlow(HEADER_BYTES + count * LENGTH_BYTES + elementBytes)
  const words = [1, 0, type, count, 1]
  let start = 0
  for (let i = 0; i < words.length; i += 1) start = bytes.writeInt32BE(words[i]!, start)
  return { bytes, start }
}

function checked(value: number, fits: (value: number) => boolean): number {
  if (!fits(value)) throw new DatabaseError(NUMERIC_VALUE_OUT_OF_RANGE, `${value} does not fit its column`)
  return value
}
