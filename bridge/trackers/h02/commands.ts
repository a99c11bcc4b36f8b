import { answered } from '../command-answers.ts'
import { ARM, DISARM, IMMOBILISE, MOBILISE, REBOOT, raw, reportInterval } from '../command-types.ts'
import type { Decoded } from '../protocol.ts'
import type { Addressee, DeviceAnswer, ProtocolCommands, TrackerCommand } from '../protocol-commands.ts'
import { rawText } from '../raw-command.ts'
import type { H02Memory } from './decode.ts'

/** The word of a command, and what stands behind the time. */
function wordsOf({ name, args }: TrackerCommand): readonly [word: string, behind: string] | null {
  switch (name) {
    case 'immobilise':
      return ['S20', ',1,1']
    case 'mobilise':
      return ['S20', ',1,0']
    case 'arm':
      return ['SCF', ',0,0']
    case 'disarm':
      return ['SCF', ',1,1']
    case 'report-interval':
      return ['S71', `,22,${Number(args.seconds)}`]
    case 'reboot':
      return ['R1', '']
    default:
      return null
  }
}

function encode(command: TrackerCommand, { memory: { id } }: Addressee<H02Memory>): Buffer | null {
  const text = rawText(command)
  if (text !== null) return Buffer.from(text, 'latin1')
  const words = wordsOf(command)
  if (words === null || id === null) return null
  const [word, behind] = words
  return Buffer.from(`*HQ,${id},${word},${timeOfDay(command.number)}${behind}#`, 'latin1')
}

/** `HHMMSS`: devices send it back and do not look at it, so that it can be the number of the command. */
function timeOfDay(seconds: number): string {
  return new Date((seconds % 86_400) * 1_000).toISOString().slice(11, 19).replaceAll(':', '')
}

/** `V4` begins with the word of the command; `SMS` has the words of a raw one. */
function readAnswer(
  frame: Buffer,
  { result }: Pick<Decoded<H02Memory>, 'result'>,
  waiting: readonly TrackerCommand[],
): DeviceAnswer | null {
  if (result === undefined) return null
  const isText = /^\*\w{2},[^,]*,SMS,/.test(frame.toString('latin1'))
  const word = result.text.split(',', 1)[0]!
  const command = waiting.find(each => {
    const own = wordsOf(each)?.[0]
    return own === undefined ? isText || rawText(each)?.includes(`,${word},`) : own === word
  })
  return command === undefined ? null : answered(command, result.text)
}

export const h02Commands: ProtocolCommands<H02Memory> = {
  types: [
    reportInterval(5, 65_535),
    REBOOT,
    IMMOBILISE,
    MOBILISE,
    ARM,
    DISARM,
    raw('The whole message, like `*HQ,4209951296,CR#`'),
  ],
  transports: ['tcp', 'udp'],
  encode,
  stopsVehicle: text => /S20/i.test(text),
  isAnswered: () => true,
  readAnswer,
}
