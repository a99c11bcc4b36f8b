import type { Decoded, TrackerCommand } from '../protocol.ts'
import { buildFrame, partsOf } from './frames.ts'

const TIME_REQUEST = 0x8a
const COMMAND = 0x80
/** These are answers themselves, or news that nobody waits to hear about. */
const UNANSWERED = new Set([0x15, 0x21, 0x94])

/** The type and the serial number come back. */
export function acknowledgeGt06(frame: Buffer, _decoded: Decoded<null>): Buffer | null {
  const parts = partsOf(frame)
  if (parts === null || UNANSWERED.has(parts.type)) return null
  if (parts.type === TIME_REQUEST) return null
  return buildFrame(parts.type, Buffer.alloc(0), parts.serial)
}

function textOf({ name, args }: TrackerCommand): string | null {
  switch (name) {
    case 'raw':
      return typeof args.text === 'string' ? args.text : null
    case 'locate':
      return 'WHERE#'
    case 'reboot':
      return 'RESET#'
    case 'immobilise':
      return 'RELAY,1#'
    case 'mobilise':
      return 'RELAY,0#'
    default:
      return null
  }
}

/** Message 0x80: length, 4 bytes that come back with the answer, the words of the command. */
export function encodeGt06(command: TrackerCommand): Buffer | null {
  const text = textOf(command)
  if (text === null || text.length > 200) return null
  const words = Buffer.from(text, 'latin1')
  return buildFrame(COMMAND, Buffer.concat([Buffer.from([4 + words.length, 0, 0, 0, 0]), words]), 1)
}
