import { ByteReader } from '../byte-reader.ts'
import { utcTime } from '../dates.ts'
import { isPlace } from '../minutes.ts'
import { type Alarm, kilometersPerHourToMetersPerSecond, normalHeading, type Report } from '../report.ts'
import type { AttributeValue } from '../vocabulary.ts'

/** Alarm, status, latitude, longitude, altitude, speed, course, time. */
export const BASIC_BYTES = 28
/** Times are those of Beijing. JT/T 808-2019 §8.12 */
const ZONE_MS = 8 * 3_600_000

/** JT/T 808-2019 table 24. */
const ALARM_BITS: readonly (readonly [bit: number, alarm: Alarm])[] = [
  [0, 'sos'],
  [1, 'overspeed'],
  [2, 'fatigue-driving'],
  [4, 'fault'],
  [5, 'gps-antenna-cut'],
  [7, 'low-battery'],
  [8, 'power-cut'],
  [15, 'vibration'],
  [16, 'movement'],
  [17, 'tampering'],
  [18, 'low-battery'],
  [20, 'geofence-enter'],
  [26, 'tow'],
  [28, 'movement'],
  [29, 'accident'],
  [30, 'accident'],
]
const STATUS = { ignition: 0, valid: 1, south: 2, west: 3, blocked: 10 } as const

/** A location body, 0x0200: the basic part and, behind it, items of id, length, value. */
export function readLocation(body: Buffer): Report | null {
  if (body.length < BASIC_BYTES) return null
  const reader = new ByteReader(body)
  const warning = reader.uint(4)
  const status = reader.uint(4)
  const has = (bit: number) => ((status >>> bit) & 1) === 1
  const latitude = reader.uint(4) / 1e6
  const longitude = reader.uint(4) / 1e6
  const lat = has(STATUS.south) ? -latitude : latitude
  const lng = has(STATUS.west) ? -longitude : longitude
  const altitude = reader.int(2)
  const speed = kilometersPerHourToMetersPerSecond(reader.uint(2) / 10)
  const heading = normalHeading(reader.uint(2))
  const timestamp = bcdTime(reader.hex(6))
  const alarms = ALARM_BITS.filter(([bit]) => (warning >>> bit) & 1).map(([, alarm]) => alarm)
  return {
    timestamp,
    position: isPlace(lat, lng) ? { lat, lng, valid: has(STATUS.valid), altitude, heading, speed } : null,
    alarms: [...new Set(alarms)],
    attributes: {
      ignition: has(STATUS.ignition),
      blocked: has(STATUS.blocked),
      ...readItems(body.subarray(BASIC_BYTES)),
    },
  }
}

/** `YYMMDDHHMMSS` in Beijing's time. */
export function bcdTime(digits: string): number | null {
  if (!/^\d{12}$/.test(digits)) return null
  const [year, month, day, hour, minute, second] = [0, 2, 4, 6, 8, 10].map(at => Number(digits.slice(at, at + 2)))
  const time = utcTime(year!, month!, day!, hour!, minute!, second!)
  return time === null ? null : time - ZONE_MS
}

/** Additional items, table 27; what makers add of their own is passed over. */
function readItems(bytes: Buffer): Record<string, AttributeValue> {
  const attributes: Record<string, AttributeValue> = {}
  for (let at = 0; at + 2 <= bytes.length; ) {
    const id = bytes[at]!
    const length = bytes[at + 1]!
    const value = bytes.subarray(at + 2, at + 2 + length)
    if (value.length < length) break
    if (id === 0x01 && length === 4) attributes.odometerMeters = value.readUInt32BE(0) * 100
    else if (id === 0x02 && length === 2) attributes.fuelLiters = value.readUInt16BE(0) / 10
    else if (id === 0x30 && length === 1) attributes.rssi = value[0]!
    else if (id === 0x31 && length === 1) attributes.satellites = value[0]!
    else if (id === 0x61 && length === 2) attributes.powerVolts = value.readUInt16BE(0) / 100
    else if (id === 0x69 && length === 2) attributes.batteryVolts = value.readUInt16BE(0) / 100
    else if (id === 0xe4 && length === 2) attributes.batteryPercent = Math.min(100, value[1]!)
    at += 2 + length
  }
  return attributes
}
