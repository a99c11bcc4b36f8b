import { isPlace } from '../minutes.ts'
import type { Decoded } from '../protocol.ts'
import { knotsToMetersPerSecond, normalHeading, type Report } from '../report.ts'
import type { Attributes } from '../vocabulary.ts'
import { readDate } from './position.ts'

/** What a device answers to a command: 0x15 with its length, 0x21 with an encoding. */
export function readResult(type: number, body: Buffer): Pick<Decoded<null>, 'reports' | 'result'> {
  const text = type === 0x15 ? body.subarray(5, 1 + (body[0] ?? 0)).toString('latin1') : encodedText(body)
  const words = text.replace(/[\0\s]+$/, '')
  const iccid = /^<ICCID:(\d{18,20})/.exec(words)?.[1]
  if (iccid !== undefined) {
    return { reports: [{ timestamp: null, position: null, alarms: [], attributes: { iccid } }] }
  }
  const place = readPlaceInWords(words)
  if (place !== null) return { reports: [place], result: { text: words } }
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
    case 0x05:
      return value.length >= 1 ? { door: (value[0]! & 1) !== 0 } : {}
    case 0x0a:
      return value.length >= 26 ? { iccid: value.subarray(16, 26).toString('hex').replace(/f+$/i, '') } : {}
    case 0x1b:
      return value.length >= 6 ? { driverId: value.subarray(1, 5).toString('hex') } : {}
    default:
      return {}
  }
}

/** 8 bytes of BCD with a leading zero. */
export function imeiAt(body: Buffer, at: number): string | null {
  const digits = body.subarray(at, at + 8).toString('hex')
  return /^\d{16}$/.test(digits) ? digits.replace(/^0/, '') : null
}

const PLACE =
  /Lat:([NS])(\d+\.\d+),Lon:([EW])(\d+\.\d+),Course:(\d+\.\d+),Speed:(\d+\.\d+),DateTime:(\d{4}-\d\d-\d\d) +(\d\d:\d\d:\d\d)/

/** The answer to a question for the position: `Current position!Lat:N…,Lon:E…,Course:…,Speed:…,DateTime:…`. */
function readPlaceInWords(words: string): Report | null {
  const [, north, latText, east, lngText, course, speed, date, time] = PLACE.exec(words) ?? []
  if (date === undefined) return null
  const lat = Number(latText) * (north === 'S' ? -1 : 1)
  const lng = Number(lngText) * (east === 'W' ? -1 : 1)
  const timestamp = Date.parse(`${date}T${time}Z`)
  if (!isPlace(lat, lng) || Number.isNaN(timestamp)) return null
  const position = {
    lat,
    lng,
    valid: true,
    heading: normalHeading(Number(course)),
    speed: knotsToMetersPerSecond(Number(speed)),
  }
  return { timestamp, position, alarms: [], attributes: {} }
}

/** What a reader or a sensor behind the serial port sent: a card's number, or a temperature. */
export function readSerialPort(body: Buffer): Attributes {
  const length = body.length - 3
  if (length <= 0) return {}
  if (length >= 8) return { driverId: body.toString('latin1', 2, 1 + length).trim() }
  const temperature = Number.parseFloat(body.toString('latin1', 1, length))
  return Number.isFinite(temperature) ? { temperature1: temperature } : {}
}

const OBD_VALUES: Readonly<Record<number, readonly [name: string, factor: number]>> = {
  40: ['odometerMeters', 0.01],
  43: ['fuelPercent', 0.01],
  45: ['coolantCelsius', 0.01],
  53: ['obdSpeedMetersPerSecond', 0.01 / 3.6],
  54: ['rpm', 0.01],
  73: ['engineHours', 0.01],
}
const VIN = 0x4a

/** Message 0x8C: date, ignition, then `id=value` in hexadecimal by commas. */
export function readObd(body: Buffer): Report[] {
  if (body.length < 7) return []
  const attributes: Record<string, number | string | boolean> = { ignition: body[6]! > 0 }
  for (const pair of body.toString('latin1', 7).split(',')) {
    const [, id, value] = /^([0-9A-F]{2})[0-9A-F]*=([0-9A-Z]+)/i.exec(pair) ?? []
    if (id === undefined || value === undefined) continue
    const number = Number.parseInt(id, 16)
    const [name, factor] = OBD_VALUES[number] ?? []
    if (number === VIN) attributes.vin = value
    else if (name !== undefined && /^[0-9A-F]{1,8}$/i.test(value)) {
      attributes[name] = Math.round(Number.parseInt(value, 16) * factor! * 1e4) / 1e4
    }
  }
  return [{ timestamp: readDate(body, 0), position: null, alarms: [], attributes }]
}
