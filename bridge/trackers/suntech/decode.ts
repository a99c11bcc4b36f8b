import { ByteReader, FrameTooShort } from '../byte-reader.ts'
import { utcTime } from '../dates.ts'
import { isPlace } from '../minutes.ts'
import type { Decoded } from '../protocol.ts'
import {
  type Alarm,
  kilometersPerHourToMetersPerSecond,
  knotsToMetersPerSecond,
  normalHeading,
  type Report,
} from '../report.ts'
import type { Attributes, AttributeValue } from '../vocabulary.ts'

export type SuntechMemory = null

/** `EMG` messages, by their number. */
const EMERGENCIES: Readonly<Record<string, Alarm>> = {
  '1': 'sos',
  '3': 'power-cut',
  '5': 'door',
  '6': 'door',
  '7': 'movement',
  '8': 'vibration',
}
/** `ALT` messages, by their number. */
const ALERTS: Readonly<Record<string, Alarm>> = {
  '1': 'overspeed',
  '3': 'gps-antenna-cut',
  '5': 'geofence-exit',
  '6': 'geofence-enter',
  '14': 'low-battery',
  '15': 'vibration',
  '16': 'accident',
  '33': 'ignition-on',
  '34': 'ignition-off',
  '40': 'power-restored',
  '41': 'power-cut',
  '46': 'hard-acceleration',
  '47': 'hard-braking',
  '50': 'jamming',
  '132': 'door',
}

export function decodeSuntech(frame: Buffer): Decoded<SuntechMemory> {
  const first = frame[0] ?? 0
  if (first === 0x81 || first === 0x82) return readOr(frame, readZip)
  if (first === 0x02) return readOr(frame, readCompact)
  return decodeText(frame.toString('latin1').trim())
}

type Binary = (reader: ByteReader) => Omit<Decoded<SuntechMemory>, 'memory'>

function readOr(frame: Buffer, read: Binary): Decoded<SuntechMemory> {
  try {
    return { memory: null, ...read(new ByteReader(frame)) }
  } catch (error) {
    if (!(error instanceof FrameTooShort)) throw error
    return { memory: null, reports: [], fault: error.message }
  }
}

/** Date, time, cell or network, latitude, longitude, km/h, course; then satellites and fix, or the fix alone. */
const POSITION =
  /;(\d{8});(\d\d):(\d\d):(\d\d);(?:[0-9a-zA-Z]*;){0,6}?([+-]\d+\.\d+);([+-]\d+\.\d+)(?:;(\d+\.\d+);(\d+\.\d+);(\d+)(?:;([01])(?=;|$))?)?/

function decodeText(text: string): Decoded<SuntechMemory> {
  const fields = text.split(';')
  const head = fields[0]!
  const identity = identityOf(fields)
  if (identity === undefined) return { memory: null, reports: [], fault: 'no id behind the kind of message' }
  const named = { memory: null, identity }
  if (/CMD$/.test(head) || fields[1] === 'Res')
    return { ...named, reports: [], result: { text: fields.slice(3).join(';') } }
  const found = POSITION.exec(text)
  if (found === null) return { ...named, reports: [] }
  const report = readText(head, fields, found)
  return { ...named, reports: report === null ? [] : [report] }
}

function identityOf(fields: readonly string[]): string | undefined {
  const named = fields[0] === 'ST910' || fields[1] === 'Res' ? fields[2] : fields[1]
  return named !== undefined && /^\d{3,15}$/.test(named) ? named : undefined
}

function readText(head: string, fields: readonly string[], found: RegExpExecArray): Report | null {
  const [whole, date, hour, minute, second, latText, lngText, speed, course, count, fix] = found
  const [lat, lng] = [Number(latText), Number(lngText)]
  if (!isPlace(lat, lng)) return null
  const parts = [date!.slice(0, 4), date!.slice(4, 6), date!.slice(6), hour, minute, second].map(Number)
  const behind = fields
    .join(';')
    .slice(found.index + whole.length + 1)
    .split(';')
  // The ST910 says nothing of satellites: where two numbers would stand, it has the fix and another thing.
  const isSt910 = head === 'ST910'
  const valid = speed === undefined || (isSt910 ? count === '1' : fix === '1')
  return {
    timestamp: utcTime(parts[0]!, parts[1]!, parts[2]!, parts[3]!, parts[4]!, parts[5]!),
    position: {
      lat,
      lng,
      valid,
      ...(speed === undefined ? {} : { speed: kilometersPerHourToMetersPerSecond(Number(speed)) }),
      ...(course === undefined ? {} : { heading: normalHeading(Number(course)) }),
    },
    alarms: alarmsOf(head, fields, behind),
    attributes: {
      ...(count !== undefined && !isSt910 && { satellites: Number(count) }),
      ...statesOf(head, behind),
    },
  }
}

/** Behind the fix: odometer, supply and six states in the older form; inputs and outputs as masks in the newer. */
function statesOf(head: string, behind: readonly string[]): Attributes {
  if (/^(ST3|ST6|SA2)/.test(head)) {
    const [odometer, power, states] = behind
    if (!/^[01]{6}/.test(states ?? '')) return {}
    return { odometerMeters: Number(odometer), powerVolts: Number(power), ignition: states![0] === '1' }
  }
  const [inputs, outputs] = behind
  if (!/^[0-9A-F]{8}$/i.test(inputs ?? '') || !/^[0-9A-F]{8}$/i.test(outputs ?? '')) return {}
  const mask = Number.parseInt(inputs!, 16)
  return { inputs: mask, outputs: Number.parseInt(outputs!, 16), ignition: (mask & 1) === 1 }
}

function alarmsOf(head: string, fields: readonly string[], behind: readonly string[]): Alarm[] {
  if (head === 'ST910') return fields[1] === 'Emergency' ? ['sos'] : fields[1] === 'Alert' ? ['general'] : []
  const number = /^(ST|SA)/.test(head) ? behind[3] : behind[2]
  const alarm = /EMG$/.test(head) ? EMERGENCIES[number ?? ''] : /ALT$/.test(head) ? ALERTS[number ?? ''] : undefined
  return alarm === undefined ? [] : [alarm]
}

/** The "ZIP" form: kind, length, id in BCD, a mask that says which fields there are, the fields. */
const readZip: Binary = reader => {
  reader.skip(3)
  const identity = reader.hex(5)
  const mask = reader.uint(3)
  const has = (bit: number) => ((mask >> bit) & 1) === 1
  const attributes: Record<string, AttributeValue> = {}
  if (has(1)) reader.skip(1)
  if (has(2)) attributes.firmware = [...reader.bytes(3)].join('.')
  if (has(3)) attributes.archived = reader.uint(1) === 0
  const date = has(4) ? [...reader.bytes(3)] : null
  const time = has(5) ? [...reader.bytes(3)] : null
  for (const [bit, length] of [
    [6, 4],
    [7, 2],
    [8, 2],
    [9, 2],
  ] as const) {
    if (has(bit)) reader.skip(length)
  }
  if (has(10)) attributes.rssi = reader.uint(1)
  const lat = has(11) ? signedMillionths(reader.uint(4)) : null
  const lng = has(12) ? signedMillionths(reader.uint(4)) : null
  const speed = has(13) ? kilometersPerHourToMetersPerSecond(reader.uint(2) / 100) : undefined
  const heading = has(14) ? normalHeading(reader.uint(2) / 100) : undefined
  if (has(15)) attributes.satellites = reader.uint(1)
  const valid = has(16) ? reader.uint(1) === 1 : true
  if (has(17)) {
    const inputs = reader.uint(1)
    attributes.inputs = inputs
    attributes.ignition = (inputs & 1) === 1
  }
  const place = isPlace(lat, lng)
  const position = place
    ? {
        lat: lat!,
        lng: lng!,
        valid,
        ...(speed === undefined ? {} : { speed }),
        ...(heading === undefined ? {} : { heading }),
      }
    : null
  const timestamp =
    date === null || time === null ? null : utcTime(date[0]!, date[1]!, date[2]!, time[0]!, time[1]!, time[2]!)
  return { identity, reports: [{ timestamp, position, alarms: [], attributes }] }
}

/** The highest bit is the sign. */
function signedMillionths(value: number): number {
  const size = (value & 0x7fffffff) / 1e6
  return value > 0x7fffffff ? -size : size
}

/** The compact form of the ST300: numbers in whole units and BCD fractions, signs in a byte of flags. */
const readCompact: Binary = reader => {
  reader.skip(3)
  const digits = reader.hex(9)
  const identity = digits.slice(2, 11)
  const [year, month, day, hour, minute, second] = reader.bytes(6)
  reader.skip(3)
  const lat = wholeAndFraction(reader.uint(1), reader.hex(3))
  const lng = wholeAndFraction(reader.uint(1), reader.hex(3))
  const speed = knotsToMetersPerSecond(wholeAndFraction(reader.uint(2), reader.hex(1)))
  const heading = wholeAndFraction(reader.uint(2), reader.hex(1))
  const flags = reader.uint(1)
  const odometerMeters = reader.uint(4)
  const signedLat = flags & 0x40 ? -lat : lat
  const signedLng = flags & 0x20 ? -lng : lng
  if (!isPlace(signedLat, signedLng)) return { identity, reports: [] }
  const position = {
    lat: signedLat,
    lng: signedLng,
    valid: (flags & 0x80) !== 0,
    speed,
    heading: normalHeading(heading),
  }
  const timestamp = utcTime(year!, month!, day!, hour!, minute!, second!)
  return { identity, reports: [{ timestamp, position, alarms: [], attributes: { odometerMeters } }] }
}

function wholeAndFraction(whole: number, digits: string): number {
  return /^\d+$/.test(digits) ? whole + Number(`0.${digits}`) : whole
}
