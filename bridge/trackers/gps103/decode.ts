import { utcTime } from '../dates.ts'
import { degreesOfMinutes, isPlace } from '../minutes.ts'
import type { Decoded } from '../protocol.ts'
import { type Alarm, knotsToMetersPerSecond, normalHeading, type Report } from '../report.ts'
import type { Attributes } from '../vocabulary.ts'

/** The IMEI that commands are addressed to, once it was said. */
export interface Gps103Memory {
  readonly imei: string | null
}

const ALARM_WORDS: Readonly<Record<string, Alarm>> = {
  'help me': 'sos',
  'low battery': 'low-battery',
  stockade: 'geofence-exit',
  move: 'movement',
  speed: 'overspeed',
  'door alarm': 'door',
  'ac alarm': 'power-cut',
  'accident alarm': 'accident',
  'sensor alarm': 'vibration',
  'bonnet alarm': 'tampering',
}

export function decodeGps103(frame: Buffer, memory: Gps103Memory): Decoded<Gps103Memory> {
  const text = frame.toString('latin1').replace(/[;\s]+$/, '')
  const imei = /^(?:##,)?(?:imei:)?(\d{15})/.exec(text)?.[1]
  if (imei === undefined) return { memory, reports: [], fault: 'no IMEI' }
  const fields = text.split(',')
  const report = fields[0] === `imei:${imei}` ? readMessage(fields) : null
  return { memory: { imei }, identity: imei, reports: report === null ? [] : [report] }
}

function readMessage(fields: readonly string[]): Report | null {
  const [, event = '', date = '', extra = '', kind] = fields
  if (event === 'OBD') return readObd(fields)
  if (fields.length >= 16 && /^\d{6}$/.test(fields[5]!)) return readDegrees(fields)
  const alarms = alarmsOf(event)
  const attributes = eventAttributes(event, extra)
  const position = kind === 'F' ? readPosition(date, fields.slice(5)) : null
  if (position !== null) {
    return { ...position, alarms, attributes: { ...attributes, ...position.attributes } }
  }
  return kind === 'L' && alarms.length > 0 ? { timestamp: null, position: null, alarms, attributes } : null
}

function alarmsOf(event: string): Alarm[] {
  const alarm = event.startsWith('T:') ? 'temperature' : event.startsWith('oil ') ? 'fuel-leak' : ALARM_WORDS[event]
  return alarm === undefined ? [] : [alarm]
}

function eventAttributes(event: string, extra: string): Attributes {
  if (event === '' || event === 'tracker' || alarmsOf(event).length > 0) return {}
  if (event === 'acc on') return { ignition: true }
  if (event === 'acc off') return { ignition: false }
  return event === 'rfid' ? { event, driverId: extra } : { event }
}

/**
 * UTC time, validity, latitude, N or S, longitude, E or W, knots, course, altitude, ignition, door, fuel, …
 * @param date in local time: `YYMMDDHHMM`, with seconds, or `YY/MM/DD HH:MM`
 */
function readPosition(date: string, fields: readonly string[]): Omit<Report, 'alarms'> | null {
  const [utc, validity, ...rest] = fields
  if (!/^[AV]$/.test(validity ?? '')) return null
  // Some write each hemisphere in front of its number.
  const [latText, north, lngText, east, ...behind] = /^[NS]$/.test(rest[0] ?? '')
    ? [rest[1], rest[0], rest[3], rest[2], ...rest.slice(4)]
    : rest
  const lat = degreesOfMinutes(latText ?? '', north ?? '', 4)
  const lng = degreesOfMinutes(lngText ?? '', east ?? '', 5)
  if (!isPlace(lat, lng)) return null
  const [knots, course, altitude, ignition, , fuel] = behind
  const fuelPercent = /%$/.test(fuel ?? '') ? number(fuel) : undefined
  return {
    timestamp: timeOf(date, utc ?? ''),
    position: {
      lat: lat!,
      lng: lng!,
      valid: validity === 'A',
      speed: knotsToMetersPerSecond(Math.max(0, number(knots) ?? 0)),
      heading: normalHeading(number(course) ?? 0),
      ...(number(altitude) === undefined ? {} : { altitude: number(altitude)! }),
    },
    attributes: {
      ...(/^[01]$/.test(ignition ?? '') ? { ignition: ignition === '1' } : {}),
      ...(fuelPercent === undefined ? {} : { fuelPercent }),
    },
  }
}

const HALF_DAY_MINUTES = 12 * 60

/** The date is local and the second time UTC: the zone is what lies between the two, whatever the device was set to. */
function timeOf(date: string, utc: string): number | null {
  const digits = date.replace(/\D/g, '')
  if (digits.length < 10) return null
  const [year, month, day, hour, minute] = [0, 2, 4, 6, 8].map(at => Number(digits.slice(at, at + 2)))
  const [, utcHour, utcMinute, utcSecond] = /^(\d{2})(\d{2})(\d{2})/.exec(utc) ?? []
  const local = utcTime(year!, month!, day!, hour!, minute!, Number(utcSecond ?? 0))
  if (local === null || utcHour === undefined) return local
  let zone = (hour! - Number(utcHour)) * 60 + minute! - Number(utcMinute)
  if (zone <= -HALF_DAY_MINUTES) zone += 24 * 60
  else if (zone > HALF_DAY_MINUTES) zone -= 24 * 60
  return local - zone * 60_000
}

/** A form with degrees as decimals: …, time, date, network, satellites, latitude, longitude, speed, course, altitude, HDOP. */
function readDegrees(fields: readonly string[]): Report | null {
  const [time, date, rssi, satellites, lat, lng, speed, course, altitude, hdop, , ignition] = fields.slice(5)
  const [hour, minute, second] = [0, 2, 4].map(at => Number(time!.slice(at, at + 2)))
  const [day, month, year] = [0, 2, 4].map(at => Number(date!.slice(at, at + 2)))
  const [latitude, longitude] = [Number(lat), Number(lng)]
  if (!Number.isFinite(latitude) || !Number.isFinite(longitude) || !isPlace(latitude, longitude)) return null
  const count = number(satellites) ?? 0
  return {
    timestamp: utcTime(year!, month!, day!, hour!, minute!, second!),
    position: {
      lat: latitude,
      lng: longitude,
      valid: count > 0,
      speed: knotsToMetersPerSecond(Math.max(0, number(speed) ?? 0)),
      heading: normalHeading(number(course) ?? 0),
      altitude: number(altitude) ?? 0,
    },
    alarms: [],
    attributes: { satellites: count, rssi: number(rssi), hdop: number(hdop), ignition: ignition === '1' },
  }
}

/** Odometer, fuel used, consumption, driving time, speed, load, coolant, throttle, revolutions, battery. */
function readObd(fields: readonly string[]): Report | null {
  const [date, odometer, , , , speed, , coolant, , rpm, battery] = fields.slice(2)
  const attributes: Attributes = {
    odometerMeters: number(odometer) === undefined ? undefined : number(odometer)! * 1_000,
    obdSpeedMetersPerSecond: number(speed) === undefined ? undefined : number(speed)! / 3.6,
    coolantCelsius: number(coolant),
    rpm: number(rpm),
    powerVolts: number(battery),
  }
  const known = Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined))
  return Object.keys(known).length === 0
    ? null
    : { timestamp: timeOf(date ?? '', ''), position: null, alarms: [], attributes: known }
}

function number(text: string | undefined): number | undefined {
  const value = Number.parseFloat(text ?? '')
  return Number.isFinite(value) ? value : undefined
}
