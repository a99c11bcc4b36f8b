import { ARM, DISARM, IMMOBILISE, LOCATE, MOBILISE, raw, reportInterval } from '../command-types.ts'
import type { Addressee, DeviceAnswer, ProtocolCommands, TrackerCommand } from '../protocol-commands.ts'
import { rawText } from '../raw-command.ts'
import type { Gps103Memory } from './decode.ts'

const LETTERS: Readonly<Record<string, string>> = {
  locate: 'B',
  'report-interval': 'C',
  immobilise: 'J',
  mobilise: 'K',
  arm: 'L',
  disarm: 'M',
}
/** The device says the letter again: `imei:…,jt,…`. To the others a position is the answer. */
const ANSWERED = new Set(['immobilise', 'mobilise', 'arm', 'disarm'])
const ANSWER = /^imei:\d{15},([a-z])t,/

function encode(command: TrackerCommand, { memory: { imei } }: Addressee<Gps103Memory>): Buffer | null {
  const text = rawText(command)
  if (text !== null) return Buffer.from(text, 'latin1')
  const letter = LETTERS[command.name]
  if (letter === undefined || imei === null) return null
  const word = letter === 'C' ? `C,${intervalOf(Number(command.args.seconds))}` : letter
  return Buffer.from(`**,imei:${imei},${word};`)
}

/** Two digits of seconds, minutes or hours, rounded up. */
function intervalOf(seconds: number): string {
  const [amount, unit] =
    seconds < 60 ? [seconds, 's'] : seconds < 3_600 ? [Math.ceil(seconds / 60), 'm'] : [Math.ceil(seconds / 3_600), 'h']
  return `${String(amount).padStart(2, '0')}${unit}`
}

function readAnswer(frame: Buffer, _decoded: unknown, waiting: readonly TrackerCommand[]): DeviceAnswer | null {
  const letter = ANSWER.exec(frame.toString('latin1', 0, 32))?.[1]
  if (letter === undefined) return null
  const command = waiting.find(({ name }) => LETTERS[name] === letter.toUpperCase())
  return command === undefined ? null : { id: command.id, outcome: 'executed', text: `${letter}t` }
}

export const gps103Commands: ProtocolCommands<Gps103Memory> = {
  types: [
    LOCATE,
    reportInterval(1, 99 * 3_600),
    IMMOBILISE,
    MOBILISE,
    ARM,
    DISARM,
    raw('The whole message, like `**,imei:864895030279986,B;`'),
  ],
  transports: ['tcp', 'udp'],
  encode,
  stopsVehicle: text => /,(J|109)\b/i.test(text),
  isAnswered: ({ name }) => ANSWERED.has(name),
  readAnswer,
}
