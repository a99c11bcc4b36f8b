import Type, { type TSchema } from 'typebox'
import type { CommandType } from '../commands/command-sender.ts'

const NOTHING = Type.Object({}, { additionalProperties: false })
const once = (name: string, summary: string, args: TSchema = NOTHING): CommandType => ({
  name,
  summary,
  args,
  repeatable: false,
})
const repeatable = (name: string, summary: string, args: TSchema = NOTHING): CommandType => ({
  name,
  summary,
  args,
  repeatable: true,
})

/** Commands that mean the same whatever the protocol. */
export const LOCATE = repeatable('locate', 'Send the position now')
export const REBOOT = once('reboot', 'Start again')
export const IMMOBILISE = repeatable('immobilise', 'Switch the relay that keeps the engine from running')
export const MOBILISE = repeatable('mobilise', 'Switch that relay back: the engine may run')
export const ARM = repeatable('arm', 'Watch for movement and opening while parked')
export const DISARM = repeatable('disarm', 'Stop watching')

/** How often positions are sent while driving. */
export function reportInterval(least: number, most: number): CommandType {
  const seconds = Type.Integer({ minimum: least, maximum: most, description: 'Seconds between two positions' })
  return repeatable(
    'report-interval',
    'How often positions are sent',
    Type.Object({ seconds }, { additionalProperties: false }),
  )
}

/** @param count how many outputs there are, counted from 1 */
export function output(count: number): CommandType {
  const number = Type.Integer({ minimum: 1, maximum: count, description: 'Which output, counted from 1' })
  const args = Type.Object({ number, on: Type.Boolean() }, { additionalProperties: false })
  return repeatable('output', 'Switch an output', args)
}

const TEXT = Type.String({ minLength: 1, maxLength: 900, pattern: '^[\\x01-\\xff]*$' })
const HEX = Type.String({ pattern: '^([0-9A-Fa-f]{2}){1,900}$', description: 'Bytes in hexadecimal, sent as they are' })

/** Whatever the maker's manual says. */
export function raw(words: string): CommandType {
  const args = Type.Object({ text: Type.String({ ...TEXT, description: words }) }, { additionalProperties: false })
  return once('raw', 'Words of the maker’s manual', args)
}

/** The same where a text is put into a frame; bytes are a frame of the caller's own. */
export function rawOrHex(words: string): CommandType {
  const text = Type.Object({ text: Type.String({ ...TEXT, description: words }) }, { additionalProperties: false })
  const args = Type.Union([text, Type.Object({ hex: HEX }, { additionalProperties: false })])
  return once('raw', 'Words of the maker’s manual, or bytes', args)
}
