import type { LocationUpdate } from '../../contract/index.ts'
import { xorOf } from '../trackers/checksums.ts'
import { metersPerSecondToKnots } from '../trackers/report.ts'
import type { TrackFormat } from './track-format.ts'

/** What `ddmm.mmmmmm` can say: a sixty-millionth of a degree, two millimetres. */
const MINUTE_PARTS = 1_000_000

/**
 * NMEA 0183, RMC and GGA of each fix. The format knows no "unknown": a fix without speed or course has empty fields, which
 * many readers take for 0. The year has two digits.
 */
export const nmea: TrackFormat = {
  mediaType: 'text/nmea',
  extension: 'nmea',
  async *write(windows) {
    // As a receiver begins that has no position yet: readers learn that GGA comes too, and wait for it with the first fix.
    yield sentence('GPGGA,,,,,,0,,,,M,,M,,')
    for await (const fixes of windows) yield fixes.map(sentencesOf).join('')
  },
}

function sentencesOf({ timestamp, location, attributes = {} }: LocationUpdate): string {
  const [date, time] = new Date(timestamp).toISOString().slice(2, -1).split('T') as [string, string]
  const moment = time.replaceAll(':', '')
  const day = date.split('-').reverse().join('')
  const place = `${degreesAndMinutes(location.lat, 2)},${location.lat < 0 ? 'S' : 'N'},${degreesAndMinutes(location.lng, 3)},${location.lng < 0 ? 'W' : 'E'}`
  const knots = location.speed === undefined ? '' : metersPerSecondToKnots(location.speed).toFixed(3)
  const course = location.heading?.toFixed(2) ?? ''
  const { satellites, hdop } = attributes
  const altitude = location.altitude === undefined ? ',' : `${location.altitude.toFixed(2)},M`
  return (
    sentence(`GPRMC,${moment},A,${place},${knots},${course},${day},,,A`) +
    sentence(`GPGGA,${moment},${place},1,${numberOf(satellites)},${numberOf(hdop)},${altitude},,M,,`)
  )
}

function numberOf(value: unknown): string {
  return typeof value === 'number' && value >= 0 && value < 100 ? String(Math.round(value * 10) / 10) : ''
}

/** In whole parts of a minute, so that sixty of them carry over into the degrees. */
function degreesAndMinutes(degrees: number, digits: number): string {
  const parts = Math.round(Math.abs(degrees) * 60 * MINUTE_PARTS)
  const whole = Math.floor(parts / (60 * MINUTE_PARTS))
  const minutes = (parts - whole * 60 * MINUTE_PARTS) / MINUTE_PARTS
  return `${String(whole).padStart(digits, '0')}${minutes.toFixed(6).padStart(9, '0')}`
}

function sentence(body: string): string {
  const sum = xorOf(Buffer.from(body, 'latin1')).toString(16).toUpperCase().padStart(2, '0')
  return `$${body}*${sum}\r\n`
}
