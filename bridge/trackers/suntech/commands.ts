import { answered } from '../command-answers.ts'
import { IMMOBILISE, LOCATE, MOBILISE, output, REBOOT, raw } from '../command-types.ts'
import type { Decoded } from '../protocol.ts'
import type { Addressee, DeviceAnswer, ProtocolCommands, TrackerCommand } from '../protocol-commands.ts'
import { rawText } from '../raw-command.ts'
import type { SuntechMemory } from './decode.ts'

const OUTPUTS = 2
/** `ST300STT;` of the older series; kinds without a model are those of the universal one. */
const OLDER = /^(S[AT]\d{3})[A-Z]{3};/
const UNIVERSAL = /^[A-Z]{3};/

/** The words of the older series. */
function olderWords({ name, args }: TrackerCommand): string | null {
  switch (name) {
    case 'locate':
      return 'StatusReq'
    case 'reboot':
      return 'Reboot'
    case 'immobilise':
      return 'Enable1'
    case 'mobilise':
      return 'Disable1'
    case 'output':
      return isOutput(args.number) ? `${args.on === true ? 'Enable' : 'Disable'}${args.number}` : null
    default:
      return null
  }
}

/** Group and action of the universal series: 03 is requests, 04 outputs, an on and an off each. */
function universalWords({ name, args }: TrackerCommand): string | null {
  switch (name) {
    case 'locate':
      return '03;01'
    case 'reboot':
      return '03;03'
    case 'immobilise':
      return '04;01'
    case 'mobilise':
      return '04;02'
    case 'output':
      return isOutput(args.number) ? `04;0${2 * args.number - (args.on === true ? 1 : 0)}` : null
    default:
      return null
  }
}

function isOutput(number: unknown): number is number {
  return typeof number === 'number' && number >= 1 && number <= OUTPUTS
}

function encode(command: TrackerCommand, { identity, frame }: Addressee<SuntechMemory>): Buffer | null {
  const text = rawText(command)
  if (text !== null) return Buffer.from(`${text.replace(/\r$/, '')}\r`, 'latin1')
  if (identity === null) return null
  const head = frame.toString('latin1', 0, 16)
  const model = OLDER.exec(head)?.[1]
  if (model !== undefined) {
    const words = olderWords(command)
    return words === null ? null : Buffer.from(`${model}CMD;${identity};02;${words}\r`, 'latin1')
  }
  const words = UNIVERSAL.test(head) ? universalWords(command) : null
  return words === null ? null : Buffer.from(`CMD;${identity};${words}\r`, 'latin1')
}

/** `ST300CMD;Res;…` or `RES;…`; nothing in it says which command it answers. */
function readAnswer(
  frame: Buffer,
  { result }: Pick<Decoded<SuntechMemory>, 'result'>,
  [command]: readonly TrackerCommand[],
): DeviceAnswer | null {
  if (command === undefined) return null
  if (result !== undefined) return answered(command, result.text)
  const text = /^RES;[^;]*;(.*)$/s.exec(frame.toString('latin1').trim())?.[1]
  return text === undefined ? null : answered(command, text)
}

export const suntechCommands: ProtocolCommands<SuntechMemory> = {
  types: [
    LOCATE,
    REBOOT,
    IMMOBILISE,
    MOBILISE,
    output(OUTPUTS),
    raw('The whole message, like `ST300CMD;100850000;02;StatusReq`'),
  ],
  transports: ['tcp', 'udp'],
  encode,
  stopsVehicle: text => /enable|;04;/i.test(text),
  isAnswered: () => true,
  readAnswer,
}
