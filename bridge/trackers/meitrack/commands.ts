import { sum8 } from '../checksums.ts'
import { answered } from '../command-answers.ts'
import { IMMOBILISE, LOCATE, MOBILISE, output, REBOOT, raw, reportInterval } from '../command-types.ts'
import type { Decoded } from '../protocol.ts'
import type { Addressee, DeviceAnswer, ProtocolCommands, TrackerCommand } from '../protocol-commands.ts'
import { rawText } from '../raw-command.ts'
import type { MeitrackMemory } from './decode.ts'

const OUTPUTS = 5
/** What makes a device answer A10 with a position. */
const REPLY_TO_LOCATE = 34
/** The identifier of a packet is one of these characters. */
const FIRST_IDENTIFIER = 0x41
const IDENTIFIERS = 58

/** `C01`: the speed below which it is done (0 = at once), then a digit for each output, 2 leaves it as it is. */
function wordsOf(command: TrackerCommand): string | null {
  const { name, args } = command
  switch (name) {
    case 'locate':
      return 'A10'
    case 'immobilise':
      return outputWords(1, true)
    case 'mobilise':
      return outputWords(1, false)
    case 'output':
      return outputWords(Number(args.number), args.on === true)
    case 'report-interval':
      // In tens of seconds.
      return `A12,${Math.max(1, Math.ceil(Number(args.seconds) / 10))},0`
    case 'reboot':
      return 'F02'
    default:
      return rawText(command)
  }
}

function outputWords(number: number, on: boolean): string | null {
  if (!(number >= 1 && number <= OUTPUTS)) return null
  const digits = Array.from({ length: OUTPUTS }, (_, i) => (i === number - 1 ? (on ? 1 : 0) : 2))
  return `C01,0,${digits.join('')}`
}

/** `@@`, an identifier, the length from the comma on, IMEI, words, checksum. */
function encode(command: TrackerCommand, { memory: { imei } }: Addressee<MeitrackMemory>): Buffer | null {
  const words = wordsOf(command)
  if (words === null || imei === null) return null
  const body = `,${imei},${words}*`
  const identifier = String.fromCharCode(FIRST_IDENTIFIER + (command.number % IDENTIFIERS))
  const head = `@@${identifier}${body.length + 4}${body}`
  const checksum = sum8(Buffer.from(head, 'latin1')).toString(16).toUpperCase().padStart(2, '0')
  return Buffer.from(`${head}${checksum}\r\n`, 'latin1')
}

/** `C01,OK`: the first word of the command again. */
function readAnswer(
  _frame: Buffer,
  { result, reports }: Pick<Decoded<MeitrackMemory>, 'result' | 'reports'>,
  waiting: readonly TrackerCommand[],
): DeviceAnswer | null {
  if (result === undefined) {
    if (reports[0]?.attributes.event !== REPLY_TO_LOCATE) return null
    const located = waiting.find(({ name }) => name === 'locate')
    return located === undefined ? null : { id: located.id, outcome: 'executed' }
  }
  const kind = result.text.split(',', 1)[0]
  const command = waiting.find(each => wordsOf(each)?.split(',', 1)[0] === kind)
  return command === undefined ? null : answered(command, result.text)
}

export const meitrackCommands: ProtocolCommands<MeitrackMemory> = {
  types: [
    LOCATE,
    reportInterval(10, 655_350),
    REBOOT,
    IMMOBILISE,
    MOBILISE,
    output(OUTPUTS),
    raw('What stands behind the IMEI, like `E91`'),
  ],
  transports: ['tcp', 'udp'],
  encode,
  stopsVehicle: text => /C0[0-9]/.test(text),
  isAnswered: () => true,
  readAnswer,
}
