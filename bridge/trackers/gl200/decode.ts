import { utcTime } from '../dates.ts'
import { isPlace } from '../minutes.ts'
import type { Decoded } from '../protocol.ts'
import { type Alarm, kilometersPerHourToMetersPerSecond, normalHeading, type Report } from '../report.ts'
import type { Attributes } from '../vocabulary.ts'
import { binaryLength, decodeBinary } from './binary.ts'

/** The protocol version that heartbeats are answered with, once it was said. */
export type Gl200Memory = null

/** `+RESP:` is live, `+BUFF:` was kept while there was no network, `+ACK:` answers a command. */
const MESSAGE = /^\+(RESP|BUFF|ACK):GT([A-Z]{3}),(.*?)\$?\s*$/s
/** Accuracy (HDOP), km/h, course, altitude, longitude, latitude, time: the same in every report, as often as it has positions. */
const POSITION = /,([\d.]*),(\d+\.\d|),(\d{1,3}|),(-?\d+\.\d|),(-?\d{1,3}\.\d{6}),(-?\d{1,2}\.\d{6}),(\d{14})?(?=,|$)/g

const KIND_ALARMS: Readonly<Record<string, Alarm>> = {
  SOS: 'sos',
  SPD: 'overspeed',
  TOW: 'tow',
  BPL: 'low-battery',
  EPF: 'power-cut',
  MPF: 'power-cut',
  EPN: 'power-restored',
  MPN: 'power-restored',
  JDR: 'jamming',
  JDS: 'jamming',
  HBM: 'hard-braking',
  IDL: 'idle',
  CRA: 'accident',
  TEM: 'temperature',
  ANT: 'gps-antenna-cut',
  VGN: 'ignition-on',
  IGN: 'ignition-on',
  VGF: 'ignition-off',
  IGF: 'ignition-off',
  PFA: 'power-cut',
  TMP: 'temperature',
  STT: 'movement',
  FLA: 'fuel-leak',
  GPJ: 'jamming',
}

export function decodeGl200(frame: Buffer, memory: Gl200Memory): Decoded<Gl200Memory> {
  if (binaryLength(frame) !== null) return { memory, ...decodeBinary(frame) }
  const text = frame.toString('latin1')
  const [, how, kind, rest] = MESSAGE.exec(text) ?? []
  if (kind === undefined || rest === undefined) return { memory, reports: [], fault: 'not +RESP:GT…' }
  const identity = rest.split(',').find(field => /^\d{15}$/.test(field))
  const named = { memory, ...(identity === undefined ? {} : { identity }) }
  if (how === 'ACK')
    return { ...named, reports: [], ...(kind === 'HBD' ? {} : { result: { text: `GT${kind},${rest}` } }) }
  return { ...named, reports: readReports(kind, rest, how === 'BUFF') }
}

function readReports(kind: string, rest: string, archived: boolean): Report[] {
  const alarm = KIND_ALARMS[kind]
  const common: Attributes = { event: kind, ...(archived && { archived }), ...ignitionOf(kind), ...stateOf(rest) }
  const reports: Report[] = []
  for (const [, hdop, speed, course, altitude, lng, lat, time] of rest.matchAll(POSITION)) {
    if (!isPlace(Number(lat), Number(lng))) continue
    reports.push({
      timestamp: timeOf(time) ?? timeOf(sendTime(rest)),
      position: {
        lat: Number(lat),
        lng: Number(lng),
        // What comes off the CAN bus may have an old position beside it: then the accuracy is zero.
        valid: kind !== 'CAN' || Number(hdop) > 0,
        speed: kilometersPerHourToMetersPerSecond(Number(speed)),
        heading: normalHeading(Number(course)),
        altitude: Number(altitude),
      },
      // An alarm belongs to the message: to its newest position, which is the last.
      alarms: [],
      attributes: { ...common, ...(hdop === '' ? {} : { hdop: Number(hdop) }) },
    })
  }
  const last = reports.at(-1)
  if (last === undefined) {
    const isNews = alarm !== undefined || Object.keys(common).length > 1
    return isNews
      ? [{ timestamp: timeOf(sendTime(rest)), position: null, alarms: alarm ? [alarm] : [], attributes: common }]
      : []
  }
  return alarm === undefined ? reports : [...reports.slice(0, -1), { ...last, alarms: [alarm] }]
}

function ignitionOf(kind: string): Attributes {
  if (kind === 'IGN' || kind === 'VGN') return { ignition: true }
  if (kind === 'IGF' || kind === 'VGF') return { ignition: false }
  if (kind === 'BTC' || kind === 'STC') return { charging: kind === 'BTC' }
  return kind === 'EPN' || kind === 'MPN' ? { externalPower: true } : {}
}

/** Battery and device state stand beside each other: `,100,210100,`; the state's first digit says the ignition. */
function stateOf(rest: string): Attributes {
  const [, battery, state] = /,(\d{1,3}),([124][0-26])\d{4}(?:\d{2,4})?,/.exec(rest) ?? []
  if (battery !== undefined && Number(battery) <= 100) {
    return { batteryPercent: Number(battery), ignition: state![0] === '2' }
  }
  const [, atEnd] = /,(\d{1,3}),\d{14},[0-9A-F]{4}$/.exec(rest) ?? []
  return atEnd !== undefined && Number(atEnd) <= 100 ? { batteryPercent: Number(atEnd) } : {}
}

/** The time a message was sent is the last one in it, before its number. */
function sendTime(rest: string): string | undefined {
  return /,(\d{14}),[0-9A-F]{4}$/.exec(rest)?.[1]
}

function timeOf(digits: string | undefined): number | null {
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/
    .exec(digits ?? '')
    ?.slice(1)
    .map(Number)
  return parts === undefined ? null : utcTime(parts[0]!, parts[1]!, parts[2]!, parts[3]!, parts[4]!, parts[5]!)
}
