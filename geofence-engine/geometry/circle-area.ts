import type { Area } from './area.ts'
import { boxesAround } from './bbox.ts'
import { geodesicMeters, isWithin } from './geodesy.ts'

/** Everything within `radiusMeters` of the centre along the ellipsoid. */
export function circleArea(lng: number, lat: number, radiusMeters: number): Area {
  return {
    bboxes: boxesAround(lng, lat, radiusMeters),
    covers: (x, y) => isWithin(lng, lat, x, y, radiusMeters),
    boundaryMeters: (x, y) => Math.abs(geodesicMeters(lng, lat, x, y) - radiusMeters),
  }
}
