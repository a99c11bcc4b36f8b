import type { LocationUpdate } from '../../../contract/index.ts'

/** What a file has in one place. The fix is as the file has it, not yet judged. */
export type Found =
  | { readonly line: number; readonly fix: LocationUpdate }
  | { readonly line: number; readonly error: string }

/** Reads a file that comes in pieces. */
export interface TrackReader {
  /** @throws TrackFileFault when the rest cannot be read */
  push(text: string): Found[]
  /** What was still open. @throws TrackFileFault */
  end(): Found[]
}

/** The file cannot be read on from here. */
export class TrackFileFault extends Error {
  override readonly name = 'TrackFileFault'
  readonly line: number
  constructor(line: number, message: string) {
    super(message)
    this.line = line
  }
}

/** Measures as files write them; what makes no sense is left out, because recorders write such values for "unknown". */
export interface RawFix {
  readonly line: number
  /** ISO 8601, or seconds or milliseconds since 1970. */
  readonly time: string | undefined
  readonly lat: string | undefined
  readonly lng: string | undefined
  readonly altitude?: string | undefined
  readonly speed?: string | undefined
  readonly heading?: string | undefined
  readonly accuracy?: string | undefined
}

/** Makes a fix of texts. A place outside the world and a time that is none are errors. */
export function readFix(raw: RawFix): Found {
  const { line } = raw
  const [lat, lng] = [numberOf(raw.lat), numberOf(raw.lng)]
  if (lat === undefined || !(Math.abs(lat) <= 90)) return { line, error: fault('latitude', raw.lat, '-90 to 90') }
  if (lng === undefined || !(Math.abs(lng) <= 180)) return { line, error: fault('longitude', raw.lng, '-180 to 180') }
  if (raw.time === undefined || raw.time.trim() === '') {
    return { line, error: 'has no time, so nobody knows when it was there' }
  }
  const timestamp = timeOf(raw.time.trim())
  if (timestamp === undefined) return { line, error: `"${raw.time.slice(0, 60)}" is not a time` }
  const location: LocationUpdate['location'] = { lat, lng }
  const altitude = numberOf(raw.altitude)
  if (altitude !== undefined) location.altitude = altitude
  for (const [name, most] of LIMITS) {
    const value = numberOf(raw[name])
    if (value !== undefined && value >= 0 && value <= most) location[name] = value
  }
  return { line, fix: { timestamp, location } }
}

const LIMITS = [
  ['speed', Number.MAX_VALUE],
  ['heading', 360],
  ['accuracy', Number.MAX_VALUE],
] as const

function fault(name: string, text: string | undefined, range: string): string {
  return text === undefined || text.trim() === ''
    ? `has no ${name}`
    : `the ${name} "${text.slice(0, 60)}" is not a number from ${range}`
}

export function numberOf(text: string | undefined): number | undefined {
  if (text === undefined || text.trim() === '') return undefined
  const value = Number(text)
  return Number.isFinite(value) ? value : undefined
}

/** Milliseconds. A time without a zone is UTC, as GPX demands. */
function timeOf(text: string): number | undefined {
  if (/^\d+(\.\d+)?$/.test(text)) {
    // 10¹¹ s is the year 5138, 10¹¹ ms is March 1973: nothing recorded by GPS lies between.
    const number = Number(text)
    return Math.round(number < 100_000_000_000 ? number * 1_000 : number)
  }
  const iso = text.replace(' ', 'T')
  const ms = Date.parse(/T\d{2}:\d{2}(:\d{2}(\.\d+)?)?$/.test(iso) ? `${iso}Z` : iso)
  return Number.isFinite(ms) && ms >= 0 ? ms : undefined
}
