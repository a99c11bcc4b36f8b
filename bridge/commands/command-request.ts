import { type CommandRequest, TrackwireError } from '../../contract/index.ts'

const HOUR_MS = 3_600_000
export const DEFAULT_TTL_MS = HOUR_MS
const MAX_TTL_MS = 30 * 24 * HOUR_MS
/** Of JSON. */
const MAX_CHARACTERS = 16_384
/** Names under which the platform itself tells devices something. */
const RESERVED = /^sos-/i

/** What the schema cannot say of a new command. Errors: `payload_invalid`. */
export function checkRequest({ id, name, args, expiresAt }: Required<CommandRequest>, nowMs: number): void {
  // Its address is taken.
  if (id === 'types') refuse('/id', 'is not to be had, choose another one')
  if (RESERVED.test(name)) refuse('/name', 'begins with sos-, as only the platform’s own do')
  if (expiresAt <= nowMs) refuse('/expiresAt', 'is over already; it is in milliseconds since 1970')
  if (expiresAt > nowMs + MAX_TTL_MS) refuse('/expiresAt', 'is more than 30 days ahead')
  if (JSON.stringify(args).length > MAX_CHARACTERS) {
    refuse('/args', `are longer than ${MAX_CHARACTERS} characters of JSON`)
  }
}

/** Errors: `payload_invalid`. */
export function checkResult(result: unknown): void {
  if (result !== undefined && JSON.stringify(result).length > MAX_CHARACTERS) {
    refuse('/result', `is longer than ${MAX_CHARACTERS} characters of JSON`)
  }
}

function refuse(path: string, what: string): never {
  throw new TrackwireError('payload_invalid', `${path} ${what}`, { details: { path } })
}
