import type { Cut } from '../protocol.ts'

export const MAX_FRAME_BYTES = 2_048
const STAR = 0x2a
const DOLLAR = 0x24
/** The binary form has no length: models send 32 bytes, 42 or 45 with the cell behind the position. */
const SHORT_BYTES = 32
const LONG_BYTES = 45
/** An id of five bytes, or of eight with 15 digits, and the time behind it. */
const BEGIN_BYTES = 11
const BEGIN_DIGITS = /^\d{15}[\da-f]\d{6}$/
const ID_BYTES = 5
/** `*HQ,`, or what there is of it at the end of the bytes. */
const NEXT_TEXT = /^\*(?:$|\w(?:$|\w(?:$|,)))/

/** Cuts the H02 stream: text from `*` to `#`, or binary from `$`. */
export function cutH02(bytes: Buffer): Cut {
  const first = bytes[0]
  if (first === STAR) {
    const end = bytes.indexOf('#', 1, 'latin1')
    if (end !== -1) return { kind: 'frame', start: 0, end: end + 1 }
    return bytes.length < MAX_FRAME_BYTES ? { kind: 'incomplete' } : { kind: 'rubbish', length: 1 }
  }
  if (first !== DOLLAR) return { kind: 'rubbish', length: 1 }
  if (bytes.length < SHORT_BYTES) return { kind: 'incomplete' }
  return { kind: 'frame', start: 0, end: endOfBinary(bytes) }
}

/** Where the next message begins, or what there is. What came too late of a longer one is passed over as rubbish. */
function endOfBinary(bytes: Buffer): number {
  if (bytes[SHORT_BYTES] === DOLLAR) return SHORT_BYTES
  const end = Math.min(LONG_BYTES, bytes.length)
  for (let at = SHORT_BYTES; at < end; at++) {
    if (bytes[at] === STAR && NEXT_TEXT.test(bytes.toString('latin1', at, at + 4))) return at
    if (bytes[at] === DOLLAR && isNextBinary(bytes, at)) return at
  }
  return end
}

/** Digits behind the sign; of those that have not all come, the same id. A `$` that is the last is taken for a part of the cell. */
function isNextBinary(bytes: Buffer, at: number): boolean {
  const begin = at + 1
  if (bytes.length >= begin + BEGIN_BYTES) return BEGIN_DIGITS.test(bytes.toString('hex', begin, begin + BEGIN_BYTES))
  const id = bytes.subarray(begin, begin + ID_BYTES)
  return id.length > 0 && id.equals(bytes.subarray(1, 1 + id.length))
}
