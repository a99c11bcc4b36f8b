import { isPlace } from '../minutes.ts'
import { kilometersPerHourToMetersPerSecond, normalHeading, type Report } from '../report.ts'
import type { AttributeValue } from '../vocabulary.ts'
import { alarmsOfEvent } from './events.ts'

/** Seconds are counted from 2000-01-01. */
const EPOCH_MS = 946_684_800_000
/** Ids of two bytes begin with it. */
const LONG_ID = 0xfe

/** Values of one record by the id of the parameter: little-endian, signed where the meaning is. */
interface RecordFields {
  readonly numbers: Map<number, number>
  readonly latitude: number | null
  readonly longitude: number | null
}

/** Message CCE: bytes left in the device, number of records; each with its length, number of parameters, and groups of 1, 2, 4 and n bytes. */
export function readCce(body: Buffer): Report[] {
  const reports: Report[] = []
  if (body.length < 6) return reports
  const count = body.readUInt16LE(4)
  for (let at = 6, i = 0; i < count && at + 4 <= body.length; i++) {
    const end = at + 2 + body.readUInt16LE(at)
    const report = reportOf(readFields(body.subarray(at + 4, Math.min(end, body.length))))
    if (report !== null) reports.push(report)
    at = end
  }
  return reports
}

const LATITUDE = 0x02
const LONGITUDE = 0x03

function readFields(bytes: Buffer): RecordFields {
  const numbers = new Map<number, number>()
  let latitude: number | null = null
  let longitude: number | null = null
  let at = 0
  for (const length of [1, 2, 4]) {
    const count = bytes[at] ?? 0
    at += 1
    for (let i = 0; i < count; i++) {
      const isLong = bytes[at] === LONG_ID
      const id = isLong ? 0xfe00 | (bytes[at + 1] ?? 0) : (bytes[at] ?? 0)
      at += isLong ? 2 : 1
      if (at + length > bytes.length) return { numbers, latitude, longitude }
      if (length === 4 && id === LATITUDE) latitude = bytes.readInt32LE(at) / 1e6
      else if (length === 4 && id === LONGITUDE) longitude = bytes.readInt32LE(at) / 1e6
      else numbers.set(id, bytes.readUIntLE(at, length))
      at += length
    }
  }
  return { numbers, latitude, longitude }
}

const TIME = 0x04

function reportOf({ numbers, latitude, longitude }: RecordFields): Report | null {
  if (!isPlace(latitude, longitude)) return null
  const time = numbers.get(TIME)
  const event = numbers.get(0x40) ?? numbers.get(0x01) ?? 0
  const altitude = numbers.get(0x0b) ?? 0
  const attributes: Record<string, AttributeValue> = { event }
  const set = (name: string, id: number, factor = 1) => {
    const value = numbers.get(id)
    if (value !== undefined) attributes[name] = Math.round(value * factor * 1e6) / 1e6
  }
  set('satellites', 0x06)
  set('rssi', 0x07)
  set('outputs', 0x14)
  set('inputs', 0x15)
  set('batteryPercent', 0xfe69)
  set('hdop', 0x0a, 0.1)
  set('batteryVolts', 0x19, 0.01)
  set('powerVolts', 0x1a, 0.01)
  set('odometerMeters', 0x0c)
  set('fuelPercent', 0x9e)
  return {
    timestamp: time === undefined ? null : EPOCH_MS + time * 1_000,
    position: {
      lat: latitude!,
      lng: longitude!,
      valid: numbers.get(0x05) === 1,
      speed: kilometersPerHourToMetersPerSecond(numbers.get(0x08) ?? 0),
      heading: normalHeading(numbers.get(0x09) ?? 0),
      altitude: altitude > 0x7fff ? altitude - 0x10000 : altitude,
    },
    alarms: alarmsOfEvent(event),
    attributes,
  }
}

const CCC_RECORD_BYTES = 52

/** Message CCC: two bytes, the length of a record, bytes left in the device; records of fixed form. */
export function readCcc(body: Buffer): Report[] {
  const reports: Report[] = []
  const length = body.length >= 8 ? body.readUInt16LE(2) : 0
  if (length < CCC_RECORD_BYTES) return reports
  for (let at = 8; at + CCC_RECORD_BYTES <= body.length; at += length) {
    const lat = body.readInt32LE(at + 1) / 1e6
    const lng = body.readInt32LE(at + 5) / 1e6
    if (!isPlace(lat, lng)) continue
    const event = body[at]!
    reports.push({
      timestamp: EPOCH_MS + body.readUInt32LE(at + 9) * 1_000,
      position: {
        lat,
        lng,
        valid: body[at + 13] === 1,
        speed: kilometersPerHourToMetersPerSecond(body.readUInt16LE(at + 16)),
        heading: normalHeading(body.readUInt16LE(at + 18)),
        altitude: body.readInt16LE(at + 22),
      },
      alarms: alarmsOfEvent(event),
      attributes: {
        event,
        satellites: body[at + 14]!,
        rssi: body[at + 15]!,
        hdop: body.readUInt16LE(at + 20) / 10,
        odometerMeters: body.readUInt32LE(at + 24),
        batteryVolts: body.readUInt16LE(at + 44) / 100,
        powerVolts: body.readUInt16LE(at + 46) / 100,
      },
    })
  }
  return reports
}
