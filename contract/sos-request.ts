import { isId } from './ids.ts'
import { FUTURE_TOLERANCE_MS, GPS_EPOCH_MS, Location } from './location-update.ts'
import { checkSchema } from './payloads.ts'
import { MAX_SOS_TEXT, type SosCry, type SosRequest } from './sos.ts'

/** A trigger that says it is older than this has a wrong clock, like one whose weeks have rolled over. */
const OLDEST_SOS_MS = 366 * 86_400_000
const MINUTE_MS = 60_000

export interface ReadSos {
  readonly request: SosRequest
  /** The timestamp as it was sent, where the time of receipt stands for it. */
  readonly sentTimestamp?: number | string
  /** What was left out or replaced, a sentence each. */
  readonly amended: readonly string[]
}

/**
 * Reads an SOS generously: only what does not say `trigger` or `cancel` is refused (by `decodePayload`). A timestamp of a broken clock is
 * replaced by the time of receipt, a position that cannot be is left out, a message that is too long is cut.
 * Without a usable id it is the timestamp that tells presses apart, or the minute of receipt: repeats stay one alert, and a doubt
 * makes one alert more rather than one less.
 */
export function readSosRequest(sent: SosCry, receivedAt: number): ReadSos {
  const { action, id, timestamp, location, message, drill } = sent
  const amended: string[] = []
  const at = isPlausible(timestamp, receivedAt) ? Math.round(timestamp) : undefined
  if (at === undefined) amended.push('timestamp cannot be, so the time of receipt stands for it')
  const where = readLocation(location, amended)
  const text = readText(message, amended)
  const request: SosRequest = {
    action,
    id: readId(id, at, receivedAt, amended),
    timestamp: at ?? receivedAt,
    ...(where === undefined ? {} : { location: where }),
    ...(text === undefined ? {} : { message: text }),
    // Anything else than a plain `true` is taken for the real thing.
    ...(drill === true ? { drill } : {}),
  }
  return { request, amended, ...(at === undefined ? sentTimestamp(timestamp) : {}) }
}

function isPlausible(timestamp: unknown, receivedAt: number): timestamp is number {
  return (
    typeof timestamp === 'number' &&
    timestamp >= Math.max(GPS_EPOCH_MS, receivedAt - OLDEST_SOS_MS) &&
    timestamp <= receivedAt + FUTURE_TOLERANCE_MS
  )
}

function sentTimestamp(timestamp: unknown): { sentTimestamp?: number | string } {
  if (typeof timestamp === 'number' && Number.isFinite(timestamp)) return { sentTimestamp: timestamp }
  return typeof timestamp === 'string' ? { sentTimestamp: storable(timestamp).slice(0, 64).toWellFormed() } : {}
}

function readId(id: unknown, timestamp: number | undefined, receivedAt: number, amended: string[]): string {
  if (isId(id)) return id
  if (Number.isSafeInteger(id) && (id as number) >= 0) return String(id)
  amended.push('id is missing or no id, so repeats of this SOS are known by its time alone')
  return timestamp === undefined ? `minute-${Math.floor(receivedAt / MINUTE_MS)}` : `at-${timestamp}`
}

const MEASURES = ['accuracy', 'speed', 'heading', 'altitude'] as const

function readLocation(location: unknown, amended: string[]): Location | undefined {
  if (location === undefined || location === null) return undefined
  const { lat, lng, ...rest } = Object(location) as Record<string, unknown>
  if (!fits({ lat, lng }) || (lat === 0 && lng === 0)) {
    amended.push('location is no position, so it is left out')
    return undefined
  }
  const read = { lat, lng } as Location
  for (const measure of MEASURES) {
    const value = rest[measure]
    if (value === undefined || value === null) continue
    if (fits({ lat, lng, [measure]: value })) read[measure] = value as number
    else amended.push(`location/${measure} cannot be, so it is left out`)
  }
  return read
}

function fits(location: object): boolean {
  try {
    checkSchema(Location, location)
    return true
  } catch {
    return false
  }
}

function readText(message: unknown, amended: string[]): string | undefined {
  if (message === undefined || message === null) return undefined
  if (typeof message !== 'string') {
    amended.push('message is no text, so it is left out')
    return undefined
  }
  if (message.length > MAX_SOS_TEXT) amended.push(`message is longer than ${MAX_SOS_TEXT} characters, so it is cut`)
  return storable(message.slice(0, MAX_SOS_TEXT))
}

/** What a database can hold: no NUL, no half of a character. */
function storable(text: string): string {
  return text.replaceAll('\0', '').toWellFormed()
}
