import { ByteReader, FrameTooShort } from '../byte-reader.ts'
import type { Decoded } from '../protocol.ts'
import { kilometersPerHourToMetersPerSecond, type Report } from '../report.ts'
import type { Attributes } from '../vocabulary.ts'
import { degrees, readFlags } from './position.ts'

/** What a device answers to a command: 0x15 with its length, 0x21 with an encoding. */
export function readResult(type: number, body: Buffer): Pick<Decoded<null>, 'reports' | 'result'> {
  const text = type === 0x15 ? body.subarray(5, 1 + (body[0] ?? 0)).toString('latin1') : encodedText(body)
  const words = text.replace(/[\0\s]+$/, '')
  return words === '' ? { reports: [] } : { reports: [], result: { text: words } }
}

/** 4 bytes of the server's own, encoding (2 = UTF-16), text. */
function encodedText(body: Buffer): string {
  const text = body.subarray(5)
  return body[4] === 2
    ? Buffer.from(text.subarray(0, text.length & ~1))
        .swap16()
        .toString('utf16le')
    : text.toString('latin1')
}

/** Message 0x94: a kind, then its value; the short form is the supply's voltage alone. */
export function readInformation(body: Buffer, isLong: boolean): Attributes {
  if (!isLong) return body.length >= 2 ? { powerVolts: body.readUInt16BE(0) / 100 } : {}
  const kind = body[0]
  const value = body.subarray(1)
  switch (kind) {
    case 0x00:
    case 0x0b:
      return value.length >= 2 ? { powerVolts: value.readUInt16BE(0) / 100 } : {}
    case 0x0a:
      return value.length >= 26 ? { iccid: value.subarray(16, 26).toString('hex').replace(/f+$/i, '') } : {}
    case 0x1b:
      return value.length >= 6 ? { driverId: value.subarray(1, 5).toString('hex') } : {}
    default:
      return {}
  }
}

const MODULE = { imei: 0x01, iccid: 0x03, voltage: 0x18, gps: 0x33 } as const

/** Message 0x70: a head of 5 bytes, then modules of type, length, content. */
export function readModules(body: Buffer): Pick<Decoded<null>, 'identity' | 'reports'> {
  const reader = new ByteReader(body)
  const attributes: Record<string, string | number> = {}
  let fix: Pick<Report, 'timestamp' | 'position'> | null = null
  let identity: string | null = null
  try {
    reader.skip(5)
    while (reader.remaining >= 4) {
      const type = reader.uint(2)
      const content = new ByteReader(reader.bytes(reader.uint(2)))
      if (type === MODULE.gps) {
        const { satellites, ...read } = readGpsModule(content)
        attributes.satellites = satellites
        fix = read
      } else if (type === MODULE.imei) identity = imeiAt(content.bytes(content.remaining), 0)
      else if (type === MODULE.iccid) attributes.iccid = content.hex(content.remaining)
      else if (type === MODULE.voltage) attributes.batteryVolts = content.uint(2) / 100
    }
  } catch (error) {
    if (!(error instanceof FrameTooShort)) throw error
  }
  return {
    ...(identity === null ? {} : { identity }),
    reports: fix === null ? [] : [{ ...fix, alarms: [], attributes }],
  }
}

/** 8 bytes of BCD with a leading zero. */
export function imeiAt(body: Buffer, at: number): string | null {
  const digits = body.subarray(at, at + 8).toString('hex')
  return /^\d{16}$/.test(digits) ? digits.replace(/^0/, '') : null
}

/** Seconds since 1970, satellites, altitude, latitude, longitude, speed, course with flags. */
function readGpsModule(content: ByteReader): Pick<Report, 'timestamp' | 'position'> & { satellites: number } {
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
