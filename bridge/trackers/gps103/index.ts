import type { Cut, Decoded, Protocol } from '../protocol.ts'
import { gps103Commands } from './commands.ts'
import { decodeGps103, type Gps103Memory } from './decode.ts'

const MAX_FRAME_BYTES = 1_024

/** A login ends with `A` or `A;`, a heartbeat is 15 digits, everything else ends with a semicolon, a star or a line end. */
function cut(bytes: Buffer): Cut {
  const skip = /^[\r\n;\s\0]+/.exec(bytes.toString('latin1', 0, Math.min(bytes.length, 64)))
  if (skip !== null) return { kind: 'rubbish', length: skip[0].length }
  const end = bytes.findIndex(byte => byte === 0x3b || byte === 0x0a || byte === 0x0d || byte === 0x2a)
  if (end !== -1) return { kind: 'frame', start: 0, end: end + 1 }
  const text = bytes.toString('latin1', 0, Math.min(bytes.length, 32))
  if (/^\d{15}$/.test(text) || /^##,imei:\d{15},A$/.test(text)) return { kind: 'frame', start: 0, end: bytes.length }
  return bytes.length < MAX_FRAME_BYTES ? { kind: 'incomplete' } : { kind: 'rubbish', length: bytes.length }
}

/** `LOAD` lets a device begin, `ON` keeps it. */
function acknowledge(frame: Buffer, { identity }: Decoded<Gps103Memory>): Buffer | null {
  if (identity === undefined) return null
  const text = frame.toString('latin1')
  if (text.startsWith('##')) return Buffer.from('LOAD')
  if (/^\d{15}/.test(text)) return Buffer.from('ON')
  return text.includes('help me') ? Buffer.from(`**,imei:${identity},E;`) : null
}

/** GPS103, the "imei:" form of Coban and its copies. */
export const gps103: Protocol<Gps103Memory> = {
  name: 'gps103',
  title: 'GPS103 / Coban',
  transports: ['tcp', 'udp'],
  maxFrameBytes: MAX_FRAME_BYTES,
  initial: { imei: null },
  cut,
  decode: decodeGps103,
  acknowledge,
  commands: gps103Commands,
}
