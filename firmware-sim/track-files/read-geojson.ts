import type { TrackPoint } from '../track.ts'
import { checkPoint, readTime } from './check-point.ts'
import { trackFileError } from './track-file-error.ts'

type Json = { readonly [key: string]: unknown }

/** Properties that name the device of a feature. */
const DEVICE_KEYS = ['deviceId', 'device', 'device_id', 'vehicle'] as const
/** Properties that give the times of a line's positions: `coordTimes` of togeojson, `times` of others. */
const TIMES_KEYS = ['coordTimes', 'times', 'timestamps', 'coordinateProperties'] as const
const TIME_KEYS = ['timestamp', 'timestampMs', 'timestamp_ms', 'time'] as const

/**
 * Reads GeoJSON (RFC 7946): a LineString or MultiLineString is a track, Points are the fixes of one in file order (sorted
 * by time when each has one). Other geometries are ignored. `properties.deviceId` (or `device`, …) tells devices apart.
 * @throws TrackwireError request_invalid naming file, line (of JSON faults), feature and cause
 */
export function readGeoJson(text: string, file: string, defaultDevice: string): Map<string, TrackPoint[]> {
  const tracks = new Map<string, TrackPoint[]>()
  const scattered = new Set<string>()
  for (const [i, feature] of featuresOf(parse(text, file), file).entries()) {
    const properties = isObject(feature.properties) ? feature.properties : {}
    const geometry = isObject(feature.geometry) ? feature.geometry : {}
    const where = `feature ${i + 1}`
    const device = String(DEVICE_KEYS.map(key => properties[key]).find(isIdLike) ?? defaultDevice)
    const points = readGeometry(geometry, properties, file, where)
    if (points.length === 0) continue
    if (geometry.type === 'Point') scattered.add(device)
    tracks.set(device, [...(tracks.get(device) ?? []), ...points])
  }
  for (const device of scattered) {
    const points = tracks.get(device)!
    if (points.every(({ timestampMs }) => timestampMs !== undefined)) {
      points.sort((a, b) => a.timestampMs! - b.timestampMs!)
    }
  }
  if (tracks.size === 0) throw trackFileError('empty', file, undefined, 'no LineString, MultiLineString or Point in it')
  return tracks
}

function parse(text: string, file: string): Json {
  let value: unknown
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (error) {
    const { message } = error as Error
    const offset = /position (\d+)/.exec(message)?.[1]
    const line = offset === undefined ? undefined : text.slice(0, Number(offset)).split('\n').length
    throw trackFileError('syntax', file, line, `not JSON: ${message}`, error)
  }
  if (!isObject(value)) throw trackFileError('syntax', file, undefined, 'GeoJSON is an object, not a list or a value')
  return value
}

function featuresOf(root: Json, file: string): Json[] {
  if (root.type === 'FeatureCollection') {
    if (!Array.isArray(root.features)) {
      throw trackFileError('syntax', file, undefined, 'the FeatureCollection has no list of features')
    }
    return root.features.filter(isObject)
  }
  if (root.type === 'Feature') return [root]
  if (typeof root.type === 'string' && 'coordinates' in root)
    return [{ type: 'Feature', geometry: root, properties: {} }]
  throw trackFileError('syntax', file, undefined, `type ${JSON.stringify(root.type)} is not GeoJSON`)
}

function readGeometry(geometry: Json, properties: Json, file: string, where: string): TrackPoint[] {
  const { type, coordinates } = geometry
  if (type === 'Point') {
    const time = TIME_KEYS.map(key => properties[key]).find(value => value !== undefined && value !== null)
    return [{ ...readPosition(coordinates, time, file, where), ...extras(properties, file) }]
  }
  const lines = type === 'LineString' ? [coordinates] : type === 'MultiLineString' ? coordinates : []
  if (!Array.isArray(lines) || !lines.every(Array.isArray)) {
    throw trackFileError(
      'syntax',
      file,
      undefined,
      `${where}: the coordinates of a ${String(type)} are lists of positions`,
    )
  }
  const times = timesOf(properties, lines.length)
  return lines.flatMap((line: unknown[], l) => {
    const lineTimes = times?.[l]
    if (lineTimes !== undefined && lineTimes.length !== line.length) {
      const cause = `${where} has ${line.length} positions but ${lineTimes.length} times`
      throw trackFileError('value-invalid', file, undefined, cause)
    }
    return line.map((position, i) => readPosition(position, lineTimes?.[i], file, `${where}, position ${i + 1}`))
  })
}

/** Times per line, or undefined. A MultiLineString has a list of lists. */
function timesOf(properties: Json, lines: number): unknown[][] | undefined {
  for (const key of TIMES_KEYS) {
    const value = properties[key]
    const times = isObject(value) ? value.times : value
    if (!Array.isArray(times)) continue
    if (lines === 1 && !Array.isArray(times[0])) return [times]
    if (times.every(Array.isArray)) return times as unknown[][]
  }
  return undefined
}

function readPosition(position: unknown, time: unknown, file: string, where: string): TrackPoint {
  const [lng, lat, altitude] = Array.isArray(position) ? (position as unknown[]) : []
  if (typeof lng !== 'number' || typeof lat !== 'number') {
    throw trackFileError('value-invalid', file, undefined, `${where} is not [longitude, latitude]`)
  }
  const timestampMs = time === undefined || time === null ? undefined : readTime(String(time))
  if (Number.isNaN(timestampMs)) {
    throw trackFileError('value-invalid', file, undefined, `${where}: ${JSON.stringify(time)} is not a time`)
  }
  return checkPoint(
    { timestampMs, lat, lng, altitude: typeof altitude === 'number' ? altitude : undefined },
    file,
    undefined,
  )
}

/** Speed, heading, accuracy and battery of a Point's properties, where they are numbers. */
function extras(properties: Json, file: string): Partial<TrackPoint> {
  const number = (key: string) => (typeof properties[key] === 'number' ? properties[key] : undefined)
  const raw = {
    lat: 0,
    lng: 0,
    speed: number('speed'),
    heading: number('heading') ?? number('course'),
    accuracy: number('accuracy'),
    battery: number('battery'),
  }
  const { lat: _lat, lng: _lng, ...known } = checkPoint(raw, file, undefined)
  return known
}

function isIdLike(value: unknown): boolean {
  return (typeof value === 'string' && value !== '') || typeof value === 'number'
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
