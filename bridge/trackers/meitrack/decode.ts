import { sum8 } from '../checksums.ts'
import { utcTime } from '../dates.ts'
import { isPlace } from '../minutes.ts'
import type { Decoded } from '../protocol.ts'
import { kilometersPerHourToMetersPerSecond, normalHeading, type Report } from '../report.ts'
import type { Attributes } from '../vocabulary.ts'
import { readCcc, readCce } from './binary.ts'
import { alarmsOfEvent } from './events.ts'

/** The IMEI that commands are addressed to, once it was said. */
export interface MeitrackMemory {
  readonly imei: string | null
}

const HEAD = /^\$\$.\d{1,4},(\d{10,17}),([0-9A-Za-z]{3}),?/

export function decodeMeitrack(frame: Buffer, memory: MeitrackMemory): Decoded<MeitrackMemory> {
  const head = HEAD.exec(frame.toString('latin1', 0, 48))
  if (head === null) return { memory, reports: [], fault: 'no $$, length, IMEI and kind' }
  const [whole, imei, kind] = head
  const body = frame.subarray(whole.length)
  const named = { memory: { imei: imei! }, identity: imei! }
  const fault = checksumFault(frame)
  const wrong = fault === null ? {} : { fault }
  if (kind === 'CCE') return { ...named, reports: readCce(body), ...wrong }
  if (kind === 'CCC') return { ...named, reports: readCcc(body), ...wrong }
  const text = body.toString('latin1').replace(/\*[0-9A-Fa-f]{2}\s*$/, '')
  if (kind !== 'AAA' && kind !== 'AFF') return { ...named, reports: [], result: { text: `${kind},${text}` }, ...wrong }
  const fields = text.split(',')
  const report = readText(kind === 'AFF' ? fields.slice(1) : fields)
  return { ...named, reports: report === null ? [] : [report], ...wrong }
}

/** The sum of all bytes up to the star, in two hexadecimal digits behind it. */
function checksumFault(frame: Buffer): string | null {
  const star = frame.lastIndexOf('*', undefined, 'latin1')
  const given = Number.parseInt(frame.toString('latin1', star + 1, star + 3), 16)
  return star !== -1 && sum8(frame.subarray(0, star + 1)) === given ? null : 'the checksum does not fit'
}

/**
 * Event, latitude, longitude, time, validity, satellites, GSM, km/h, course, HDOP, altitude, odometer, run time, cell, state of the
 * inputs and outputs, voltages.
 */
function readText(fields: readonly string[]): Report | null {
  const [event, latText, lngText, time, validity, satellites, rssi, speed, course, hdop, altitude, odometer] = fields
  const [lat, lng] = [Number(latText), Number(lngText)]
  if (altitude === undefined || latText === '' || !isPlace(lat, lng)) return null
  const parts = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/
    .exec(time ?? '')
    ?.slice(1)
    .map(Number)
  if (parts === undefined) return null
  const [year, month, day, hour, minute, second] = parts
  return {
    timestamp: utcTime(year!, month!, day!, hour!, minute!, second!),
    position: {
      lat,
      lng,
      valid: validity === 'A',
      speed: kilometersPerHourToMetersPerSecond(Math.max(0, number(speed) ?? 0)),
      heading: normalHeading(number(course) ?? 0),
      altitude: number(altitude) ?? 0,
    },
    alarms: alarmsOfEvent(Number(event)),
    attributes: {
      event: number(event),
      satellites: number(satellites),
      rssi: number(rssi),
      hdop: number(hdop),
      odometerMeters: number(odometer),
      ...statesOf(fields[14] ?? ''),
      ...voltagesOf(fields[15] ?? ''),
    },
  }
}

/** Four hexadecimal digits: inputs, then outputs. */
function statesOf(text: string): Attributes {
  if (!/^[0-9A-F]{4}$/i.test(text)) return {}
  const mask = Number.parseInt(text, 16)
  return { outputs: mask & 0xff, inputs: mask >> 8 }
}

/** Three ADCs, battery and supply in hundredths of a volt, hexadecimal; newer models write volts, battery and supply first. */
function voltagesOf(text: string): Attributes {
  const parts = text.split('|')
  if (text.includes('.')) return { batteryVolts: number(parts[0]), powerVolts: number(parts[1]) }
  const volts = (part: string | undefined) =>
    /^[0-9A-F]{1,4}$/i.test(part ?? '') ? Number.parseInt(part!, 16) / 100 : undefined
  return { batteryVolts: volts(parts[3]), powerVolts: volts(parts[4]) }
}

function number(text: string | undefined): number | undefined {
  const value = Number.parseFloat(text ?? '')
  return Number.isFinite(value) ? value : undefined
}
