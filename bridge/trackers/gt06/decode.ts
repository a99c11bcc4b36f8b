import type { DecodeContext, Decoded } from '../protocol.ts'
import type { Report } from '../report.ts'
import type { Attributes } from '../vocabulary.ts'
import { readAz735 } from './az735.ts'
import { buildFrame, type Gt06Frame, partsOf } from './frames.ts'
import { imeiAt, readInformation, readObd, readResult, readSerialPort } from './messages.ts'
import { readModules } from './modules.ts'
import { type GpsPart, hasFixAt, readDate, readEventCamera, readGps } from './position.ts'
import { readAlarmStatus, readHeartbeat, readLongStatus, readStatus, readSupplyStatus, type Status } from './status.ts'

/** A connection remembers nothing but who it is, which the platform keeps itself. */
export type Gt06Memory = null

const LOGIN = 0x01
const STATUS = 0x13
const LONG_STATUS_BYTES = 16
const HEARTBEAT = 0x23
/** Messages of cells and Wi-Fi, and others that look like a position and hold none of the device's own. */
const NO_POSITION = new Set([0x08, 0x19, 0x1a, 0x1f, 0x2a, 0x80, 0x81, 0x82, 0x8a])
/** Messages that always have a GPS part; the others have one when its first byte says so. */
const ALWAYS_POSITION = new Set([0x10, 0x11, 0x12, 0x16, 0x22, 0x25, 0x26, 0x27, 0x2d, 0x31, 0x32, 0x34, 0x37])
const ALARMS = new Set([0x16, 0x26, 0x27, 0xa4])
/** Long messages of the AZ735: position and alarm. */
const AZ735 = new Set([0x32, 0x33])
const EVENT_CAMERA = 0x95
const MODULES = 0x70
const INFORMATION = 0x94
const SERIAL_PORT = 0x9b
const OBD = 0x8c
const RESULTS = new Set([0x15, 0x21])

export function decodeGt06(frame: Buffer, _memory: Gt06Memory, context: DecodeContext): Decoded<Gt06Memory> {
  const parts = partsOf(frame)
  if (parts === null) return { memory: null, reports: [], fault: 'too short for a frame' }
  const decoded = { ...decodeParts(parts), ...answerOf(parts, context.receivedAt) }
  return parts.intact ? decoded : { ...decoded, fault: decoded.fault ?? 'the CRC does not fit' }
}

const TIME_REQUEST = 0x8a
const ADDRESS_REQUEST = 0x2a
const ADDRESS_ANSWER = 0x97
const NO_ADDRESS = 'NA&&NA&&0##'

/** Questions that an echo of their type does not answer: for the time, and for the address of a place, which nobody here knows. */
function answerOf({ type, serial }: Gt06Frame, receivedAt: number): { answer?: Buffer } {
  if (type === TIME_REQUEST) {
    const now = new Date(receivedAt)
    const [year, month, day] = [now.getUTCFullYear() - 2_000, now.getUTCMonth() + 1, now.getUTCDate()]
    const time = [year, month, day, now.getUTCHours(), now.getUTCMinutes(), now.getUTCSeconds()]
    return { answer: buildFrame(TIME_REQUEST, Buffer.from(time), serial) }
  }
  if (type !== ADDRESS_REQUEST) return {}
  const body = Buffer.concat([Buffer.from([NO_ADDRESS.length, 0, 0, 0, 0]), Buffer.from(NO_ADDRESS)])
  return { answer: buildFrame(ADDRESS_ANSWER, body, serial) }
}

function decodeParts(parts: Gt06Frame): Decoded<Gt06Memory> {
  const { type, body } = parts
  const memory = null
  if (type === LOGIN && !parts.isLong) {
    const identity = imeiAt(body, 0)
    return identity === null
      ? { memory, reports: [], fault: 'a login without an IMEI' }
      : { memory, identity, reports: [] }
  }
  if (type === STATUS) {
    return { memory, reports: reportOf(body.length === LONG_STATUS_BYTES ? readLongStatus(body) : readStatus(body, 0)) }
  }
  if (type === HEARTBEAT) return { memory, reports: reportOf(readHeartbeat(body)) }
  if (RESULTS.has(type)) return { memory, ...readResult(type, body) }
  if (type === INFORMATION) return { memory, reports: telemetry(readInformation(body, parts.isLong)) }
  if (type === MODULES) return { memory, ...readModules(body) }
  if (parts.isLong && type === SERIAL_PORT) return { memory, reports: telemetry(readSerialPort(body)) }
  if (parts.isLong && type === OBD) return { memory, reports: readObd(body) }
  if (parts.isLong && AZ735.has(type)) return { memory, reports: readAz735(body, type === 0x33) }
  if (NO_POSITION.has(type)) return { memory, reports: [] }
  if (type === EVENT_CAMERA) return { memory, reports: readEventCamera(body) }
  return decodePosition(parts)
}

/** Where the date of the GPS part may begin: at once, behind the IMEI, behind a head of 4 bytes, behind IMEI and another date. */
const DATE_OFFSETS = [0, 8, 4, 15]

function decodePosition({ type, body }: Gt06Frame): Decoded<Gt06Memory> {
  const at = DATE_OFFSETS.find(offset => readDate(body, offset) !== null) ?? 0
  const identity = at === 8 ? imeiAt(body, 0) : at === 15 ? imeiAt(body, 1) : null
  const named = identity === null ? {} : { identity }
  const hasPosition = ALWAYS_POSITION.has(type) || hasFixAt(body, at + 6)
  const gps = hasPosition ? readGps(body, at) : null
  if (gps === null) return { memory: null, ...named, reports: [] }
  const status = statusBehind(type, body.subarray(gps.end))
  return {
    memory: null,
    ...named,
    reports: [
      {
        timestamp: gps.timestamp,
        position: gps.position,
        alarms: status.alarms,
        attributes: { ...attributesOf(gps), ...trailer(type, body.subarray(gps.end)), ...status.attributes },
      },
    ],
  }
}

/** Positions of some models have a status behind the cell, which their length tells. */
function statusBehind(type: number, rest: Buffer): Status {
  if (ALARMS.has(type)) return readAlarmStatus(rest, type)
  const length = rest.length - CELL_BYTES
  if (type === 0x12 && (length === 5 || length === 12))
    return readSupplyStatus(rest.subarray(CELL_BYTES), length === 12)
  return { alarms: [], attributes: {} }
}

function attributesOf({ satellites, ignition }: GpsPart): Attributes {
  return { satellites, ...(ignition === undefined ? {} : { ignition }) }
}

/** Country, network, area and id of the cell. */
const CELL_BYTES = 8

/** Positions that say the ignition, why they were sent, and whether they were kept. */
const WITH_REASON = new Set([0x22, 0x2d, 0x37])

/** What stands behind the cell of a position. */
function trailer(type: number, rest: Buffer): Attributes {
  if (type === 0x12 && rest.length === CELL_BYTES + 4) return { odometerMeters: rest.readUInt32BE(CELL_BYTES) }
  if (!WITH_REASON.has(type) || rest.length < CELL_BYTES + 3) return {}
  const ignition = rest[CELL_BYTES]!
  if (ignition > 1) return {}
  return {
    ignition: ignition === 1,
    event: rest[CELL_BYTES + 1]!,
    archived: rest[CELL_BYTES + 2] === 1,
    ...(rest.length === CELL_BYTES + 7 ? { odometerMeters: rest.readUInt32BE(CELL_BYTES + 3) } : {}),
  }
}

function reportOf(status: Status | null): Report[] {
  return status === null ? [] : [{ timestamp: null, position: null, ...status }]
}

function telemetry(attributes: Attributes): Report[] {
  return Object.keys(attributes).length === 0 ? [] : [{ timestamp: null, position: null, alarms: [], attributes }]
}
