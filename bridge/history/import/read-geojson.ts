import { type Found, readFix, TrackFileFault, type TrackReader } from './track-reader.ts'

type Json = { readonly [key: string]: unknown }

/** JSON is read whole, on the event loop: 20 MiB, as an import of fences. */
const MAX_CHARACTERS = 20 * 1_048_576
const TIMES = ['coordTimes', 'times', 'timestamps'] as const

/** GeoJSON (RFC 7946): Points with `timestamp` or `time`, as the export has them; lines with a list of times, one for each position. */
export function geoJsonReader(): TrackReader {
  let text = ''
  return {
    push(piece) {
      text += piece
      if (text.length > MAX_CHARACTERS)
        throw new TrackFileFault(1, 'GeoJSON may have 20 MiB; larger files as CSV or GPX')
      return []
    },
    end() {
      const features = featuresOf(parse(text))
      // Features are counted as lines of text are.
      const found = features.flatMap((feature, i) => readFeature(feature, i + 1))
      if (found.length === 0) throw new TrackFileFault(1, 'there is no Point and no line in it')
      return found
    },
  }
}

function parse(text: string): Json {
  let value: unknown
  try {
    value = JSON.parse(text.replace(/^\ufeff/, ''))
  } catch (error) {
    throw new TrackFileFault(1, `not JSON: ${(error as Error).message}`)
  }
  if (isObject(value)) return value
  throw new TrackFileFault(1, 'GeoJSON is an object, not a list or a value')
}

function featuresOf(root: Json): Json[] {
  if (root.type === 'FeatureCollection' && Array.isArray(root.features)) return root.features.filter(isObject)
  if (root.type === 'Feature') return [root]
  if ('coordinates' in root) return [{ geometry: root, properties: {} }]
  throw new TrackFileFault(1, 'there is no FeatureCollection, Feature or geometry in it')
}

function readFeature(feature: Json, line: number): Found[] {
  const geometry = isObject(feature.geometry) ? feature.geometry : {}
  const properties = isObject(feature.properties) ? feature.properties : {}
  const { type, coordinates } = geometry
  if (type === 'Point') return [readPoint(coordinates, properties, line)]
  const paths = type === 'LineString' ? [coordinates] : type === 'MultiLineString' ? coordinates : []
  if (!Array.isArray(paths) || !paths.every(Array.isArray))
    return [{ line, error: `the ${type} has no list of positions` }]
  const given = TIMES.map(name => properties[name]).find(Array.isArray) ?? []
  return paths.flatMap((path: unknown[], i) => {
    const times: unknown[] = Array.isArray(given[i]) ? given[i] : paths.length === 1 ? given : []
    return path.map((position, at) => readPosition(position, times[at], line))
  })
}

function readPoint(coordinates: unknown, properties: Json, line: number): Found {
  const { speed, heading, course, accuracy, userId, metadata, attributes } = properties
  const time = properties.timestamp ?? properties.timestampMs ?? properties.time
  const found = readPosition(coordinates, time, line, { speed, heading: heading ?? course, accuracy })
  if ('error' in found) return found
  return {
    line,
    fix: {
      ...found.fix,
      ...(typeof userId === 'string' && { userId }),
      ...(isObject(metadata) && { metadata }),
      ...(isObject(attributes) && { attributes }),
    },
  }
}

function readPosition(position: unknown, time: unknown, line: number, measures: Record<string, unknown> = {}): Found {
  const [lng, lat, altitude] = Array.isArray(position) ? (position as unknown[]) : []
  return readFix({
    line,
    time: textOf(time),
    lat: textOf(lat),
    lng: textOf(lng),
    altitude: textOf(altitude),
    speed: textOf(measures.speed),
    heading: textOf(measures.heading),
    accuracy: textOf(measures.accuracy),
  })
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'number' || typeof value === 'string' ? String(value) : undefined
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
