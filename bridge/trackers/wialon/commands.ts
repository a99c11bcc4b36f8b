import { answered } from '../command-answers.ts'
import { raw } from '../command-types.ts'
import type { Decoded } from '../protocol.ts'
import type { DeviceAnswer, ProtocolCommands, TrackerCommand } from '../protocol-commands.ts'
import { rawText } from '../raw-command.ts'
import type { WialonMemory } from './decode.ts'

function encode(command: TrackerCommand): Buffer | null {
  const text = rawText(command)
  return text === null ? null : Buffer.from(`#M#${text}\r\n`, 'utf8')
}

/** `#AM#1`: the message has arrived; `#M#…` is what its reader says. */
function readAnswer(
  frame: Buffer,
  { result }: Pick<Decoded<WialonMemory>, 'result'>,
  [command]: readonly TrackerCommand[],
): DeviceAnswer | null {
  if (command === undefined) return null
  if (result !== undefined) return answered(command, result.text)
  const taken = /#AM#(-?\d)/.exec(frame.toString('latin1'))?.[1]
  return taken === undefined ? null : { id: command.id, outcome: taken === '1' ? 'delivered' : 'failed' }
}

export const wialonCommands: ProtocolCommands<WialonMemory> = {
  types: [raw('A message to the unit')],
  transports: ['tcp', 'udp'],
  encode,
  stopsVehicle: () => false,
  isAnswered: () => true,
  readAnswer,
}
