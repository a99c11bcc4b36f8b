import {
  checkSchema,
  checkStorable,
  type FenceFeature,
  type FenceGeometry,
  FenceProperties,
  isId,
  TrackwireError,
} from '../contract/index.ts'
import { fenceFault, showPosition } from './geometry/fault.ts'
import { HALF_EARTH_METERS, haversineMeters } from './geometry/geodesy.ts'
import { layOutPolygon } from './geometry/polygon-area.ts'
import { checkPolygons } from './geometry/polygon-validity.ts'
import { type LngLat, unwrapRing } from './geometry/unwrap.ts'
import { isTimeZone } from './rules/local-time.ts'

export const MAX_VERTICES = 100_000
/** Longitudes may run on beyond ±180 (170 … 190), one turn at the most. */
const MAX_LONGITUDE = 360
/** Two and a half times around the earth: no corridor is longer, so none costs more than it should. */
const MAX_CORRIDOR_METERS = 100_000_000

type Position = [number, number]

/** A part of the geometry: its JSON pointer, and how a person would call it. */
interface Place {
  readonly path: string
  readonly words: string
}

/**
 * Reads a fence from outside: checks its schema and its geometry (RFC 7946, OGC validity), and returns it with its known members only:
 * altitudes, consecutive duplicate vertices and foreign members of the Feature are gone, unknown properties are kept.
 * @throws TrackwireError fence_invalid with `details.path` (JSON pointer) and, of a geometry fault, `details.position` `[lng, lat]`
 */
export function readFence(value: unknown): FenceFeature {
  if (!isObject(value)) throw fenceFault('a fence is a GeoJSON Feature object', '/')
  if (value.type !== 'Feature') {
    throw fenceFault(`a fence is a GeoJSON object of type "Feature", this one has ${show(value.type)}`, '/type')
  }
  if (!isId(value.id)) {
    throw fenceFault(`the id of a fence is a string of 1 to 64 of A-Z a-z 0-9 . _ : -, not ${show(value.id)}`, '/id')
  }
  const properties = readProperties(value.properties)
  checkStays(properties)
  checkSchedule(properties)
  return { type: 'Feature', id: value.id, geometry: readGeometry(value.geometry, properties), properties }
}

function readProperties(value: unknown): FenceProperties {
  // RFC 7946 §3.2: properties may be null.
  if (value === null || value === undefined) return {}
  try {
    checkStorable(value, '', 0)
    return checkSchema(FenceProperties, value)
  } catch (cause) {
    if (!(cause instanceof TrackwireError)) throw cause
    const path = cause.details?.path === '/' ? '' : (cause.details?.path ?? '')
    throw fenceFault(
      `properties${cause.message.startsWith('/ ') ? cause.message.slice(1) : cause.message}`,
      `/properties${path}`,
    )
  }
}

function checkStays({ dwellSeconds, repeatSeconds }: FenceProperties): void {
  if (repeatSeconds === undefined || dwellSeconds !== undefined) return
  throw fenceFault(
    'properties.repeatSeconds repeats a dwell, so properties.dwellSeconds is needed too',
    '/properties/repeatSeconds',
  )
}

function checkSchedule({ schedule }: FenceProperties): void {
  if (schedule === undefined) return
  const { days, from, timeZone, expect } = schedule
  if (days?.length === 0) {
    throw fenceFault('properties.schedule.days is empty: leave it out for every day', '/properties/schedule/days')
  }
  if (timeZone !== undefined && !isTimeZone(timeZone)) {
    throw fenceFault(
      `properties.schedule.timeZone ${show(timeZone)} is not an IANA time zone, like "Europe/Berlin"`,
      '/properties/schedule/timeZone',
    )
  }
  if (expect !== undefined && from === undefined) {
    throw fenceFault(
      'properties.schedule.expect says where devices should be when the schedule begins, so properties.schedule.from is needed too',
      '/properties/schedule/expect',
    )
  }
}

function readGeometry(value: unknown, properties: FenceProperties): FenceGeometry {
  if (!isObject(value)) throw fenceFault('the fence has no geometry', '/geometry')
  const vertices = { left: MAX_VERTICES }
  const { coordinates } = value
  const path = '/geometry/coordinates'
  switch (value.type) {
    case 'Polygon':
      return { type: 'Polygon', coordinates: readPolygons([coordinates], [{ path, words: '' }], vertices)[0]! }
    case 'MultiPolygon': {
      const parts = readArray(coordinates, { path, words: 'the geometry' }, 'polygons', 1)
      const places = parts.map((_, i) => ({ path: `${path}/${i}`, words: ` of polygon ${i}` }))
      return { type: 'MultiPolygon', coordinates: readPolygons(parts, places, vertices) }
    }
    case 'Point': {
      const position = readPosition(coordinates, { path, words: 'the centre' })
      checkMeters(properties.radius, 'radius', 'a Point is a circle')
      return { type: 'Point', coordinates: position }
    }
    case 'LineString': {
      const line = readPositions(coordinates, { path, words: 'the line' }, 2, vertices)
      checkMeters(properties.buffer, 'buffer', 'a LineString is a corridor')
      return { type: 'LineString', coordinates: checkLine(line, path) }
    }
    default:
      throw fenceFault(
        `a fence is a Polygon, a MultiPolygon, a Point with properties.radius or a LineString with properties.buffer, not ${show(value.type)}`,
        '/geometry/type',
      )
  }
}

/** @param places `words` of a polygon are what is to be said behind its rings, like ` of polygon 2` */
function readPolygons(
  values: readonly unknown[],
  places: readonly Place[],
  vertices: { left: number },
): Position[][][] {
  const cleaned: Position[][][] = []
  const laidOut = values.map((value, p) => {
    const { path, words } = places[p]!
    const whole = { path, words: words === '' ? 'the geometry' : `polygon ${p}` }
    const rings = readArray(value, whole, 'rings', 1).map((ring, r) => {
      const place = { path: `${path}/${r}`, words: `${r === 0 ? 'the outer ring' : `hole ${r}`}${words}` }
      const positions = readPositions(ring, place, 4, vertices)
      const unwrapped = unwrapRing(positions)
      checkRing(positions, unwrapped.xs, place)
      return { positions, unwrapped }
    })
    cleaned.push(rings.map(({ positions }) => dropDuplicates(positions)))
    const polygon = layOutPolygon(rings.map(({ unwrapped }) => unwrapped))
    if (polygon === null) {
      throw fenceFault(
        'the ring goes around the earth on both sides of the equator, so which pole it encloses cannot be told; cut it at ±180',
        `${path}/0`,
        rings[0]!.positions[0]!,
      )
    }
    if (polygon.laidOut.slice(1).filter(({ winding }) => winding !== 0).length > 1) {
      throw fenceFault('at most one hole may go around a pole', path)
    }
    return polygon
  })
  checkPolygons(
    laidOut,
    places.map(({ path }) => path),
  )
  return cleaned
}

function checkRing(positions: readonly Position[], xs: Float64Array, { path, words }: Place): void {
  const first = positions[0]!
  const last = positions.at(-1)!
  const turns = (xs.at(-1)! - xs[0]!) / 360
  if (first[1] !== last[1] || (first[0] !== last[0] && (last[0] - first[0]) % 360 !== 0) || Math.abs(turns) > 1) {
    const what = Math.abs(turns) > 1 ? 'goes around the earth more than once' : 'is not closed'
    throw fenceFault(
      `${words} ${what}: it begins at ${showPosition(first)} and ends at ${showPosition(last)}; let it end where it begins (RFC 7946 §3.1.6)`,
      `${path}/${positions.length - 1}`,
      last,
    )
  }
  if (turns % 1 !== 0 && Math.abs(turns - Math.round(turns)) > 1e-9) {
    throw fenceFault(`${words} is not closed at ${showPosition(last)}`, `${path}/${positions.length - 1}`, last)
  }
  if (xs.length < 4) {
    throw fenceFault(
      `${words} has too few points: ${new Set(positions.map(String)).size} different at ${showPosition(first)}, at least 3 are needed`,
      path,
      first,
    )
  }
  let minX = xs[0]!
  let maxX = xs[0]!
  for (const x of xs) {
    minX = Math.min(minX, x)
    maxX = Math.max(maxX, x)
  }
  if (maxX - minX > 360 && Math.abs(turns) < 1) {
    throw fenceFault(`${words} is ${maxX - minX}° wide, the earth has 360°`, path, first)
  }
}

function checkLine(line: Position[], path: string): Position[] {
  const cleaned = dropDuplicates(line)
  if (cleaned.length < 2) {
    throw fenceFault(
      'a corridor needs at least 2 different positions; a circle is a Point with properties.radius',
      path,
      line[0]!,
    )
  }
  let meters = 0
  for (let i = 1; i < cleaned.length; i++) meters += haversineMeters(...cleaned[i - 1]!, ...cleaned[i]!)
  if (meters > MAX_CORRIDOR_METERS) {
    throw fenceFault(
      `the corridor is ${Math.round(meters / 1_000)} km long, at most 100000 km are served; split it`,
      path,
    )
  }
  return cleaned
}

function checkMeters(meters: number | undefined, name: 'radius' | 'buffer', why: string): void {
  if (meters === undefined) {
    throw fenceFault(`properties.${name} is missing: ${why} and needs its size in metres`, `/properties/${name}`)
  }
  if (!Number.isFinite(meters) || meters > HALF_EARTH_METERS) {
    throw fenceFault(
      `properties.${name} is ${meters}, more than half the earth (${Math.floor(HALF_EARTH_METERS)} m)`,
      `/properties/${name}`,
    )
  }
}

function readPositions(value: unknown, place: Place, atLeast: number, vertices: { left: number }): Position[] {
  const items = readArray(value, place, 'positions', atLeast)
  vertices.left -= items.length
  if (vertices.left < 0) {
    throw fenceFault(`the fence has more than ${MAX_VERTICES} vertices; simplify it`, place.path)
  }
  return items.map((item, i) => readPosition(item, { path: `${place.path}/${i}`, words: place.words }, i))
}

function readArray(value: unknown, { path, words }: Place, of: string, atLeast: number): unknown[] {
  if (!Array.isArray(value)) throw fenceFault(`${words} is an array of ${of}, not ${show(value)}`, path)
  if (value.length >= atLeast) return value
  const first: unknown = value[0]
  const position = of === 'positions' && isPair(first) ? first : undefined
  const needed =
    atLeast === 4
      ? '4 are needed: three corners and the first again'
      : `${atLeast} ${atLeast === 1 ? 'is' : 'are'} needed`
  throw fenceFault(`${words} has too few ${of}: ${value.length}, at least ${needed}`, path, position)
}

/** `[longitude, latitude]`; an altitude and whatever follows it is left out. RFC 7946 §3.1.1 */
function readPosition(value: unknown, { path, words }: Place, vertex?: number): Position {
  const what = () => (vertex === undefined ? words : `vertex ${vertex} of ${words}`)
  if (!Array.isArray(value) || value.length < 2) {
    throw fenceFault(`${what()} is not a position [longitude, latitude] but ${show(value)}`, path)
  }
  if (!isPair(value)) {
    throw fenceFault(`${what()} is ${show(value)}; longitude and latitude are finite numbers`, path)
  }
  const position: Position = [value[0], value[1]]
  const [lng, lat] = position
  if (Math.abs(lat) > 90) {
    const hint = Math.abs(lng) <= 90 ? '; positions are [longitude, latitude], these look swapped' : ''
    throw fenceFault(`${what()} is ${showPosition(position)}: latitude ${lat} is not within ±90${hint}`, path, position)
  }
  if (Math.abs(lng) > MAX_LONGITUDE) {
    throw fenceFault(
      `${what()} is ${showPosition(position)}: longitude ${lng} is not within ±${MAX_LONGITUDE}`,
      path,
      position,
    )
  }
  return position
}

function dropDuplicates(positions: readonly Position[]): Position[] {
  return positions.filter(([lng, lat], i) => i === 0 || lng !== positions[i - 1]![0] || lat !== positions[i - 1]![1])
}

function isPair(value: unknown): value is Position & LngLat {
  return Array.isArray(value) && Number.isFinite(value[0]) && Number.isFinite(value[1])
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function show(value: unknown): string {
  return value === undefined ? 'nothing' : (JSON.stringify(value) ?? typeof value).slice(0, 80)
}
