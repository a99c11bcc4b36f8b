import { utcTime } from '../dates.ts'
import { degreesOfMinutes, isPlace } from '../minutes.ts'
import type { DecodeContext, Decoded } from '../protocol.ts'
import type { Report } from '../report.ts'
import { buildMessage, type Jt808Message, partsOf } from './frames.ts'
import { identityOf } from './identity.ts'
import { BASIC_BYTES, readLocation } from './location.ts'

/** How commands are addressed, once a message said it. */
export interface Jt808Memory {
  readonly phone: Buffer | null
  readonly version: number | null
}

/** Message ids, JT/T 808-2019 annex A; the last ones are those of locks and of batches of other makers. */
export const MESSAGE = {
  terminalResponse: 0x0001,
  register: 0x0100,
  timeRequest: 0x0109,
  authenticate: 0x0102,
  location: 0x0200,
  locationAnswer: 0x0201,
  locations: 0x0704,
  secondLocations: 0x0210,
  lockLocation: 0x5501,
  lockStored: 0x5502,
} as const

export function decodeJt808(frame: Buffer, memory: Jt808Memory, context: DecodeContext): Decoded<Jt808Memory> {
  if (frame[0] === 0x28) {
    const id = /^\((\d{8,15}),/.exec(frame.toString('latin1'))?.[1]
    return { memory, ...(id === undefined ? {} : { identity: id.replace(/^0+(?=\d)/, '') }), reports: [] }
  }
  const id = frame.length > 3 ? frame.readUInt16BE(1) : 0
  if (id === MESSAGE.lockLocation || id === MESSAGE.lockStored) return { memory, ...decodeLock(frame, id) }
  const parts = partsOf(frame)
  if (parts === null) return { memory, reports: [], fault: 'too short for a message' }
  return {
    memory: { phone: Buffer.from(parts.phone), version: parts.version },
    identity: identityOf(parts.phone),
    reports: reportsOf(parts.id, parts.body),
    ...(parts.id === MESSAGE.timeRequest && { answer: timeAnswer(parts, context.receivedAt) }),
    ...(parts.intact ? {} : { fault: 'the checksum does not fit' }),
  }
}

const TIME_ANSWER = 0x8109

/** Year in two bytes, month, day, hour, minute, second, UTC. */
function timeAnswer(to: Jt808Message, receivedAt: number): Buffer {
  const now = new Date(receivedAt)
  const year = now.getUTCFullYear()
  const rest = [now.getUTCMonth() + 1, now.getUTCDate(), now.getUTCHours(), now.getUTCMinutes(), now.getUTCSeconds()]
  return buildMessage(TIME_ANSWER, to, 1, Buffer.from([year >> 8, year & 0xff, ...rest]))
}

function reportsOf(id: number, body: Buffer): Report[] {
  switch (id) {
    case MESSAGE.location:
      return one(readLocation(body))
    case MESSAGE.locationAnswer:
      return one(readLocation(body.subarray(2)))
    case MESSAGE.locations:
      return readLocations(body)
    case MESSAGE.secondLocations:
      return readSecondLocations(body)
    default:
      return []
  }
}

const one = (report: Report | null): Report[] => (report === null ? [] : [report])

/** Bulk upload, 0x0704: number, kind (1 = stored by the terminal), then lengths with location bodies. */
function readLocations(body: Buffer): Report[] {
  const reports: Report[] = []
  if (body.length < 3) return reports
  const archived = body[2] === 1
  for (let at = 3; at + 2 <= body.length; ) {
    const length = body.readUInt16BE(at)
    const report = readLocation(body.subarray(at + 2, at + 2 + length))
    if (report !== null) reports.push({ ...report, attributes: { ...report.attributes, archived } })
    at += 2 + length
  }
  return reports
}

/** 0x0210: each location with its length in one byte. */
function readSecondLocations(body: Buffer): Report[] {
  const reports: Report[] = []
  for (let at = 0; at + 1 + BASIC_BYTES <= body.length; ) {
    const length = body[at]!
    const report = readLocation(body.subarray(at + 1, at + 1 + length))
    if (report !== null) reports.push(report)
    at += 1 + length
  }
  return reports
}

const LOCK_FLAG = { valid: 1, north: 2, east: 4 } as const

/**
 * Electronic locks: the number behind two bytes, then in BCD day, month, year and time in UTC, `DDMMmmmm`, `DDDMMmmmm` and a digit of
 * flags. Those that were stored are sent without waiting for a fix.
 */
function decodeLock(frame: Buffer, id: number): Omit<Decoded<Jt808Memory>, 'memory'> {
  const digits = frame.toString('hex')
  const identity = digits.slice(10, 22).replace(/^0+(?=\d)/, '')
  const body = digits.slice(24)
  const [, day, month, year, hour, minute, second, latText, lngText, flagText] =
    /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d{8})(\d{9})([0-9a-f])/.exec(body) ?? []
  if (flagText === undefined) return { reports: [], fault: 'no position in a lock message' }
  const flags = Number.parseInt(flagText, 16)
  const lat = degreesOfMinutes(latText!, flags & LOCK_FLAG.north ? 'N' : 'S', 4)
  const lng = degreesOfMinutes(lngText!, flags & LOCK_FLAG.east ? 'E' : 'W', 5)
  if (!isPlace(lat, lng)) return { identity, reports: [], fault: 'no place on Earth' }
  const [d, mo, y, h, mi, s] = [day, month, year, hour, minute, second].map(Number)
  const valid = id === MESSAGE.lockLocation && (flags & LOCK_FLAG.valid) !== 0
  const timestamp = utcTime(y!, mo!, d!, h!, mi!, s!)
  const attributes = { archived: id === MESSAGE.lockStored }
  return { identity, reports: [{ timestamp, position: { lat: lat!, lng: lng!, valid }, alarms: [], attributes }] }
}
