import { answered, byNumber } from '../command-answers.ts'
import { IMMOBILISE, LOCATE, MOBILISE, REBOOT, rawOrHex, reportInterval } from '../command-types.ts'
import type { DeviceAnswer, ProtocolCommands, TrackerCommand } from '../protocol-commands.ts'
import { rawBytes, rawText } from '../raw-command.ts'
import type { Gt06Memory } from './decode.ts'
import { buildFrame, partsOf } from './frames.ts'

const COMMAND = 0x80
/** Answers: the short one has its length in front, the other one an encoding behind the number. */
const SHORT_ANSWER = 0x15
const ANSWER = 0x21
const NUMBER_BYTES = 4
/** Fuel stays on: too fast, or no fix. */
const NOT_CUT = /^DYD=(?!Success)/i

function textOf(command: TrackerCommand): string | null {
  switch (command.name) {
    case 'locate':
      return 'WHERE#'
    case 'reboot':
      return 'RESET#'
    case 'immobilise':
      return 'RELAY,1#'
    case 'mobilise':
      return 'RELAY,0#'
    case 'report-interval':
      return `TIMER,${Number(command.args.seconds)}#`
    default:
      return rawText(command)
  }
}

/** Message 0x80: length, 4 bytes that come back with the answer, the words of the command. */
function encode(command: TrackerCommand): Buffer | null {
  const bytes = rawBytes(command)
  if (bytes !== null) return bytes
  const text = textOf(command)
  if (text === null || text.length > 200) return null
  const head = Buffer.alloc(1 + NUMBER_BYTES)
  head[0] = NUMBER_BYTES + text.length
  head.writeUInt32BE(command.number, 1)
  return buildFrame(COMMAND, Buffer.concat([head, Buffer.from(text, 'latin1')]), command.number & 0xffff)
}

function readAnswer(
  frame: Buffer,
  { result }: { readonly result?: { readonly text: string } },
  waiting: readonly TrackerCommand[],
): DeviceAnswer | null {
  const parts = partsOf(frame)
  if (parts === null || (parts.type !== ANSWER && parts.type !== SHORT_ANSWER)) return null
  const at = parts.type === SHORT_ANSWER ? 1 : 0
  const number = parts.body.length >= at + NUMBER_BYTES ? parts.body.readUInt32BE(at) : null
  const command = byNumber(waiting, number)
  if (command === undefined) return null
  const text = result?.text ?? ''
  return NOT_CUT.test(text) ? { id: command.id, outcome: 'failed', text } : answered(command, text)
}

export const gt06Commands: ProtocolCommands<Gt06Memory> = {
  types: [
    LOCATE,
    reportInterval(5, 65_535),
    REBOOT,
    IMMOBILISE,
    MOBILISE,
    rawOrHex('A command as in an SMS, like `STATUS#`'),
  ],
  transports: ['tcp'],
  encode,
  stopsVehicle: text => /RELAY|DYD|OUTPUT|DOUT|CUT/i.test(text),
  isAnswered: () => true,
  readAnswer,
}
