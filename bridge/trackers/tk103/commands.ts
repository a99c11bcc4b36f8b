import { IMMOBILISE, LOCATE, MOBILISE, REBOOT, raw, reportInterval } from '../command-types.ts'
import type { Addressee, DeviceAnswer, ProtocolCommands, TrackerCommand } from '../protocol-commands.ts'
import { rawText } from '../raw-command.ts'
import { kindOf, type Tk103Memory } from './decode.ts'

function wordOf({ name, args }: TrackerCommand): string | null {
  switch (name) {
    case 'locate':
      return 'AP00'
    case 'reboot':
      return 'AT00'
    case 'immobilise':
      return 'AV010'
    case 'mobilise':
      return 'AV011'
    case 'report-interval':
      // For how long: 0 = from now on.
      return `AR00${Number(args.seconds).toString(16).toUpperCase().padStart(4, '0')}0000`
    default:
      return null
  }
}

function encode(command: TrackerCommand, { memory: { id } }: Addressee<Tk103Memory>): Buffer | null {
  const text = rawText(command)
  if (text !== null) return Buffer.from(text, 'latin1')
  const word = wordOf(command)
  return word === null || id === null ? null : Buffer.from(`(${id}${word})`)
}

/** An answer is the question with a B in front; a single position is asked for by AP00 and answered by BP04. */
function readAnswer(frame: Buffer, _decoded: unknown, waiting: readonly TrackerCommand[]): DeviceAnswer | null {
  const kind = kindOf(frame)
  if (kind === null || !kind.startsWith('B')) return null
  const command = waiting.find(each => {
    const asked = (wordOf(each) ?? /A[A-Z]\d\d/.exec(rawText(each) ?? '')?.[0])?.slice(0, 4)
    return asked === 'AP00' ? kind === 'BP04' : asked !== undefined && kind === `B${asked.slice(1)}`
  })
  if (command === undefined) return null
  return { id: command.id, outcome: 'executed', text: frame.toString('latin1').replace(/^\(|\)$/g, '') }
}

export const tk103Commands: ProtocolCommands<Tk103Memory> = {
  types: [
    LOCATE,
    reportInterval(1, 65_535),
    REBOOT,
    IMMOBILISE,
    MOBILISE,
    raw('The whole message, like `(013612345678AP00)`'),
  ],
  transports: ['tcp', 'udp'],
  encode,
  stopsVehicle: text => /AV0[01]/.test(text),
  isAnswered: () => true,
  readAnswer,
}
