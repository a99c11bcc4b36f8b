import { TrackwireError } from '../../contract/index.ts'
import { utcTime } from '../trackers/dates.ts'

/** Seconds since 1970 stay below until the year 5138, milliseconds are above since 1973. */
const LEAST_MILLISECONDS = 100_000_000_000
const ISO =
  /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?: ?(Z)| ?([+-])(\d\d):?(\d\d)| (\d\d):?(\d\d))?$/i

/**
 * A time as phones write it: seconds or milliseconds since 1970, ISO 8601, or `yyyy-MM-dd HH:mm:ss`; without a zone it is UTC.
 * A `+` that was not percent-encoded arrives as a space. Milliseconds; null where there is none. Errors: `payload_invalid`.
 */
export function readPhoneTime(value: unknown, path: string): number | null {
  if (value === undefined || value === null || value === '') return null
  const time = typeof value === 'number' ? ofNumber(value) : typeof value === 'string' ? ofText(value.trim()) : null
  if (time !== null) return time
  const message = `${path} is no time; send seconds or milliseconds since 1970, or ISO 8601`
  throw new TrackwireError('payload_invalid', message, { details: { path } })
}

function ofNumber(value: number): number | null {
  if (!Number.isFinite(value) || value < 0) return null
  return Math.round(value < LEAST_MILLISECONDS ? value * 1_000 : value)
}

function ofText(text: string): number | null {
  if (/^\d{1,15}(\.\d{1,9})?$/.test(text)) return ofNumber(Number(text))
  const match = ISO.exec(text)
  if (match === null) return null
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(part => Number(part ?? 0))
  const millisecond = Math.floor(Number(`0.${match[7] ?? 0}`) * 1_000)
  const time = utcTime(year!, month!, day!, hour!, minute!, second!, millisecond)
  if (time === null) return null
  const [, , , , , , , , , sign, hours, minutes, spacedHours, spacedMinutes] = match
  const aheadMinutes = Number(hours ?? spacedHours ?? 0) * 60 + Number(minutes ?? spacedMinutes ?? 0)
  return time - (sign === '-' ? -1 : 1) * aheadMinutes * 60_000
}
