import type { Cut, Protocol } from '../protocol.ts'
import { suntechCommands } from './commands.ts'
import { decodeSuntech, type SuntechMemory } from './decode.ts'

const MAX_FRAME_BYTES = 2_048
const BINARY = new Set([0x02, 0x81, 0x82])
const CARRIAGE_RETURN = 0x0d

/** Binary has its length; text ends with a carriage return, but one that comes before `;` or a line feed and `;` is part of what a reader behind the device said. */
function cut(bytes: Buffer): Cut {
  const first = bytes[0]!
  if (BINARY.has(first)) {
    if (bytes.length < 3) return { kind: 'incomplete' }
    // The compact form has a checksum behind what its length counts.
    const end = 3 + bytes.readUInt16BE(1) + (first === 0x02 ? 1 : 0)
    if (end > MAX_FRAME_BYTES) return { kind: 'rubbish', length: 1 }
    return bytes.length < end ? { kind: 'incomplete' } : { kind: 'frame', start: 0, end }
  }
  if (first <= 0x20) return { kind: 'rubbish', length: 1 }
  for (let at = bytes.indexOf(CARRIAGE_RETURN); at !== -1; at = bytes.indexOf(CARRIAGE_RETURN, at + 1)) {
    const behind = bytes.toString('latin1', at + 1, at + 3)
    if (!/^\n?;/.test(behind)) return { kind: 'frame', start: 0, end: at }
  }
  return bytes.length < MAX_FRAME_BYTES ? { kind: 'incomplete' } : { kind: 'rubbish', length: bytes.length }
}

/** Suntech's ST and universal series: text with semicolons, and two binary forms. */
export const suntech: Protocol<SuntechMemory> = {
  name: 'suntech',
  title: 'Suntech',
  transports: ['tcp', 'udp'],
  maxFrameBytes: MAX_FRAME_BYTES,
  initial: null,
  cut,
  decode: decodeSuntech,
  // The devices wait for nothing unless they were set up to.
  acknowledge: () => null,
  commands: suntechCommands,
}
