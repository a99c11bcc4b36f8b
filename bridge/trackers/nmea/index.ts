import type { Cut, Protocol } from '../protocol.ts'
import { decodeNmea, type NmeaMemory, UNKNOWN_RECEIVER } from './decode.ts'

/** IEC 61162-1 allows 82 characters; trackers put more of their own behind. */
const MAX_FRAME_BYTES = 1_024

/** A sentence is a line. */
function cut(bytes: Buffer): Cut {
  if (bytes[0] === 0x0a || bytes[0] === 0x0d || bytes[0] === 0) return { kind: 'rubbish', length: 1 }
  const end = bytes.findIndex(byte => byte === 0x0a || byte === 0x0d)
  if (end !== -1) return { kind: 'frame', start: 0, end: end + 1 }
  return bytes.length < MAX_FRAME_BYTES ? { kind: 'incomplete' } : { kind: 'rubbish', length: bytes.length }
}

/** NMEA 0183 over TCP or UDP: RMC and GGA of one moment are one report; the device names itself in a line or in front of a sentence. */
export const nmea: Protocol<NmeaMemory> = {
  name: 'nmea',
  title: 'NMEA 0183',
  transports: ['tcp', 'udp'],
  maxFrameBytes: MAX_FRAME_BYTES,
  initial: UNKNOWN_RECEIVER,
  cut,
  decode: decodeNmea,
  acknowledge: () => null,
}

export { lastMoment } from './decode.ts'
