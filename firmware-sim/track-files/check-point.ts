import type { TrackPoint } from '../track.ts'
import { trackFileError } from './track-file-error.ts'

/** Fields as read from a file, not yet trusted. */
export interface RawPoint {
  readonly timestampMs?: number | undefined
  readonly lat: number
  readonly lng: number
  readonly speed?: number | undefined
  readonly heading?: number | undefined
  readonly altitude?: number | undefined
  readonly accuracy?: number | undefined
  readonly battery?: number | undefined
}

/**
 * Makes a track point of raw fields. A position outside the world is an error; an optional field that makes no sense
 * (a negative speed, a heading of 400) is left out, because recorders write such values for "unknown".
 */
export function checkPoint(raw: RawPoint, file: string, line: number | undefined): TrackPoint {
  const { lat, lng } = raw
  if (!(Math.abs(lat) <= 90)) {
    throw trackFileError('out-of-range', file, line, `latitude ${lat} is not between -90 and 90`)
  }
  if (!(Math.abs(lng) <= 180)) {
    throw trackFileError('out-of-range', file, line, `longitude ${lng} is not between -180 and 180`)
  }
  const point: { -readonly [Key in keyof TrackPoint]: TrackPoint[Key] } = { lat, lng }
  if (raw.timestampMs !== undefined) point.timestampMs = Math.round(raw.timestampMs)
  if (within(raw.speed, 0, Number.MAX_VALUE)) point.speed = raw.speed
  if (within(raw.heading, 0, 360)) point.heading = raw.heading
  if (within(raw.altitude, -12_000, 100_000)) point.altitude = raw.altitude
  if (within(raw.accuracy, 0, Number.MAX_VALUE)) point.accuracy = raw.accuracy
  if (within(raw.battery, 0, 100)) point.battery = raw.battery
  return point
}

function within(value: number | undefined, low: number, high: number): value is number {
  return value !== undefined && value >= low && value <= high
}

/** Reads a time as files write it: ISO 8601, or seconds or milliseconds since 1970 (told apart by size). NaN when it is neither. */
export function readTime(text: string): number {
  if (!/^-?\d+(\.\d+)?$/.test(text)) return Date.parse(withZone(text))
  const number = Number(text)
  // 10¹¹ s is the year 5138, 10¹¹ ms is March 1973: nothing recorded by GPS lies between.
  return Math.abs(number) < 100_000_000_000 ? number * 1_000 : number
}

/** A date with a time but no zone is UTC here, as GPX demands, not local time as `Date.parse` would have it. */
function withZone(text: string): string {
  const iso = text.trim().replace(' ', 'T')
  return /T\d{2}:\d{2}(:\d{2}(\.\d+)?)?$/.test(iso) ? `${iso}Z` : iso
}
