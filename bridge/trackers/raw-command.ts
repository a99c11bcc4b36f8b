import type { TrackerCommand } from './protocol-commands.ts'

/** The longest text or run of bytes that is sent raw. */
const MAX_LENGTH = 900

/** The text of a raw command; null for any other. */
export function rawText({ name, args }: Pick<TrackerCommand, 'name' | 'args'>): string | null {
  const { text } = args
  const isText = name === 'raw' && typeof text === 'string' && text.length > 0 && text.length <= MAX_LENGTH
  // One byte a character, on all of these protocols.
  return isText && [...text].every(character => character > '\0' && character <= '\xff') ? text : null
}

/** The bytes of a raw command that has some; null for any other. */
export function rawBytes({ name, args }: Pick<TrackerCommand, 'name' | 'args'>): Buffer | null {
  const { hex } = args
  return name === 'raw' && typeof hex === 'string' && hex.length <= 2 * MAX_LENGTH && /^([0-9A-Fa-f]{2})+$/.test(hex)
    ? Buffer.from(hex, 'hex')
    : null
}

/** What a raw command says, text or bytes, as one character a byte. */
export function rawWords(args: Readonly<Record<string, unknown>>): string {
  const raw = { name: 'raw', args }
  return rawText(raw) ?? rawBytes(raw)?.toString('latin1') ?? ''
}
