import type { Cut, Decoded, Protocol } from '../protocol.ts'
import { binaryLength } from './binary.ts'
import { gl200Commands } from './commands.ts'
import { decodeGl200, type Gl200Memory } from './decode.ts'

const MAX_FRAME_BYTES = 8_192

/** Text from a plus to a dollar, or to a NUL where the dollar was left out; the binary form has its length. */
function cut(bytes: Buffer): Cut {
  const start = bytes.indexOf('+', 0, 'latin1')
  if (start !== 0) return { kind: 'rubbish', length: start === -1 ? bytes.length : start }
  const length = binaryLength(bytes)
  if (length !== null) {
    if (length > MAX_FRAME_BYTES || (length > 0 && length < 7)) return { kind: 'rubbish', length: 1 }
    return length === 0 || bytes.length < length ? { kind: 'incomplete' } : { kind: 'frame', start: 0, end: length }
  }
  const end = bytes.findIndex(byte => byte === 0x24 || byte === 0)
  if (end !== -1) return { kind: 'frame', start: 0, end: end + 1 }
  return bytes.length < MAX_FRAME_BYTES ? { kind: 'incomplete' } : { kind: 'rubbish', length: 1 }
}

/** `+SACK:` with the number of the message; a heartbeat is answered with the version it came with. */
function acknowledge(frame: Buffer, { fault }: Decoded<Gl200Memory>): Buffer | null {
  const text = frame.toString('latin1')
  const number = /,([0-9A-F]{4})\$?\s*$/.exec(text)?.[1]
  if (number === undefined || fault !== undefined) return null
  const heartbeat = /^\+ACK:GTHBD,([0-9A-F]{6,10}),/.exec(text)?.[1]
  if (heartbeat !== undefined) return Buffer.from(`+SACK:GTHBD,${heartbeat},${number}$`)
  return text.startsWith('+ACK') ? null : Buffer.from(`+SACK:${number}$`)
}

/** Queclink's @Track protocol in its text and binary forms, GL200 to GV and GB series. */
export const gl200: Protocol<Gl200Memory> = {
  name: 'gl200',
  title: 'Queclink GL200 family',
  transports: ['tcp', 'udp'],
  maxFrameBytes: MAX_FRAME_BYTES,
  initial: null,
  cut,
  decode: decodeGl200,
  acknowledge,
  commands: gl200Commands,
}
