import type { FenceFeature } from '../contract/index.ts'
import type { Area } from './geometry/area.ts'
import { circleArea } from './geometry/circle-area.ts'
import { corridorArea } from './geometry/corridor-area.ts'
import { layOutPolygon, polygonArea } from './geometry/polygon-area.ts'
import { type LngLat, unwrapRing } from './geometry/unwrap.ts'

/** A fence made ready for many tests. */
export interface CompiledFence extends Area {
  readonly feature: FenceFeature
  /** Which change of the organisation's fences it came with. */
  readonly epoch: number
}

/** Compiles a fence that {@link readFence} accepted; other input has undefined results. */
export function compileFence(feature: FenceFeature, epoch = 0): CompiledFence {
  return { feature, epoch, ...areaOf(feature) }
}

function areaOf({ geometry, properties }: FenceFeature): Area {
  switch (geometry.type) {
    case 'Point':
      return circleArea(geometry.coordinates[0]!, geometry.coordinates[1]!, properties.radius!)
    case 'LineString':
      return corridorArea(geometry.coordinates as unknown as LngLat[], properties.buffer!)
    case 'Polygon':
      return polygonArea([layOut(geometry.coordinates)])
    case 'MultiPolygon':
      return polygonArea(geometry.coordinates.map(layOut))
  }
}

function layOut(rings: readonly (readonly number[][])[]) {
  const polygon = layOutPolygon(rings.map(ring => unwrapRing(ring as unknown as LngLat[])))
  if (polygon === null) throw new TypeError('compileFence takes fences that readFence accepted')
  return polygon
}
