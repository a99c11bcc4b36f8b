import { utcTime } from '../dates.ts'
import { degreesOfMinutes, isPlace } from '../minutes.ts'
import type { Decoded } from '../protocol.ts'
import { knotsToMetersPerSecond, normalHeading, type Report } from '../report.ts'
import type { Attributes } from '../vocabulary.ts'
import { readStatusBits } from './status.ts'

/** The id that commands are addressed to, once it was said. */
export interface H02Memory {
  readonly id: string | null
}

export function decodeH02(frame: Buffer, memory: H02Memory): Decoded<H02Memory> {
  const decoded = decode(frame)
  return { ...decoded, memory: decoded.identity === undefined ? memory : { id: decoded.identity } }
}

type Message = Omit<Decoded<H02Memory>, 'memory'>
const nothing: Message = { reports: [] }

function decode(frame: Buffer): Message {
  if (frame[0] === 0x24) return decodeBinary(frame)
  const text = frame.toString('latin1').trim()
  const message = /^\*(\w{2}),([^,]*),(.*?)#?$/s.exec(text)
  if (message === null) return { ...nothing, fault: 'not *MAKER,ID,…#' }
  const [, , id, rest] = message
  const named = id === '' ? {} : { identity: id! }
  const [kind, ...fields] = rest!.split(',')
  const report = readMessage(kind!, fields)
  const result = kind === 'V4' || kind === 'SMS' ? resultOf(kind, rest!) : undefined
  return { ...nothing, ...named, reports: report === null ? [] : [report], ...(result && { result: { text: result } }) }
}

function readMessage(kind: string, fields: readonly string[]): Report | null {
  switch (kind) {
    case 'HTBT':
      return telemetry({ batteryPercent: number(fields[0]) })
    case 'LINK':
      return {
        ...readState(fields[0], fields[6], fields[7]),
        attributes: {
          ...readState(fields[0], fields[6], fields[7]).attributes,
          rssi: number(fields[1]),
          satellites: number(fields[2]),
          batteryPercent: number(fields[3]),
          steps: number(fields[4]),
        },
      }
    case 'NBR':
    case 'V3':
      return readCells(fields)
    case 'VP1':
      return readPosition(['000000', ...fields])
    case 'V4':
      return readAnswer(fields)
    default:
      return /^(V|VI|XT)\d*$/.test(kind) ? readPosition(fields) : null
  }
}

/** Cells around the device, with time in front; date and state are the last of those fields that look so. */
function readCells(fields: readonly string[]): Report | null {
  const at = fields.findLastIndex((field, i) => /^[0-9a-f]{8}$/i.test(field) && /^\d{6}$/.test(fields[i - 1] ?? ''))
  return at === -1 ? null : readState(fields[0], fields[at - 1], fields[at])
}

/** A message without a position: time, date and state. */
function readState(time: string | undefined, date: string | undefined, state: string | undefined): Report {
  const bits = /^[0-9a-f]{8}$/i.test(state ?? '') ? readStatusBits(Number.parseInt(state!, 16)) : null
  const timestamp = /^\d{6}$/.test(time ?? '') ? dateOf(date ?? '', time!) : null
  return { timestamp, position: null, alarms: bits?.alarms ?? [], attributes: bits?.attributes ?? {} }
}

/** The answer to a command has the command's words in front of an ordinary position. */
function readAnswer(fields: readonly string[]): Report | null {
  const validity = fields.findIndex((field, i) => i > 0 && /^[AV]$/.test(field) && /^\d{6}$/.test(fields[i - 1]!))
  return validity === -1 ? null : readPosition(fields.slice(validity - 1))
}

function resultOf(kind: string, rest: string): string {
  if (kind === 'SMS') return rest.slice(4)
  const end = rest.search(/,\d{6},[AV],/)
  return rest.slice(3, end === -1 ? undefined : end)
}

/** Time, validity, latitude, N or S, longitude, E or W, knots, course, date, status. */
function readPosition(fields: readonly string[]): Report | null {
  const [time, validity, latText, north, lngText, east, knots, course, date, status] = fields
  if (latText === undefined || lngText === undefined || !/^\d{6}$/.test(time ?? '')) return null
  if (!/^[NS]$/.test(north ?? '') || !/^[EW]$/.test(east ?? '')) return null
  const lat = degreesOfMinutes(latText, north!, 4)
  const lng = degreesOfMinutes(lngText, east!, 5)
  if (!isPlace(lat, lng)) return null
  const bits = /^[0-9a-f]{8}$/i.test(status ?? '') ? readStatusBits(Number.parseInt(status!, 16)) : null
  return {
    timestamp: dateOf(date ?? '', time!),
    position: {
      lat: lat!,
      lng: lng!,
      valid: /^[AB01]$/.test(validity ?? ''),
      speed: knotsToMetersPerSecond(number(knots) ?? 0),
      heading: normalHeading(number(course) ?? 0),
    },
    alarms: bits?.alarms ?? [],
    attributes: bits?.attributes ?? {},
  }
}

/** `DDMMYY` and `HHMMSS`. */
function dateOf(date: string, time: string): number | null {
  if (!/^\d{6}$/.test(date)) return null
  const [day, month, year] = pairs(date)
  const [hour, minute, second] = pairs(time)
  return utcTime(year!, month!, day!, hour!, minute!, second!)
}

function pairs(digits: string): number[] {
  return [0, 2, 4].map(at => Number(digits.slice(at, at + 2)))
}

function number(text: string | undefined): number | undefined {
  const value = Number.parseFloat(text?.trim() ?? '')
  return Number.isFinite(value) && value >= 0 ? value : undefined
}

function telemetry(attributes: Attributes): Report {
  return { timestamp: null, position: null, alarms: [], attributes }
}

const SHORT_ID_BYTES = 5
const LONG_ID_BYTES = 8
/** Behind the id: time, date, latitude, battery, longitude with flags, speed and course, status. */
const BINARY_BYTES = 23
const FLAG = { valid: 0x2, north: 0x4, east: 0x8 } as const

function decodeBinary(frame: Buffer): Message {
  const idBytes = [SHORT_ID_BYTES, LONG_ID_BYTES].find(length => binaryTime(frame, 1 + length) !== null)
  if (idBytes === undefined || frame.length < 1 + idBytes + BINARY_BYTES)
    return { ...nothing, fault: 'no date where one has to be' }
  const digits = frame.toString('hex', 1, 1 + idBytes)
  const identity = idBytes === LONG_ID_BYTES ? digits.slice(0, 15) : digits
  const body = frame.subarray(1 + idBytes)
  const hex = body.toString('hex')
  const flags = Number.parseInt(hex[31]!, 16)
  const lat = degreesOfMinutes(hex.slice(12, 20), flags & FLAG.north ? 'N' : 'S', 4)
  const lng = degreesOfMinutes(hex.slice(22, 31), flags & FLAG.east ? 'E' : 'W', 5)
  if (!isPlace(lat, lng) || !/^\d{6}$/.test(hex.slice(32, 38))) return { ...nothing, identity, fault: 'no position' }
  const level = body[10]!
  const { alarms, attributes } = readStatusBits(body.readUInt32BE(19))
  const battery = batteryOf(level)
  return {
    identity,
    reports: [
      {
        timestamp: binaryTime(frame, 1 + idBytes),
        position: {
          lat: lat!,
          lng: lng!,
          valid: (flags & FLAG.valid) !== 0,
          speed: knotsToMetersPerSecond(Number(hex.slice(32, 35))),
          heading: normalHeading(Number(hex.slice(35, 38))),
        },
        alarms,
        attributes: { ...battery, ...attributes },
      },
    ],
  }
}

/** Steps of tenths, then of fifths, or per cent as it is. */
function batteryOf(level: number): Attributes {
  if (level === 0 || level > 100) return {}
  return { batteryPercent: level <= 3 ? (level - 1) * 10 : level <= 6 ? (level - 1) * 20 : level }
}

/** Time and date in BCD, or null. */
function binaryTime(frame: Buffer, at: number): number | null {
  const digits = frame.toString('hex', at, at + 6)
  return /^\d{12}$/.test(digits) ? dateOf(digits.slice(6), digits.slice(0, 6)) : null
}
