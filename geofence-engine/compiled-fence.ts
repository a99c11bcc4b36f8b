import type { FenceFeature } from '../contract/index.ts'
import type { Area } from './geometry/area.ts'
import { circleArea } from './geometry/circle-area.ts'
import { corridorArea } from './geometry/corridor-area.ts'
import { layOutPolygon, polygonArea } from './geometry/polygon-area.ts'
import { type LngLat, unwrapRing } from './geometry/unwrap.ts'
import { type StayLimits, stayLimits } from './rules/dwell.ts'
import { type NoiseSettings, noiseSettings } from './rules/noise-settings.ts'
import { type Schedule, scheduleOf } from './rules/schedule.ts'

/** A fence made ready for many tests. */
export interface CompiledFence extends Area {
  readonly feature: FenceFeature
  /** Which change of the organisation's fences it came with. */
  readonly epoch: number
  /** Null: raw crossings. */
  readonly noise: NoiseSettings | null
  readonly stayLimits: StayLimits | null
  readonly schedule: Schedule | null
  /** Nothing but the border and the fix decides. */
  readonly isPlain: boolean
  /** Looks back on the fixes before the newest. */
  readonly looksBack: boolean
}

/** Compiles a fence that {@link readFence} accepted; other input has undefined results. */
export function compileFence(feature: FenceFeature, epoch = 0): CompiledFence {
  const { properties } = feature
  const noise = noiseSettings(properties)
  const limits = stayLimits(properties)
  const schedule = properties.schedule === undefined ? null : scheduleOf(properties.schedule)
  const crosses = properties.cross === true
  return {
    feature,
    epoch,
    noise,
    stayLimits: limits,
    schedule,
    isPlain: noise === null && limits === null && schedule === null && !crosses,
    looksBack: crosses || (noise !== null && (noise.accuracyTimes > 0 || noise.maxSpeed < Number.POSITIVE_INFINITY)),
    ...areaOf(feature),
  }
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
