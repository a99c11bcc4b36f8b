import { TrackwireError } from '../../contract/index.ts'

/**
 * How times are written for people: `2026-11-20 14:02:11 UTC`, and with a zone `2026-11-20 16:02:11 (14:02:11 UTC)`.
 * @throws TrackwireError request_invalid when there is no such zone
 */
export function timeWriter(timeZone: string | undefined): (ms: number) => string {
  const utc = (ms: number) => new Date(ms).toISOString().slice(0, 19).replace('T', ' ')
  if (timeZone === undefined) return ms => `${utc(ms)} UTC`
  let format: Intl.DateTimeFormat
  try {
    format = new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'medium', timeZone })
  } catch (cause) {
    throw new TrackwireError('request_invalid', `timeZone is no IANA time zone, like Europe/Helsinki`, {
      cause,
      details: { parameter: 'timeZone' },
    })
  }
  return ms => `${format.format(ms)} (${utc(ms).slice(11)} UTC)`
}
