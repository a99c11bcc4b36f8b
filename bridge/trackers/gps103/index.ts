import type { Cut, Decoded, Protocol } from '../protocol.ts'
import { gps103Commands } from './commands.ts'
import { decodeGps103, type Gps103Memory } from './decode.ts'

const MAX_FRAME_BYTES = 1_024

/** These may end without a sign: a login, and a heartbeat of 15 digits. */
const UNENDED = /^(?:##,imei:\d{15},A|\d{15})(?=$|imei:|##)/

/** Everything ends with a semicolon, a star or a line end, but what ends without. */
function cut(bytes: Buffer): Cut {
  const begin = bytes.toString('latin1', 0, Math.min(bytes.length, 64))
  const skip = /^[\r\n;\s\0]+/.exec(begin)
  if (skip !== null) return { kind: 'rubbish', length: skip[0].length }
  const unended = UNENDED.exec(begin)
  if (unended !== null) return { kind: 'frame', start: 0, end: unended[0].length }
  const end = bytes.findIndex(byte => byte === 0x3b || byte === 0x0a || byte === 0x0d || byte === 0x2a)
  if (end !== -1) return { kind: 'frame', start: 0, end: end + 1 }
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
