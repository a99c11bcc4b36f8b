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
/** UTF-8 of one UTF-16 code unit at the most. */
const MOST_BYTES_OF_UNIT = 3

const FIRST_BYTES = 65_536
/** What a column of huge values needed is not kept. */
const KEPT_BYTES = 4 * 1_048_576

/*
 * Columns of many rows as parameters (`$1::text[]`), in PostgreSQL's binary format of arrays, which both drivers pass on as it is.
 * As text every element would be quoted here and parsed there, which costs more than storing it. They are written by loops that count,
 * with a DataView: iterators, and arrays of values between, cost more than the writing.
 */

/** All columns are written into it, and copied out. */
let scratch = Buffer.allocUnsafeSlow(FIRST_BYTES)
let view = viewOf(scratch)

export function textColumn<Row>(rows: readonly Row[], cell: (row: Row) => string | null): Uint8Array {
  let at = begin(TEXT, rows.length)
  for (let i = 0; i < rows.length; i += 1) {
    const value = cell(rows[i]!)
    if (value === null) at = writeNull(at)
    else {
      makeRoom(at, LENGTH_BYTES + value.length * MOST_BYTES_OF_UNIT)
      const bytes = scratch.write(value, at + LENGTH_BYTES)
      view.setInt32(at, bytes)
      at += LENGTH_BYTES + bytes
    }
  }
  return finished(at)
}

/** Integers below 2^53. */
export function bigintColumn<Row>(rows: readonly Row[], cell: (row: Row) => number | null): Uint8Array {
  return fixedColumn(INT8, 8, rows, cell, (value, at) => {
    if (!Number.isSafeInteger(value)) throw outOfRange(value)
    const high = Math.floor(value / UINT32_VALUES)
    view.setInt32(at, high)
    view.setUint32(at + 4, value - high * UINT32_VALUES)
  })
}

export function integerColumn<Row>(rows: readonly Row[], cell: (row: Row) => number | null): Uint8Array {
  return fixedColumn(INT4, 4, rows, cell, (value, at) => {
    if ((value | 0) !== value) throw outOfRange(value)
    view.setInt32(at, value)
  })
}

export function doubleColumn<Row>(rows: readonly Row[], cell: (row: Row) => number | null): Uint8Array {
  return fixedColumn(FLOAT8, 8, rows, cell, (value, at) => view.setFloat64(at, value))
}

function fixedColumn<Row>(
  type: number,
  size: number,
  rows: readonly Row[],
  cell: (row: Row) => number | null,
  write: (value: number, at: number) => void,
): Uint8Array {
  let at = begin(type, rows.length)
  for (let i = 0; i < rows.length; i += 1) {
    const value = cell(rows[i]!)
    if (value === null) at = writeNull(at)
    else {
      makeRoom(at, LENGTH_BYTES + size)
      view.setInt32(at, size)
      write(value, at + LENGTH_BYTES)
      at += LENGTH_BYTES + size
    }
  }
  return finished(at)
}

/** One dimension, numbered from one; whether it holds nulls is for PostgreSQL to see. @returns where the elements begin */
function begin(type: number, count: number): number {
  view.setInt32(0, 1)
  view.setInt32(4, 0)
  view.setInt32(8, type)
  view.setInt32(12, count)
  view.setInt32(16, 1)
  return HEADER_BYTES
}

function writeNull(at: number): number {
  makeRoom(at, LENGTH_BYTES)
  view.setInt32(at, NULL_LENGTH)
  return at + LENGTH_BYTES
}

function makeRoom(at: number, bytes: number): void {
  if (at + bytes <= scratch.length) return
  const larger = Buffer.allocUnsafeSlow(2 * (at + bytes))
  scratch.copy(larger, 0, 0, at)
  scratch = larger
  view = viewOf(larger)
}

/** A buffer of its own: of a slice of a larger one, all of that would be copied to the thread of the embedded database. */
function finished(end: number): Uint8Array {
  const bytes = Buffer.allocUnsafeSlow(end)
  scratch.copy(bytes, 0, 0, end)
  if (scratch.length > KEPT_BYTES) {
    scratch = Buffer.allocUnsafeSlow(FIRST_BYTES)
    view = viewOf(scratch)
  }
  return bytes
}

function viewOf({ buffer, byteOffset, byteLength }: Buffer): DataView {
  return new DataView(buffer, byteOffset, byteLength)
}

function outOfRange(value: number): DatabaseError {
  return new DatabaseError(NUMERIC_VALUE_OUT_OF_RANGE, `${value} does not fit its column`)
}
