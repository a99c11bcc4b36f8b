import { MIN_CURVATURE_METERS } from './geodesy.ts'

/** A box in degrees with -180 <= minLng <= maxLng <= 180. What crosses the antimeridian has two. */
export interface Bbox {
  readonly minLng: number
  readonly minLat: number
  readonly maxLng: number
  readonly maxLat: number
}

/** Brings a box of any longitudes into the range of ±180, as one box or two. */
export function splitBox(minLng: number, minLat: number, maxLng: number, maxLat: number): Bbox[] {
  if (maxLng - minLng >= 360) return [{ minLng: -180, minLat, maxLng: 180, maxLat }]
  const turns = Math.floor((minLng + 180) / 360) * 360
  const west = minLng - turns
  const east = maxLng - turns
  if (east <= 180) return [{ minLng: west, minLat, maxLng: east, maxLat }]
  return [
    { minLng: west, minLat, maxLng: 180, maxLat },
    { minLng: -180, minLat, maxLng: east - 360, maxLat },
  ]
}

/** Boxes that hold every position within `meters` of a point, never too small: at the poles and across ±180 too. */
export function boxesAround(lng: number, lat: number, meters: number): Bbox[] {
  // The ellipsoid is nowhere smaller than a sphere of its least radius of curvature, so this angle is an upper bound.
  const angle = meters / MIN_CURVATURE_METERS + 1e-12
  const degrees = (angle * 180) / Math.PI
  const minLat = Math.max(-90, lat - degrees)
  const maxLat = Math.min(90, lat + degrees)
  if (minLat === -90 || maxLat === 90) return [{ minLng: -180, minLat, maxLng: 180, maxLat }]
  const reach = (Math.asin(Math.min(1, Math.sin(angle) / Math.cos((lat * Math.PI) / 180))) * 180) / Math.PI + 1e-9
  return splitBox(lng - reach, minLat, lng + reach, maxLat)
}
