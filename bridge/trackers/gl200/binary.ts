import { ByteReader, FrameTooShort } from '../byte-reader.ts'
import { utcTime } from '../dates.ts'
import { isPlace } from '../minutes.ts'
import type { Decoded } from '../protocol.ts'
import { type Alarm, kilometersPerHourToMetersPerSecond, normalHeading, type Report } from '../report.ts'
import type { Attributes } from '../vocabulary.ts'

/** Live and kept reports, live and kept events, information; then heartbeats and others with a shorter head. */
const REPORTS = new Set(['+RSP', '+BSP'])
const EVENTS = new Set(['+EVT', '+BVT'])
const WITH_MASK = new Set([...REPORTS, ...EVENTS, '+INF', '+BNF'])
const SHORT_HEADS = new Set(['+CRD', '+BRD', '+LGN'])
const HEARTBEAT = '+HBD'
const HEAD_BYTES = 11

/** How long the binary message is that begins here; 0: more has to arrive to tell; null: it is none. */
export function binaryLength(bytes: Buffer): number | null {
  const head = bytes.toString('latin1', 0, 4)
  if (bytes.length < 4) return null
  const isBinary = WITH_MASK.has(head) || SHORT_HEADS.has(head) || head === HEARTBEAT
  if (!isBinary) return null
  if (bytes.length < HEAD_BYTES) return 0
  if (head === HEARTBEAT) return bytes[6]!
  return bytes.readUInt16BE(SHORT_HEADS.has(head) ? 6 : 9)
}

type Message = Omit<Decoded<null>, 'memory'>

/** The binary form of @Track: kind, mask, length, device, versions, number of the device, state, positions. */
export function decodeBinary(frame: Buffer): Message {
  const head = frame.toString('latin1', 0, 4)
  const reader = new ByteReader(frame)
  try {
    reader.skip(4)
    if (REPORTS.has(head)) return readReport(reader, head === '+BSP')
    if (EVENTS.has(head)) return readEvent(reader, head === '+BVT')
    return { reports: [] }
  } catch (error) {
    if (!(error instanceof FrameTooShort)) throw error
    return { reports: [], fault: error.message }
  }
}

const CALLED = 3
const FENCE = 8
const COMPRESSED = 100

/** Mask, length, device type, protocol and firmware versions; then the number. */
function readHead(reader: ByteReader): string {
  reader.skip(4 + 2 + 1 + 2 + 2)
  return String(reader.uint64()).padStart(15, '0')
}

function readReport(reader: ByteReader, archived: boolean): Message {
  const kind = reader.uint(1)
  const identity = readHead(reader)
  const batteryPercent = reader.uint(1)
  const powerVolts = reader.uint(2) / 1_000
  if (kind === FENCE) reader.skip(2)
  reader.skip(1)
  const satellites = reader.uint(1)
  if (kind === COMPRESSED) return { identity, reports: readCompressed(reader, archived) }
  reader.skip(1)
  if (kind === CALLED) skipTelephoneNumber(reader)
  const attributes: Attributes = {
    ...(batteryPercent <= 100 && { batteryPercent }),
    powerVolts,
    satellites,
    ...(archived && { archived }),
  }
  const reports: Report[] = []
  for (let left = reader.uint(1); left > 0; left--) reports.push(...readPosition(reader, attributes, []))
  return { identity, reports }
}

/** Digits in halves of bytes, up to one that is F. */
function skipTelephoneNumber(reader: ByteReader): void {
  reader.skip(1)
  for (;;) {
    const pair = reader.uint(1)
    if ((pair & 0x0f) === 0x0f || pair >> 4 === 0x0f) return
  }
}

/** Kinds of events: what stands in front of the position, in bytes, and the alarm they are. */
const EVENT_KINDS: Readonly<Record<number, { readonly extra: number; readonly alarm?: Alarm }>> = {
  3: { extra: 0, alarm: 'power-cut' },
  4: { extra: 0, alarm: 'power-restored' },
  6: { extra: 2, alarm: 'low-battery' },
  13: { extra: 0, alarm: 'sos' },
  15: { extra: 3 },
  17: { extra: 4 },
  21: { extra: 5 },
  23: { extra: 1, alarm: 'accident' },
  26: { extra: 12 },
  31: { extra: 2, alarm: 'jamming' },
  33: { extra: 1, alarm: 'jamming' },
  34: { extra: 3 },
  35: { extra: 1 },
  45: { extra: 7, alarm: 'ignition-on' },
  46: { extra: 7, alarm: 'ignition-off' },
}
const IGNITION_ON = 45
const IGNITION_OFF = 46

function readEvent(reader: ByteReader, archived: boolean): Message {
  const kind = reader.uint(1)
  const identity = readHead(reader)
  const batteryPercent = reader.uint(1)
  const powerVolts = reader.uint(2) / 1_000
  reader.skip(1)
  const satellites = reader.uint(1)
  const { extra, alarm } = EVENT_KINDS[kind] ?? { extra: 0 }
  reader.skip(extra + 1)
  const attributes: Attributes = {
    event: kind,
    ...(batteryPercent <= 100 && { batteryPercent }),
    powerVolts,
    satellites,
    ...(kind === IGNITION_ON || kind === IGNITION_OFF ? { ignition: kind === IGNITION_ON } : {}),
    ...(archived && { archived }),
  }
  return { identity, reports: readPosition(reader, attributes, alarm === undefined ? [] : [alarm]) }
}

/** HDOP, speed, course, altitude, longitude, latitude, time, cell, a byte that is reserved. */
function readPosition(reader: ByteReader, attributes: Attributes, alarms: readonly Alarm[]): Report[] {
  const hdop = reader.uint(1)
  const speed = kilometersPerHourToMetersPerSecond(reader.uint(3) / 10)
  const heading = normalHeading(reader.uint(2))
  const altitude = reader.int(2)
  const lng = reader.int(4) / 1e6
  const lat = reader.int(4) / 1e6
  const [year, month, day] = [reader.uint(2), reader.uint(1), reader.uint(1)]
  const timestamp = utcTime(year, month, day, reader.uint(1), reader.uint(1), reader.uint(1))
  reader.skip(Math.min(9, reader.remaining))
  const position = isPlace(lat, lng) ? { lat, lng, valid: hdop > 0, speed, heading, altitude } : null
  return [{ timestamp, position, alarms, attributes: { ...attributes, hdop } }]
}

const WHOLE_POINT = 1
const DIFFERENCE = 2

/** A point a second: whole ones, and what the next ones differ by, in bits. */
function readCompressed(reader: ByteReader, archived: boolean): Report[] {
  const reports: Report[] = []
  let [speed, heading, lng, lat, time] = [0, 0, 0, 0, 0]
  for (let left = reader.uint(2); left > 0; left--) {
    if (time > 0) time += 1
    const form = reader.peek() >> 6
    if (form === WHOLE_POINT) {
      const bits = reader.uint(3)
      speed = (bits >> 9) & 0xfff
      heading = bits & 0x1ff
      lng = reader.int(4)
      lat = reader.int(4)
      if (time === 0) time = reader.uint(4)
    } else if (form === DIFFERENCE) {
      const bits = BigInt(reader.uint(5))
      speed += signedBits(bits, 30n, 7)
      heading += signedBits(bits, 23n, 7)
      lng += signedBits(bits, 11n, 12)
      lat += signedBits(bits, 0n, 11)
    } else {
      reader.skip(1)
      continue
    }
    if (!isPlace(lat / 1e6, lng / 1e6)) continue
    reports.push({
      timestamp: time * 1_000,
      position: {
        lat: lat / 1e6,
        lng: lng / 1e6,
        valid: true,
        speed: kilometersPerHourToMetersPerSecond(Math.max(0, speed) / 10),
        heading: normalHeading(heading),
      },
      alarms: [],
      attributes: archived ? { archived } : {},
    })
  }
  return reports
}

function signedBits(bits: bigint, at: bigint, length: number): number {
  return Number(BigInt.asIntN(length, bits >> at))
}
