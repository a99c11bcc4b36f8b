import { crc16Arc } from '../checksums.ts'
import { answered } from '../command-answers.ts'
import { IMMOBILISE, LOCATE, MOBILISE, output, REBOOT, rawOrHex, reportInterval } from '../command-types.ts'
import type { Decoded } from '../protocol.ts'
import type { DeviceAnswer, ProtocolCommands, TrackerCommand } from '../protocol-commands.ts'
import { rawBytes, rawText } from '../raw-command.ts'
import type { TeltonikaMemory } from './decode.ts'
import { dataOf } from './frames.ts'

const OUTPUTS = 4
const CODEC_14 = 0x0e
/** Codec 14: the IMEI of the command was another one. */
const NOT_ACKNOWLEDGED = 0x11

/** Words of the maker's "SMS/GPRS commands". */
function textOf(command: TrackerCommand): string | null {
  const { name, args } = command
  switch (name) {
    case 'locate':
      return 'getgps'
    case 'reboot':
      return 'cpureset'
    case 'immobilise':
      return 'setdigout 1'
    case 'mobilise':
      return 'setdigout 0'
    case 'report-interval':
      // "Home On Moving: Min Period"
      return `setparam 10050:${Number(args.seconds)}`
    case 'output':
      return outputText(Number(args.number), args.on === true)
    default:
      return rawText(command)
  }
}

/** A digit for each output up to the one meant; a question mark leaves one as it is. */
function outputText(number: number, on: boolean): string | null {
  if (!(number >= 1 && number <= OUTPUTS)) return null
  return `setdigout ${'?'.repeat(number - 1)}${on ? 1 : 0}`
}

/** A codec 12 packet: zeros, length, codec, quantity, type 5 (command), length of the text, text, quantity, CRC. */
function encode(command: TrackerCommand): Buffer | null {
  const bytes = rawBytes(command)
  if (bytes !== null) return bytes
  const text = textOf(command)
  if (text === null) return null
  const words = Buffer.from(text, 'latin1')
  const data = Buffer.concat([Buffer.from([0x0c, 1, 5, 0, 0, 0, 0]), words, Buffer.from([1])])
  data.writeUInt32BE(words.length, 3)
  const packet = Buffer.alloc(8 + data.length + 4)
  packet.writeUInt32BE(data.length, 4)
  data.copy(packet, 8)
  packet.writeUInt32BE(crc16Arc(data), 8 + data.length)
  return packet
}

/** Answers bear no number: they come in the order of the commands. */
function readAnswer(
  frame: Buffer,
  { result }: Pick<Decoded<TeltonikaMemory>, 'result'>,
  [command]: readonly TrackerCommand[],
): DeviceAnswer | null {
  if (command === undefined) return null
  if (result !== undefined) return answered(command, result.text)
  const data = dataOf(frame)?.data
  const isRefused = data?.[0] === CODEC_14 && data[2] === NOT_ACKNOWLEDGED
  return isRefused ? { id: command.id, outcome: 'failed', text: 'nACK: the IMEI is another one' } : null
}

export const teltonikaCommands: ProtocolCommands<TeltonikaMemory> = {
  types: [
    LOCATE,
    reportInterval(1, 2_592_000),
    REBOOT,
    IMMOBILISE,
    MOBILISE,
    output(OUTPUTS),
    rawOrHex('A command as in an SMS, without login and password, like `getver`'),
  ],
  // The maker's document has codec 12 over TCP alone.
  transports: ['tcp'],
  encode,
  stopsVehicle: text => /digout|dout|immob|block/i.test(text),
  isAnswered: () => true,
  readAnswer,
}
