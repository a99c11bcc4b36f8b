import { utcTime } from '../dates.ts'
import { degreesOfMinutes, isPlace } from '../minutes.ts'
import type { Decoded } from '../protocol.ts'
import { type Alarm, kilometersPerHourToMetersPerSecond, normalHeading, type Report } from '../report.ts'
import type { Attributes } from '../vocabulary.ts'

/** The id that commands are addressed to, once it was said. */
export interface Tk103Memory {
  readonly id: string | null
}

/** Alarms of the short form, by their message. */
const ALARM_KINDS: Readonly<Record<string, Alarm>> = {
  ZC11: 'movement',
  ZC12: 'low-battery',
  ZC13: 'power-cut',
  ZC17: 'tampering',
  ZC25: 'sos',
  ZC26: 'tampering',
  ZC27: 'low-power',
  DW31: 'movement',
  DW32: 'low-battery',
  DW33: 'power-cut',
  DW37: 'tampering',
  DW3E: 'sos',
  DW3F: 'tampering',
  DW40: 'low-power',
  DW51: 'movement',
  DW52: 'low-battery',
  DW53: 'power-cut',
  DW57: 'tampering',
  DW5E: 'sos',
  DW5F: 'tampering',
  DW60: 'low-power',
}
const IGNITION_ON = new Set(['ZC15', 'ZC29', 'DW35', 'DW42', 'DW55', 'DW62'])
const IGNITION_OFF = new Set(['ZC16', 'DW36', 'DW56'])
/** The digit behind `BO01`, and behind `ALARM,` of BQ81. */
const BO_ALARMS: Readonly<Record<string, Alarm>> = {
  '0': 'power-cut',
  '1': 'accident',
  '2': 'sos',
  '3': 'vibration',
  '4': 'general',
  '5': 'overspeed',
  '6': 'geofence-exit',
}
const BQ_ALARMS: Readonly<Record<string, Alarm>> = {
  '0': 'low-battery',
  '1': 'overspeed',
  '2': 'idle',
  '3': 'hard-acceleration',
  '4': 'hard-braking',
  '5': 'temperature',
}

export function decodeTk103(frame: Buffer, memory: Tk103Memory): Decoded<Tk103Memory> {
  const text = frame.toString('latin1').trim().replace(/^\(+/, '').replace(/\)$/, '')
  const [head, identity] = /^(\w{10,15}?),?(?=[A-Z]{2}[0-9A-Z]{2})/.exec(text) ?? []
  if (head === undefined || identity === undefined)
    return { memory, reports: [], fault: 'no id in front of the message' }
  const rest = text.slice(head.length)
  const report = readMessage(rest)
  const notice = /\$(.*)\$/s.exec(rest)?.[1]
  return {
    memory: { id: identity },
    identity,
    reports: report === null ? [] : [report],
    ...(notice !== undefined && { result: { text: notice } }),
  }
}

/** What kind of message it is: two letters and two more characters. */
export function kindOf(frame: Buffer): string | null {
  return /\d,?([A-Z]{2}[0-9A-Z]{2})/.exec(frame.toString('latin1'))?.[1] ?? null
}

const COMPACT =
  /(\d{6})([AV])(\d{4}\.\d+)([NS])(\d{5}\.\d+)([EW])([\d.]{5})(\d{6})(\d{1,3}\.\d{1,4}|\d+?)(?=[\dA-F]{8}L|,|$)(.*)$/s
const PARTED = /,(\d{6}),([AV]),(\d{4}\.\d+)([NS]),(\d{5}\.\d+)([EW]),([\d.]+),(\d{6}),([\d.]+)/

function readMessage(text: string): Report | null {
  const kind = text.slice(0, 4)
  const alarms = alarmsOf(kind, text)
  if (kind === 'ZC20') return readBattery(text)
  const parted = PARTED.exec(text)
  if (parted !== null) {
    const [, date, validity, lat, north, lng, east, speed, time, course] = parted
    const [day, month, year] = pairs(date!)
    return position(
      { date: [year!, month!, day!], time: time!, validity, lat, north, lng, east, speed, course },
      alarms,
      ignitionOf(kind),
    )
  }
  const compact = COMPACT.exec(text)
  if (compact === null) return readAlone(kind, text, alarms)
  const [, date, validity, lat, north, lng, east, speed, time, course, behind] = compact
  const [year, month, day] = kind === 'BP02' ? pairs(date!).reverse() : pairs(date!)
  return position(
    { date: [year!, month!, day!], time: time!, validity, lat, north, lng, east, speed, course },
    alarms,
    { ...statusOf(behind ?? ''), ...ignitionOf(kind) },
  )
}

/** Messages without a position: the number of the vehicle, or an alarm with cells and Wi-Fi, date and time behind them. */
function readAlone(kind: string, text: string, alarms: readonly Alarm[]): Report | null {
  const vin = /^BV00(\w{17})$/.exec(text)?.[1]
  const attributes = vin === undefined ? ignitionOf(kind) : { vin }
  if (alarms.length === 0 && Object.keys(attributes).length === 0) return null
  const [, date, time] = /,(\d{6}),(\d{6})(?:,[^,]*)*$/.exec(text) ?? []
  const [day, month, year] = pairs(date ?? '')
  const [hour, minute, second] = pairs(time ?? '')
  const timestamp = date === undefined ? null : utcTime(year!, month!, day!, hour!, minute!, second!)
  return { timestamp, position: null, alarms, attributes }
}

function ignitionOf(kind: string): Attributes {
  if (IGNITION_ON.has(kind)) return { ignition: true }
  return IGNITION_OFF.has(kind) ? { ignition: false } : {}
}

function alarmsOf(kind: string, text: string): Alarm[] {
  const alarm =
    kind === 'BO01'
      ? BO_ALARMS[text[4] ?? '']
      : kind === 'BQ81'
        ? BQ_ALARMS[text.split(',')[2] ?? '']
        : ALARM_KINDS[kind]
  return alarm === undefined ? [] : [alarm]
}

interface Fields {
  readonly date: readonly [year: number, month: number, day: number]
  readonly time: string
  readonly validity: string | undefined
  readonly lat: string | undefined
  readonly north: string | undefined
  readonly lng: string | undefined
  readonly east: string | undefined
  readonly speed: string | undefined
  readonly course: string | undefined
}

function position(fields: Fields, alarms: readonly Alarm[], attributes: Attributes): Report | null {
  const lat = degreesOfMinutes(fields.lat ?? '', fields.north ?? '', 4)
  const lng = degreesOfMinutes(fields.lng ?? '', fields.east ?? '', 5)
  if (!isPlace(lat, lng)) return null
  const [year, month, day] = fields.date
  const [hour, minute, second] = pairs(fields.time)
  return {
    // Without a fix the date may be none, like 00-00-07: counted on, as the devices' makers do, it lies before any real one.
    timestamp: Date.UTC(2_000 + year, month - 1, day, hour!, minute!, second!),
    position: {
      lat: lat!,
      lng: lng!,
      valid: fields.validity === 'A',
      speed: kilometersPerHourToMetersPerSecond(Number.parseFloat(fields.speed ?? '0') || 0),
      heading: normalHeading(Number.parseFloat(fields.course ?? '0') || 0),
    },
    alarms,
    attributes,
  }
}

/** Eight states, of which the first are supply and ignition, then `L` and the odometer in metres, hexadecimal. */
function statusOf(text: string): Attributes {
  const [, states, odometer] = /^(\d{2})[\dA-F]*L([\dA-F]{1,8})/.exec(text) ?? []
  if (states === undefined) return {}
  return {
    externalPower: states[0] === '0',
    ignition: states[1] === '1',
    odometerMeters: Number.parseInt(odometer!, 16),
  }
}

/** `ZC20,date,time,battery level,battery voltage in 10 mV,…` */
function readBattery(text: string): Report | null {
  const [, date, time, level, hundredths] = /^ZC20,(\d{6}),(\d{6}),(\d+),(\d+)/.exec(text) ?? []
  if (date === undefined) return null
  const [day, month, year] = pairs(date)
  const [hour, minute, second] = pairs(time!)
  const steps: Readonly<Record<string, number>> = { '6': 100, '5': 80, '4': 50, '3': 20, '2': 10 }
  return {
    timestamp: Date.UTC(2_000 + year!, month! - 1, day!, hour!, minute!, second!),
    position: null,
    alarms: [],
    attributes: {
      batteryPercent: steps[level!],
      ...(hundredths !== '65535' && { batteryVolts: Number(hundredths) / 100 }),
    },
  }
}

function pairs(digits: string): number[] {
  return [0, 2, 4].map(at => Number(digits.slice(at, at + 2)))
}
