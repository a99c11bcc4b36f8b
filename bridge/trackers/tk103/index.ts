import type { Cut, Decoded, Protocol } from '../protocol.ts'
import { tk103Commands } from './commands.ts'
import { decodeTk103, kindOf, type Tk103Memory } from './decode.ts'

const MAX_FRAME_BYTES = 2_048

/** From one bracket to the other. */
function cut(bytes: Buffer): Cut {
  const start = bytes.indexOf('(', 0, 'latin1')
  if (start === -1) return { kind: 'rubbish', length: bytes.length }
  if (start > 0) return { kind: 'rubbish', length: start }
  const end = bytes.indexOf(')', 1, 'latin1')
  if (end !== -1) return { kind: 'frame', start: 0, end: end + 1 }
  return bytes.length < MAX_FRAME_BYTES ? { kind: 'incomplete' } : { kind: 'rubbish', length: 1 }
}

/** What a device waits for, by the message it sent. */
const ANSWERS: Readonly<Record<string, string>> = { BP00: 'AP01HSO', BP05: 'AP05', BO01: 'AS01', BO02: 'AS01' }

function acknowledge(frame: Buffer, { identity }: Decoded<Tk103Memory>): Buffer | null {
  const answer = ANSWERS[kindOf(frame) ?? '']
  return answer === undefined || identity === undefined ? null : Buffer.from(`(${identity}${answer})`)
}

/** TK103 in its bracket form. */
export const tk103: Protocol<Tk103Memory> = {
  name: 'tk103',
  title: 'TK103',
  transports: ['tcp', 'udp'],
  maxFrameBytes: MAX_FRAME_BYTES,
  initial: { id: null },
  cut,
  decode: decodeTk103,
  acknowledge,
  commands: tk103Commands,
}
