import type { FenceFeature } from '../../../../contract/index.ts'

type Position = readonly [number, number]
type Ring = [number, number][]

/** WGS 84: semi-major axis in metres, first eccentricity squared. */
const A = 6_378_137
const E2 = 0.006_694_379_990_14
const CIRCLE_POINTS = 96
const CAP_POINTS = 12

/** The area of a fence as GeoJSON that a map can fill. Only for the eye: what is inside is decided by the engine. */
export function fenceOutline({ geometry, properties }: FenceFeature): GeoJSON.Polygon | GeoJSON.MultiPolygon | null {
  switch (geometry.type) {
    case 'Polygon':
    case 'MultiPolygon':
      return geometry as GeoJSON.Polygon | GeoJSON.MultiPolygon
    case 'Point':
      if (properties.radius === undefined) return null
      return {
        type: 'Polygon',
        coordinates: [circleRing(geometry.coordinates as unknown as Position, properties.radius)],
      }
    case 'LineString':
      if (properties.buffer === undefined) return null
      return {
        type: 'Polygon',
        coordinates: [corridorRing(geometry.coordinates as unknown as Position[], properties.buffer)],
      }
  }
}

/** Metres per degree of latitude and of longitude on the ellipsoid, at a latitude in degrees. */
function metersPerDegree(latitude: number): { readonly lat: number; readonly lng: number } {
  const phi = (latitude * Math.PI) / 180
  const w = 1 - E2 * Math.sin(phi) ** 2
  const meridian = (A * (1 - E2)) / w ** 1.5
  const normal = A / Math.sqrt(w)
  return { lat: (meridian * Math.PI) / 180, lng: Math.max(1e-6, (normal * Math.cos(phi) * Math.PI) / 180) }
}

/** The geodesic circle of a radius in metres. Small ones by the ellipsoid's curvature there, large ones on the sphere. */
export function circleRing([lng, lat]: Position, radiusMeters: number): Ring {
  const scale = metersPerDegree(lat)
  const ring: Ring = []
  for (let i = 0; i <= CIRCLE_POINTS; i += 1) {
    const bearing = (2 * Math.PI * (i % CIRCLE_POINTS)) / CIRCLE_POINTS
    if (radiusMeters < 20_000) {
      const east = Math.sin(bearing) * radiusMeters
      const north = Math.cos(bearing) * radiusMeters
      ring.push([lng + east / scale.lng, lat + north / scale.lat])
    } else ring.push(sphereDestination([lng, lat], bearing, radiusMeters))
  }
  return ring
}

function sphereDestination([lng, lat]: Position, bearing: number, meters: number): [number, number] {
  const rad = Math.PI / 180
  const arc = meters / 6_371_008.8
  const phi = Math.asin(Math.sin(lat * rad) * Math.cos(arc) + Math.cos(lat * rad) * Math.sin(arc) * Math.cos(bearing))
  const y = Math.sin(bearing) * Math.sin(arc) * Math.cos(lat * rad)
  const x = Math.cos(arc) - Math.sin(lat * rad) * Math.sin(phi)
  return [lng + Math.atan2(y, x) / rad, phi / rad]
}

/** Everything within so many metres of a line: along one side, around the end, back along the other, around the start. */
export function corridorRing(line: readonly Position[], bufferMeters: number): Ring {
  const [origin] = line
  if (origin === undefined) return []
  const scale = metersPerDegree(line[Math.floor(line.length / 2)]![1])
  const flat = line.map(([lng, lat]): Position => [(lng - origin[0]) * scale.lng, (lat - origin[1]) * scale.lat])
  const path = flat.filter((point, i) => i === 0 || distance(point, flat[i - 1]!) > bufferMeters * 0.02)
  if (path.length < 2) return circleRing(origin, bufferMeters)
  const sides = [...side(path, bufferMeters), ...side([...path].reverse(), bufferMeters)]
  const ring = sides.map(([x, y]): [number, number] => [origin[0] + x / scale.lng, origin[1] + y / scale.lat])
  return [...ring, ring[0]!]
}

const distance = (a: Position, b: Position): number => Math.hypot(b[0] - a[0], b[1] - a[1])
const angle = (a: Position, b: Position): number => Math.atan2(b[1] - a[1], b[0] - a[0])

/** The left side of a path in metres, and the round cap at its end. */
function side(path: readonly Position[], buffer: number): Position[] {
  const points: Position[] = []
  const at = ([x, y]: Position, turn: number, length = buffer): Position => [
    x + Math.cos(turn) * length,
    y + Math.sin(turn) * length,
  ]
  for (const [i, point] of path.entries()) {
    const before = path[i - 1]
    const after = path[i + 1]
    if (after === undefined) {
      const left = angle(before!, point) + Math.PI / 2
      for (let k = 0; k <= CAP_POINTS; k += 1) points.push(at(point, left - (Math.PI * k) / CAP_POINTS))
    } else if (before !== undefined) {
      const left = angle(before, point) + Math.PI / 2
      const turn = normalized(angle(point, after) - angle(before, point))
      const steps = Math.max(1, Math.ceil(Math.abs(turn) / (Math.PI / CAP_POINTS)))
      if (turn < 0) for (let k = 0; k <= steps; k += 1) points.push(at(point, left + (turn * k) / steps))
      else {
        // The inner side of a bend: where the two offsets meet, but never beyond the shorter of the two legs.
        const reach = Math.min(distance(before, point), distance(point, after))
        points.push(at(point, left + turn / 2, Math.min(buffer / Math.cos(turn / 2), Math.max(buffer, reach))))
      }
    }
  }
  return points
}

function normalized(radians: number): number {
  return radians - 2 * Math.PI * Math.round(radians / (2 * Math.PI))
}

/** Where a fence's name goes, `[longitude, latitude]`: halfway along a corridor, else the middle of its largest part. */
export function labelPosition({ geometry }: FenceFeature): [number, number] {
  switch (geometry.type) {
    case 'Point':
      return geometry.coordinates as [number, number]
    case 'LineString':
      return geometry.coordinates[Math.floor(geometry.coordinates.length / 2)] as [number, number]
    case 'Polygon':
    case 'MultiPolygon': {
      const parts = geometry.type === 'Polygon' ? [geometry.coordinates] : geometry.coordinates
      const boxes = parts.map(([outer]) => boxOf(outer as [number, number][]))
      const area = ([west, south, east, north]: (typeof boxes)[number]): number => (east - west) * (north - south)
      const [west, south, east, north] = boxes.reduce((a, b) => (area(b) > area(a) ? b : a))
      return [(west + east) / 2, (south + north) / 2]
    }
  }
}

export function boxOf(positions: readonly Position[]): [number, number, number, number] {
  const box: [number, number, number, number] = [180, 90, -180, -90]
  for (const [lng, lat] of positions) {
    box[0] = Math.min(box[0], lng)
    box[1] = Math.min(box[1], lat)
    box[2] = Math.max(box[2], lng)
    box[3] = Math.max(box[3], lat)
  }
  return box
}
