import type { Cut, Decoded, Protocol } from '../protocol.ts'
import { wialonCommands } from './commands.ts'
import { decodeWialon, type WialonMemory } from './decode.ts'

const MAX_FRAME_BYTES = 65_536

/** A packet is a line. */
function cut(bytes: Buffer): Cut {
  const end = bytes.indexOf('\n', 0, 'latin1')
  if (bytes[0] === 0x0a || bytes[0] === 0x0d) return { kind: 'rubbish', length: 1 }
  if (end !== -1) return { kind: 'frame', start: 0, end: end + 1 }
  return bytes.length < MAX_FRAME_BYTES ? { kind: 'incomplete' } : { kind: 'rubbish', length: bytes.length }
}

/** A black box is answered with how many of its messages were taken, the rest with 1. */
function acknowledge(frame: Buffer, { reports, fault }: Decoded<WialonMemory>): Buffer | null {
  const kind = /#([A-Z]+)#/.exec(frame.toString('latin1'))?.[1]
  // The answer to a message of ours.
  if (kind === undefined || kind === 'AM' || fault !== undefined) return null
  if (kind === 'P') return Buffer.from('#AP#\r\n')
  const number = kind === 'B' ? reports.length : (kind === 'D' || kind === 'SD') && reports.length === 0 ? -1 : 1
  return Buffer.from(`#A${kind}#${number}\r\n`)
}

/** Wialon IPS 1.1 and 2.0. */
export const wialon: Protocol<WialonMemory> = {
  name: 'wialon',
  title: 'Wialon IPS',
  transports: ['tcp', 'udp'],
  maxFrameBytes: MAX_FRAME_BYTES,
  initial: { version: 1 },
  cut,
  decode: decodeWialon,
  acknowledge,
  commands: wialonCommands,
}
