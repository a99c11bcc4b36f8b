import { timeOfDayNear, utcTime } from '../dates.ts'
import { degreesOfMinutes, isPlace } from '../minutes.ts'
import type { DecodeContext, Decoded } from '../protocol.ts'
import { knotsToMetersPerSecond, normalHeading, type Position, type Report } from '../report.ts'
import type { Attributes } from '../vocabulary.ts'
import { readSentence, type Sentence } from './sentence.ts'

/** One moment as far as its sentences have told it. */
interface Epoch {
  /** Time of day as it stands in the sentences, which is what they have in common. */
  readonly time: string
  readonly timestamp: number
  readonly position: Position
  readonly attributes: Attributes
  /** RMC: with the date, speed and course. */
  readonly hasMotion: boolean
  /** GGA: with altitude and quality. */
  readonly hasQuality: boolean
}

export interface NmeaMemory {
  readonly id: string | null
  /** The kinds that the receiver is known to send: a moment is told when all of them have spoken. */
  readonly sendsMotion: boolean
  readonly sendsQuality: boolean
  /** Noon of the day that ZDA told: the date of sentences that have none. */
  readonly day: number | null
  /** What was told last: other sentences of the same moment add nothing, but the date to one that had to do without. */
  readonly told: { readonly time: string; readonly timestamp: number; readonly hasMotion: boolean } | null
  readonly waiting: Epoch | null
}

const HALF_A_DAY_MS = 43_200_000

export const UNKNOWN_RECEIVER: NmeaMemory = {
  id: null,
  sendsMotion: false,
  sendsQuality: false,
  day: null,
  told: null,
  waiting: null,
}

export function decodeNmea(frame: Buffer, memory: NmeaMemory, context: DecodeContext): Decoded<NmeaMemory> {
  const text = frame.toString('latin1').trim()
  const sentence = readSentence(text)
  if (sentence === null) {
    const id = /^(?:IMEI[ :=]?)?(\w{5,20})$/.exec(text)?.[1]
    return id === undefined
      ? { memory, reports: [], fault: 'no sentence' }
      : { memory: { ...memory, id }, identity: id, reports: [] }
  }
  const id = identityOf(sentence)
  const named = id === null ? memory : { ...memory, id }
  const said = id === null ? {} : { identity: id }
  // A wrong sum is a wrong digit somewhere: unlike a frame of its own, the next second brings another sentence.
  if (!sentence.intact && !isComplete(sentence)) {
    return { memory: named, ...said, reports: [], fault: 'the checksum does not fit' }
  }
  return { ...said, ...readMoment(sentence, named, context) }
}

/** Firmware of trackers that writes its sentences itself often gets the sum wrong, and names itself in the same line. */
function isComplete({ prefix, suffix, kind }: Sentence): boolean {
  return prefix !== '' || suffix.length > 0 || kind === 'TRCCR' || kind === 'RMC' || kind === 'GGA' || kind === 'RMA'
}

function identityOf({ prefix, kind, fields, suffix }: Sentence): string | null {
  const inFront = prefix.split('/').filter(part => /^\w{5,20}$/.test(part))
  if (inFront.length > 0) return inFront.find(part => /^\d{15}$/.test(part)) ?? inFront.at(-1)!
  if (kind === 'IMEI' || kind === 'DEVID' || kind === 'PGID') return fields[0] || null
  if (kind === 'ID' || kind === 'CONNECT') return /^\d{15}$/.test(fields[0] ?? '') ? fields[0]! : null
  return suffix.find(field => /^\d{15}$/.test(field)) ?? null
}

function readMoment(sentence: Sentence, memory: NmeaMemory, context: DecodeContext): Decoded<NmeaMemory> {
  switch (sentence.kind) {
    case 'RMC':
      return told(readRmc(sentence), { ...memory, sendsMotion: true })
    case 'GGA':
      return told(readGga(sentence.fields, memory, context), { ...memory, sendsQuality: true })
    case 'GNS':
      return told(readGga(sentence.fields, memory, context), { ...memory, sendsQuality: true })
    case 'ZDA':
      return { memory: { ...memory, day: readZda(sentence.fields) ?? memory.day }, reports: [] }
    case 'GLL': {
      const known = memory.sendsMotion || memory.sendsQuality
      return known ? { memory, reports: [] } : told(readGll(sentence.fields, context), memory)
    }
    case 'RMA':
      return { memory, reports: readRma(sentence.fields) }
    case 'TRCCR':
      return { memory, reports: readTrccr(sentence.fields) }
    case 'ID':
      return { memory, reports: readWmcs(sentence.fields) }
    default:
      return { memory, reports: [] }
  }
}

/** Joins a sentence with those of the same moment, and tells the moment once it is whole or over. */
function told(epoch: Epoch | null, memory: NmeaMemory): Decoded<NmeaMemory> {
  const { waiting, told: last } = memory
  if (epoch === null || (isOneMoment(epoch, last) && (last.hasMotion || !epoch.hasMotion))) {
    return { memory, reports: [] }
  }
  const isSame = isOneMoment(epoch, waiting)
  const joined = isSame ? join(waiting, epoch) : epoch
  // What waited in vain for its other half is told as it is.
  const reports = waiting !== null && !isSame ? [reportOf(waiting)] : []
  const isWhole = (joined.hasMotion || !memory.sendsMotion) && (joined.hasQuality || !memory.sendsQuality)
  return isWhole
    ? {
        memory: {
          ...memory,
          waiting: null,
          told: { time: epoch.time, timestamp: joined.timestamp, hasMotion: joined.hasMotion },
        },
        reports: [...reports, reportOf(joined)],
      }
    : { memory: { ...memory, waiting: joined }, reports }
}

/** The same time of day, and not of two days that both of them name. */
function isOneMoment<Told extends Pick<Epoch, 'time' | 'timestamp' | 'hasMotion'>>(
  epoch: Epoch,
  other: Told | null,
): other is Told {
  if (other === null || epoch.time !== other.time) return false
  return !epoch.hasMotion || !other.hasMotion || Math.abs(epoch.timestamp - other.timestamp) < HALF_A_DAY_MS
}

/** Of two sentences of one kind (each system has its own) the first counts. */
function join(first: Epoch, second: Epoch): Epoch {
  const motion = [first, second].find(({ hasMotion }) => hasMotion)
  const quality = [first, second].find(({ hasQuality }) => hasQuality)
  if (motion === undefined || quality === undefined) return first
  return {
    time: first.time,
    timestamp: motion.timestamp,
    position: { ...quality.position, ...motion.position, valid: motion.position.valid && quality.position.valid },
    attributes: { ...quality.attributes, ...motion.attributes },
    hasMotion: true,
    hasQuality: true,
  }
}

function reportOf({ timestamp, position, attributes }: Epoch): Report {
  return { timestamp, position, alarms: [], attributes }
}

/** Time, validity, latitude, N, longitude, E, knots, course, date. IEC 61162-1 §8.3.69 */
function readRmc({ fields, suffix }: Sentence): Epoch | null {
  const [time, validity, latText, north, lngText, east, knots, course, date] = fields
  const place = placeOf(latText, north, lngText, east)
  const timestamp = dateOf(date ?? '', time ?? '')
  if (place === null || timestamp === null) return null
  return {
    time: momentOf(time!),
    timestamp,
    position: {
      ...place,
      valid: validity === 'A',
      speed: knotsToMetersPerSecond(Math.max(0, number(knots) ?? 0)),
      heading: normalHeading(number(course) ?? 0),
    },
    attributes: trackerFields(suffix),
    hasMotion: true,
    hasQuality: false,
  }
}

/** Satellites, IMEI, ignition, fuel, battery: a tracker's own, behind the sum. */
function trackerFields(suffix: readonly string[]): Attributes {
  const [satellites, imei, ignition, fuel, battery] = suffix
  if (!/^\d{15}$/.test(imei ?? '')) return {}
  return {
    satellites: number(satellites),
    ignition: ignition === '1',
    fuelPercent: number(fuel),
    batteryPercent: number(battery),
  }
}

/** Time, latitude, N, longitude, E, quality, satellites, HDOP, altitude. IEC 61162-1 §8.3.36 */
function readGga(fields: readonly string[], { waiting, day }: NmeaMemory, { receivedAt }: DecodeContext): Epoch | null {
  const [time, latText, north, lngText, east, quality, satellites, hdop, altitude] = fields
  const place = placeOf(latText, north, lngText, east)
  const near = timeNear(time ?? '', waiting?.timestamp ?? day ?? receivedAt)
  if (place === null || near === null) return null
  return {
    time: momentOf(time!),
    timestamp: near,
    position: {
      ...place,
      // GNS has a letter for each system, N for none.
      valid: /^\d+$/.test(quality ?? '') ? Number(quality) > 0 : /[^N]/.test(quality ?? ''),
      ...(number(altitude) === undefined ? {} : { altitude: number(altitude)! }),
    },
    attributes: { satellites: number(satellites), hdop: number(hdop) },
    hasMotion: false,
    hasQuality: true,
  }
}

/** Time, day, month, year: noon of that day, the nearest moment to all of it. IEC 61162-1 §8.3.107 */
function readZda(fields: readonly string[]): number | null {
  const [day, month, year] = fields.slice(1, 4).map(Number)
  return year ? utcTime(year, month!, day!, 12, 0, 0) : null
}

/** Latitude, N, longitude, E, time, validity. */
function readGll(fields: readonly string[], { receivedAt }: DecodeContext): Epoch | null {
  const [latText, north, lngText, east, time, validity] = fields
  const place = placeOf(latText, north, lngText, east)
  const near = timeNear(time ?? '', receivedAt)
  if (place === null || near === null) return null
  const position = { ...place, valid: validity === 'A' }
  return { time: momentOf(time!), timestamp: near, position, attributes: {}, hasMotion: false, hasQuality: false }
}

/** Loran's sentence has no time. */
function readRma(fields: readonly string[]): Report[] {
  const [validity, latText, north, lngText, east, , , knots, course] = fields
  const place = placeOf(latText, north, lngText, east)
  if (place === null) return []
  const speed = knotsToMetersPerSecond(number(knots) ?? 0)
  const position = { ...place, valid: validity === 'A', speed, heading: normalHeading(number(course) ?? 0) }
  return [{ timestamp: null, position, alarms: [], attributes: {} }]
}

/** `YYYYMMDDHHMMSS`, validity, latitude, longitude in degrees, knots, course, altitude, battery. */
function readTrccr(fields: readonly string[]): Report[] {
  const [time, validity, latText, lngText, knots, course, altitude, battery] = fields
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)/
    .exec(time ?? '')
    ?.slice(1)
    .map(Number)
  const [lat, lng] = [Number(latText), Number(lngText)]
  if (parts === undefined || !isPlace(lat, lng)) return []
  const position = {
    lat,
    lng,
    valid: validity === 'A',
    speed: knotsToMetersPerSecond(Math.max(0, number(knots) ?? 0)),
    heading: normalHeading(number(course) ?? 0),
    altitude: number(altitude) ?? 0,
  }
  const timestamp = utcTime(parts[0]!, parts[1]!, parts[2]!, parts[3]!, parts[4]!, parts[5]!)
  const level = number(battery)
  return [{ timestamp, position, alarms: [], attributes: level === undefined ? {} : { batteryPercent: level } }]
}

/** Keys and values by turns behind the id: `D` date, `T` time, `La` with N or S, `Lo` with E or W, `H` heading, `V` speed. */
function readWmcs(fields: readonly string[]): Report[] {
  const behind = (key: string, step = 1) => fields[fields.indexOf(key) + step]
  if (!fields.includes('La') || !fields.includes('Lo')) return []
  const lat = Number(behind('La')) * (behind('La', 2) === 'S' ? -1 : 1)
  const lng = Number(behind('Lo')) * (behind('Lo', 2) === 'W' ? -1 : 1)
  const timestamp = dateOf(behind('D') ?? '', behind('T') ?? '')
  const gps = fields.findIndex(field => field.startsWith('GPS'))
  if (!isPlace(lat, lng) || timestamp === null) return []
  const heading = fields.includes('H') ? { heading: normalHeading(Number(behind('H')) || 0) } : {}
  const speed = fields.includes('V', gps + 2)
    ? { speed: knotsToMetersPerSecond(Number(fields[fields.indexOf('V', gps + 2) + 1]) || 0) }
    : {}
  const position = { lat, lng, valid: fields[gps + 1] === 'A', ...heading, ...speed }
  return [{ timestamp, position, alarms: [], attributes: {} }]
}

function placeOf(
  latText: string | undefined,
  north: string | undefined,
  lngText: string | undefined,
  east: string | undefined,
): { lat: number; lng: number } | null {
  if (!/^[NS]$/.test(north ?? '') || !/^[EW]$/.test(east ?? '')) return null
  const lat = degreesOfMinutes(latText ?? '', north!, 4)
  const lng = degreesOfMinutes(lngText ?? '', east!, 5)
  return isPlace(lat, lng) ? { lat: lat!, lng: lng! } : null
}

/** Sentences write the same moment with more or fewer zeros behind the seconds. */
function momentOf(time: string): string {
  return time.includes('.') ? time.replace(/\.?0+$/, '') : time
}

/** `DDMMYY` and `HHMMSS.sss`. Years from 80 on are those of the last century: GPS began in 1980. */
function dateOf(date: string, time: string): number | null {
  const [, day, month, year] = /^(\d\d)(\d\d)(\d\d)$/.exec(date) ?? []
  const [, hour, minute, second, fraction] = /^(\d\d)(\d\d)(\d\d)(?:\.(\d*))?$/.exec(time) ?? []
  if (year === undefined || second === undefined) return null
  const fullYear = Number(year) + (Number(year) < 80 ? 2_000 : 1_900)
  const milliseconds = Math.trunc(Number(`0.${fraction || 0}`) * 1_000)
  return utcTime(fullYear, Number(month), Number(day), Number(hour), Number(minute), Number(second), milliseconds)
}

function timeNear(time: string, near: number): number | null {
  const [, hour, minute, second, fraction] = /^(\d\d)(\d\d)(\d\d)(?:\.(\d*))?$/.exec(time) ?? []
  if (second === undefined) return null
  return (
    timeOfDayNear(near, Number(hour), Number(minute), Number(second)) + Math.trunc(Number(`0.${fraction || 0}`) * 1_000)
  )
}

function number(text: string | undefined): number | undefined {
  const value = Number.parseFloat(text ?? '')
  return Number.isFinite(value) ? value : undefined
}

/** What waits for its other half when no more sentences come. */
export function lastMoment({ waiting }: NmeaMemory): Report[] {
  return waiting === null ? [] : [reportOf(waiting)]
}
