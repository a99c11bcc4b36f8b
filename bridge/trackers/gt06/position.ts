import { utcTime } from '../dates.ts'
import { type Alarm, kilometersPerHourToMetersPerSecond, type Position, type Report } from '../report.ts'

/** What the GPS part of a message says, and where the rest begins. */
export interface GpsPart {
  readonly timestamp: number | null
  readonly position: Position
  readonly satellites: number
  readonly ignition: boolean | undefined
  /** Where the part ends in the body. */
  readonly end: number
}

const DATE_BYTES = 6
/** Satellites, latitude, longitude, speed, course with flags. */
const FIX_BYTES = 12
const UNITS_PER_DEGREE = 1_800_000

/** Year, month, day, hour, minute, second, a byte each, UTC. */
export function readDate(body: Buffer, at: number): number | null {
  if (body.length < at + DATE_BYTES) return null
  const [year, month, day, hour, minute, second] = body.subarray(at, at + DATE_BYTES)
  return utcTime(year!, month!, day!, hour!, minute!, second!)
}

/** Course in the lowest 10 bits; bit 10 north, 11 west, 12 positioned; bit 14 says that bit 15 is the ignition. */
export function readFlags(flags: number): {
  heading: number
  north: boolean
  west: boolean
  valid: boolean
  ignition: boolean | undefined
} {
  return {
    heading: (flags & 0x3ff) % 360,
    north: (flags & 0x0400) !== 0,
    west: (flags & 0x0800) !== 0,
    valid: (flags & 0x1000) !== 0,
    ignition: flags & 0x4000 ? (flags & 0x8000) !== 0 : undefined,
  }
}

export function degrees(units: number, negative: boolean): number {
  const value = units / UNITS_PER_DEGREE
  return negative ? -value : value
}

/** The GPS part whose date begins at `at`; null when there is none. */
export function readGps(body: Buffer, at: number): GpsPart | null {
  return readFix(body, at + DATE_BYTES, readDate(body, at))
}

/** The GPS part behind a date that was read before. */
export function readFix(body: Buffer, at: number, timestamp: number | null): GpsPart | null {
  if (body.length < at + FIX_BYTES) return null
  const satellites = body[at]! & 0x0f
  const flags = readFlags(body.readUInt16BE(at + 10))
  const position: Position = {
    lat: degrees(body.readUInt32BE(at + 1), !flags.north),
    lng: degrees(body.readUInt32BE(at + 5), flags.west),
    valid: flags.valid,
    speed: kilometersPerHourToMetersPerSecond(body[at + 9]!),
    heading: flags.heading,
  }
  if (Math.abs(position.lat) > 90 || Math.abs(position.lng) > 180) return null
  return { timestamp, position, satellites, ignition: flags.ignition, end: at + FIX_BYTES }
}

/** The length of the fix in the high half of its first byte: 12 or more means that there is one. */
export function hasFixAt(body: Buffer, at: number): boolean {
  return body.length >= at + FIX_BYTES && body[at]! >> 4 >= 0x0c
}

/**
 * Message 0x95 of cameras: date, position without satellites or speed, event; or behind `FF FF` and a byte with satellites and a
 * speed of two bytes.
 */
export function readEventCamera(body: Buffer): Report[] {
  const isLong = body.length >= 26 && body.readUInt16BE(0) === 0xffff
  if (body.length === SHORT_EVENT_BYTES) return readEventAlone(body)
  const at = (isLong ? 3 : 0) + DATE_BYTES
  const fix = at + (isLong ? 1 : 0)
  const timestamp = readDate(body, at - DATE_BYTES)
  if (body.length < fix + 10) return []
  const { heading, north, west, valid } = readFlags(body.readUInt16BE(fix + 8))
  const position: Position = {
    lat: degrees(body.readUInt32BE(fix), !north),
    lng: degrees(body.readUInt32BE(fix + 4), west),
    valid,
    heading,
    ...(isLong ? { speed: kilometersPerHourToMetersPerSecond(body.readUInt16BE(fix + 10)) } : {}),
  }
  if (Math.abs(position.lat) > 90 || Math.abs(position.lng) > 180) return []
  const event = body[fix + (isLong ? 14 : 10)] ?? 0
  const alarm = CAMERA_ALARMS[event]
  const attributes = {
    event,
    ...(isLong ? { satellites: body[at]! & 0x0f, powerVolts: body.readUInt16BE(fix + 12) / 10 } : {}),
  }
  return [{ timestamp, position, alarms: alarm === undefined ? [] : [alarm], attributes }]
}

const CAMERA_ALARMS: Readonly<Record<number, Alarm>> = {
  1: 'sos',
  128: 'vibration',
  135: 'overspeed',
  144: 'hard-acceleration',
  145: 'hard-braking',
  146: 'hard-cornering',
  147: 'accident',
}
/** Date and event without a position. */
const SHORT_EVENT_BYTES = 7

function readEventAlone(body: Buffer): Report[] {
  const event = body[DATE_BYTES]!
  const alarm = event === 1 ? 'general' : CAMERA_ALARMS[event]
  const alarms = alarm === undefined ? [] : [alarm]
  return [{ timestamp: readDate(body, 0), position: null, alarms, attributes: { event } }]
}
