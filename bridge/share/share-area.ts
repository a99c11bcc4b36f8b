import { checkSchema, MAX_AREA_VERTICES, type ShareArea, ShareScope, TrackwireError } from '../../contract/index.ts'
import { compileFence, readFence } from '../../geofence-engine/index.ts'

export type Covers = (lng: number, lat: number) => boolean

/**
 * Makes an area ready for many tests.
 * @throws TrackwireError fence_invalid with the fault of its geometry
 */
export function readShareArea(area: ShareArea): Covers {
  const geometry = Array.isArray(area) ? boxPolygon(area) : area
  const vertices = geometry.coordinates.reduce((sum, ring) => sum + ring.length, 0)
  if (vertices > MAX_AREA_VERTICES) {
    throw new TrackwireError('fence_invalid', `the area has ${vertices} vertices; ${MAX_AREA_VERTICES} are the most`)
  }
  const { covers } = compileFence(readFence({ type: 'Feature', id: 'area', geometry, properties: {} }))
  return covers
}

/** RFC 7946 §5.2: a box whose west is east of its east lies across the antimeridian. */
function boxPolygon([west, south, eastGiven, north]: Extract<ShareArea, number[]>) {
  const east = eastGiven < west ? eastGiven + 360 : eastGiven
  const ring: [number, number][] = [
    [west, south],
    [east, south],
    [east, north],
    [west, north],
    [west, south],
  ]
  return { type: 'Polygon' as const, coordinates: [ring] }
}

const NOWHERE: Covers = () => false
const compiled = new WeakMap<ShareScope, Covers>()

/** The test of a scope's area, compiled once for each token. What cannot be read covers nothing. */
export function coversOf(share: ShareScope): Covers {
  let covers = compiled.get(share)
  if (covers === undefined) {
    covers = share.area === undefined ? NOWHERE : readOrNowhere(share.area)
    compiled.set(share, covers)
  }
  return covers
}

function readOrNowhere(area: ShareArea): Covers {
  try {
    return readShareArea(area)
  } catch {
    return NOWHERE
  }
}

/** Checks a `scope` claim as a whole. Errors: `payload_invalid`, `fence_invalid` of its area. */
export function checkShareScope(value: unknown): ShareScope {
  const scope = checkSchema(ShareScope, value)
  if (scope.until <= scope.from) {
    throw new TrackwireError('payload_invalid', '/until is not after from', { details: { path: '/until' } })
  }
  if (scope.area !== undefined) readShareArea(scope.area)
  return scope
}
