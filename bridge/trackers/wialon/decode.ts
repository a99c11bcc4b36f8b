import { utcTime } from '../dates.ts'
import { degreesOfMinutes, isPlace } from '../minutes.ts'
import type { Decoded } from '../protocol.ts'
import { type Alarm, kilometersPerHourToMetersPerSecond, normalHeading, type Report } from '../report.ts'
import type { AttributeValue } from '../vocabulary.ts'

/** Which version the connection speaks: from 2.0 on, packets carry a CRC. */
export interface WialonMemory {
  readonly version: 1 | 2
}

const PACKET = /^(?:([\d.]+);)?(\w*)#([A-Z]+)#(.*)$/s

/** Wialon IPS: `#L#` log-in, `#SD#` short data, `#D#` data, `#B#` black box, `#P#` ping, `#M#` message. */
export function decodeWialon(frame: Buffer, memory: WialonMemory): Decoded<WialonMemory> {
  const text = frame.toString('utf8').trim()
  const [, version, prefix, kind, rest] = PACKET.exec(text) ?? []
  if (kind === undefined || rest === undefined) return { memory, reports: [], fault: 'not #KIND#…' }
  if (kind === 'L') {
    const fields = rest.split(';')
    const isSecond = fields[0] === '2.0'
    const identity = isSecond ? fields[1] : fields[0]
    return { memory: { version: isSecond ? 2 : 1 }, ...(identity ? { identity } : {}), reports: [] }
  }
  const named = {
    memory: version === '2.0' ? { version: 2 as const } : memory,
    ...(prefix ? { identity: prefix } : {}),
  }
  if (kind === 'M') return { ...named, reports: [], result: { text: rest } }
  const parts = kind === 'SD' || kind === 'D' ? [rest] : kind === 'B' ? rest.split('|') : []
  const reports = parts.map(part => readData(part)).filter(report => report !== null)
  const isArchive = kind === 'B'
  return {
    ...named,
    reports: isArchive
      ? reports.map(report => ({ ...report, attributes: { ...report.attributes, archived: true } }))
      : reports,
  }
}

/** Date, time, latitude, N, longitude, E, km/h, course, altitude, satellites; HDOP, inputs, outputs, ADC, key, parameters. */
function readData(text: string): Report | null {
  const fields = text.split(';').map(field => (field === 'NA' ? '' : field))
  const [date, time, latText, north, lngText, east, speed, course, altitude, satellites, hdop, inputs] = fields
  if (fields.length < 10) return null
  const lat = latText ? degreesOfMinutes(latText, north ?? '', 4) : null
  const lng = lngText ? degreesOfMinutes(lngText, east ?? '', 5) : null
  const timestamp = timeOf(date ?? '', time ?? '')
  const { attributes, alarms } = readParameters(fields[15] ?? '')
  const count = number(satellites)
  if (count !== undefined) attributes.satellites = count
  if (number(hdop) !== undefined) attributes.hdop = number(hdop)!
  if (number(inputs) !== undefined) attributes.inputs = number(inputs)!
  const place = isPlace(lat, lng)
  if (!place && Object.keys(attributes).length === 0 && timestamp === null) return null
  const position = {
    // A packet that has a date and no coordinates is where its unit does not know to be.
    lat: lat ?? 0,
    lng: lng ?? 0,
    valid: place && count !== undefined && count > 0,
    speed: kilometersPerHourToMetersPerSecond(Math.max(0, number(speed) ?? 0)),
    heading: normalHeading(number(course) ?? 0),
    ...(number(altitude) === undefined ? {} : { altitude: number(altitude)! }),
  }
  return { timestamp, position: place || timestamp !== null ? position : null, alarms, attributes }
}

/** `DDMMYY` and `HHMMSS` in UTC. */
function timeOf(date: string, time: string): number | null {
  const [, day, month, year] = /^(\d\d)(\d\d)(\d\d)$/.exec(date) ?? []
  const [, hour, minute, second] = /^(\d\d)(\d\d)(\d\d)/.exec(time) ?? []
  if (year === undefined || second === undefined) return null
  return utcTime(Number(year), Number(month), Number(day), Number(hour), Number(minute), Number(second))
}

/** `name:type:value` by commas; type 1 whole, 2 real, 3 text. */
function readParameters(text: string): { attributes: Record<string, AttributeValue>; alarms: Alarm[] } {
  const attributes: Record<string, AttributeValue> = {}
  const alarms: Alarm[] = []
  for (const parameter of text.split(',')) {
    const [, name, type, value] = /^([^:]+):([123]):(.*)$/.exec(parameter.trim()) ?? []
    if (name === undefined || value === undefined) continue
    const read = type === '3' ? value : Number(value)
    if (typeof read === 'number' && !Number.isFinite(read)) continue
    if (name === 'SOS') {
      if (Number(value) === 1) alarms.push('sos')
    } else if (name === 'bat' || name === 'battery') attributes.batteryPercent = Number.parseFloat(value) || 0
    else if (name === 'ign' || name === 'ignition') attributes.ignition = Number(value) === 1
    else attributes[name] = read
  }
  return { attributes, alarms }
}

function number(text: string | undefined): number | undefined {
  const value = Number.parseFloat(text ?? '')
  return Number.isFinite(value) ? value : undefined
}
