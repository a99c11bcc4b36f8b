import type { Position } from './track.ts'

/** Mean Earth radius, metres. Simulated motion needs no ellipsoid: the error is under 0.6 %. */
const EARTH_RADIUS_METERS = 6_371_008.8
const RADIANS = Math.PI / 180
const METERS_PER_DEGREE = EARTH_RADIUS_METERS * RADIANS

/** Great-circle distance in metres. */
export function distanceMeters(a: Position, b: Position): number {
  const dLat = (b[1] - a[1]) * RADIANS
  const dLng = (b[0] - a[0]) * RADIANS
  const h = Math.sin(dLat / 2) ** 2 + Math.cos(a[1] * RADIANS) * Math.cos(b[1] * RADIANS) * Math.sin(dLng / 2) ** 2
  return 2 * EARTH_RADIUS_METERS * Math.asin(Math.min(1, Math.sqrt(h)))
}

/** Initial bearing from `a` to `b`, degrees clockwise from true north, 0 ≤ bearing < 360. */
export function bearingDegrees(a: Position, b: Position): number {
  const dLng = (b[0] - a[0]) * RADIANS
  const y = Math.sin(dLng) * Math.cos(b[1] * RADIANS)
  const x =
    Math.cos(a[1] * RADIANS) * Math.sin(b[1] * RADIANS) -
    Math.sin(a[1] * RADIANS) * Math.cos(b[1] * RADIANS) * Math.cos(dLng)
  return (Math.atan2(y, x) / RADIANS + 360) % 360
}

/** The position `eastMeters` and `northMeters` away; for offsets of metres to a few kilometres. */
export function offsetMeters(from: Position, eastMeters: number, northMeters: number): Position {
  const metersPerDegreeEast = METERS_PER_DEGREE * Math.max(0.01, Math.cos(from[1] * RADIANS))
  return [from[0] + eastMeters / metersPerDegreeEast, from[1] + northMeters / METERS_PER_DEGREE]
}

/** The smallest turn between two bearings, 0 to 180 degrees. */
export function turnDegrees(bearingA: number, bearingB: number): number {
  const turn = Math.abs(bearingA - bearingB) % 360
  return turn > 180 ? 360 - turn : turn
}
