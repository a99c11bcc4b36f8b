import { ByteReader, FrameTooShort } from '../byte-reader.ts'
import type { Decoded } from '../protocol.ts'
import { type Alarm, kilometersPerHourToMetersPerSecond, type Report } from '../report.ts'
import type { AttributeValue } from '../vocabulary.ts'
import { imeiAt } from './messages.ts'
import { degrees, readFlags } from './position.ts'

const MODULE = {
  imei: 0x01,
  iccid: 0x03,
  satellites: 0x09,
  voltage: 0x18,
  hdop: 0x28,
  inputs: 0x2a,
  event: 0x2b,
  odometer: 0x2e,
  gps: 0x33,
} as const
const EVENTS: Readonly<Record<number, Alarm>> = {
  17: 'low-battery',
  18: 'low-power',
  19: 'power-cut',
  20: 'tampering',
}

interface Found {
  readonly attributes: Record<string, AttributeValue>
  readonly alarms: Alarm[]
  fix: Pick<Report, 'timestamp' | 'position'> | null
  identity: string | null
}

/** Message 0x70: a head of 5 bytes, then modules of type, length, content. */
export function readModules(body: Buffer): Pick<Decoded<null>, 'identity' | 'reports'> {
  const reader = new ByteReader(body)
  const found: Found = { attributes: {}, alarms: [], fix: null, identity: null }
  try {
    reader.skip(5)
    while (reader.remaining >= 4) {
      const type = reader.uint(2)
      readModule(type, new ByteReader(reader.bytes(reader.uint(2))), found)
    }
  } catch (error) {
    if (!(error instanceof FrameTooShort)) throw error
  }
  const { attributes, alarms, fix, identity } = found
  const isNews = fix !== null || alarms.length > 0 || Object.keys(attributes).length > 0
  return {
    ...(identity === null ? {} : { identity }),
    reports: isNews ? [{ timestamp: null, position: null, ...fix, alarms, attributes }] : [],
  }
}

function readModule(type: number, content: ByteReader, found: Found): void {
  const { attributes } = found
  switch (type) {
    case MODULE.gps: {
      const { satellites, ...fix } = readGps(content)
      attributes.satellites = satellites
      found.fix = fix
      return
    }
    case MODULE.imei:
      found.identity = imeiAt(content.bytes(content.remaining), 0)
      return
    case MODULE.iccid:
      attributes.iccid = content.hex(content.remaining)
      return
    case MODULE.satellites:
      attributes.satellites = content.uint(1)
      return
    case MODULE.voltage:
      attributes.batteryVolts = content.uint(2) / 100
      return
    case MODULE.hdop:
      attributes.hdop = content.uint(1) / 10
      return
    case MODULE.inputs:
      attributes.door = (content.uint(1) & 0x0f) > 0
      return
    case MODULE.odometer:
      attributes.odometerMeters = content.bytes(4).readUInt32LE(0)
      return
    case MODULE.event: {
      const event = content.uint(1)
      attributes.bootReason = event
      if (EVENTS[event] !== undefined) found.alarms.push(EVENTS[event])
    }
  }
}

/** Seconds since 1970, satellites, altitude, latitude, longitude, speed, course with flags. */
function readGps(content: ByteReader): Pick<Report, 'timestamp' | 'position'> & { satellites: number } {
  const timestamp = content.uint(4) * 1_000
  const satellites = content.uint(1)
  const altitude = content.int(2)
  const latitude = content.uint(4)
  const longitude = content.uint(4)
  const speed = kilometersPerHourToMetersPerSecond(content.uint(1))
  const { heading, north, west, valid } = readFlags(content.uint(2))
  const lat = degrees(latitude, !north)
  const lng = degrees(longitude, west)
  const inRange = Math.abs(lat) <= 90 && Math.abs(lng) <= 180
  return { timestamp, satellites, position: inRange ? { lat, lng, valid, altitude, heading, speed } : null }
}
