import { answered, byNumber } from '../command-answers.ts'
import { IMMOBILISE, LOCATE, MOBILISE, REBOOT, raw } from '../command-types.ts'
import type { Decoded } from '../protocol.ts'
import type { DeviceAnswer, ProtocolCommands, TrackerCommand } from '../protocol-commands.ts'
import { rawText } from '../raw-command.ts'
import type { Gl200Memory } from './decode.ts'

/** What devices leave the factory with; one that has another takes `raw`. */
const PASSWORD = 'gl200'
/** The number of a command stands third from the end of its answer, before time and count. */
const ANSWER = /^\+ACK:GT([A-Z]{3}),.*?(?:,([0-9A-Fa-f]{4}),\d{14},[0-9A-Fa-f]{4})?\$?\s*$/s

function textOf(command: TrackerCommand): string | null {
  const number = (command.number & 0xffff).toString(16).toUpperCase().padStart(4, '0')
  switch (command.name) {
    case 'locate':
      return `AT+GTRTO=${PASSWORD},1,,,,,,${number}$`
    case 'reboot':
      return `AT+GTRTO=${PASSWORD},3,,,,,,${number}$`
    case 'immobilise':
      return `AT+GTOUT=${PASSWORD},1,,,0,0,0,0,0,0,0,,,,,,,${number}$`
    case 'mobilise':
      return `AT+GTOUT=${PASSWORD},0,,,0,0,0,0,0,0,0,,,,,,,${number}$`
    default:
      return rawText(command)
  }
}

function encode(command: TrackerCommand): Buffer | null {
  const text = textOf(command)
  return text === null ? null : Buffer.from(text, 'latin1')
}

function readAnswer(
  frame: Buffer,
  { result }: Pick<Decoded<Gl200Memory>, 'result'>,
  waiting: readonly TrackerCommand[],
): DeviceAnswer | null {
  const [, kind, number] = ANSWER.exec(frame.toString('latin1')) ?? []
  if (kind === undefined || result === undefined) return null
  const ofKind = waiting.filter(command => textOf(command)?.startsWith(`AT+GT${kind}=`))
  // A raw command has a number of its writer's own.
  const command = byNumber(ofKind, Number.parseInt(number ?? '', 16))
  return command === undefined ? null : answered(command, result.text)
}

export const gl200Commands: ProtocolCommands<Gl200Memory> = {
  types: [LOCATE, REBOOT, IMMOBILISE, MOBILISE, raw('The whole command, like `AT+GTRTO=gl200,1,,,,,,0001$`')],
  transports: ['tcp', 'udp'],
  encode,
  stopsVehicle: text => /GT(OUT|DOS|IMB)/i.test(text),
  isAnswered: () => true,
  readAnswer,
}
