import type { Cut } from '../protocol.ts'

export const MAX_FRAME_BYTES = 2_048
const STAR = 0x2a
const DOLLAR = 0x24
/** The binary form has no length: models send 32 bytes, or 45 with the cell behind the position. */
const SHORT_BYTES = 32
const LONG_BYTES = 45

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
  // Another message right behind it, or nothing: it is the short one. What is left of a longer one is passed over as rubbish.
  const next = bytes[SHORT_BYTES]
  if (next === undefined || next === STAR || next === DOLLAR || bytes.length < LONG_BYTES) {
    return { kind: 'frame', start: 0, end: SHORT_BYTES }
  }
  return { kind: 'frame', start: 0, end: LONG_BYTES }
}
