import type { Area } from './area.ts'
import { boxesAround } from './bbox.ts'
import { geodesicMeters, isWithin } from './geodesy.ts'
import { signChanges, spansBetween } from './segment.ts'

/** Everything within `radiusMeters` of the centre along the ellipsoid. */
export function circleArea(lng: number, lat: number, radiusMeters: number): Area {
  const covers = (x: number, y: number) => isWithin(lng, lat, x, y, radiusMeters)
  const outsideMeters = (x: number, y: number) => geodesicMeters(lng, lat, x, y) - radiusMeters
  return {
    bboxes: boxesAround(lng, lat, radiusMeters),
    covers,
    boundaryMeters: (x, y) => Math.abs(outsideMeters(x, y)),
    coveredAlong: segment => spansBetween(segment, signChanges(segment, outsideMeters), covers),
    halfDepthMeters: radiusMeters / 2,
  }
}
