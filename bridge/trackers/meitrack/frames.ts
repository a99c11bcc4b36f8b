import type { Cut } from '../protocol.ts'

export const MAX_FRAME_BYTES = 8_192
/** `$$`, an identifier of its own for each message, the length in digits, a comma. */
const HEAD = /^\$\$[\x21-\x7e](\d{1,4}),/
const HEAD_BYTES = 8

/** The length counts from the comma on to the end, line end included. */
export function cutMeitrack(bytes: Buffer): Cut {
  const start = bytes.indexOf('$$', 0, 'latin1')
  if (start > 0) return { kind: 'rubbish', length: start }
  if (start === -1) {
    // A lone dollar at the end may be the first of two.
    const keeps = bytes[bytes.length - 1] === 0x24 ? 1 : 0
    return bytes.length > keeps ? { kind: 'rubbish', length: bytes.length - keeps } : { kind: 'incomplete' }
  }
  const head = HEAD.exec(bytes.toString('latin1', 0, HEAD_BYTES))
  if (head === null) return bytes.length < HEAD_BYTES ? { kind: 'incomplete' } : { kind: 'rubbish', length: 2 }
  const end = head[0].length - 1 + Number(head[1])
  if (end < 24 || end > MAX_FRAME_BYTES) return { kind: 'rubbish', length: 2 }
  return bytes.length < end ? { kind: 'incomplete' } : { kind: 'frame', start: 0, end }
}
