import type { Area } from './area.ts'
import { type Bbox, splitBox } from './bbox.ts'
import { geodesicMeters, metersPerDegree } from './geodesy.ts'
import { firstTurn, INSIDE, OUTSIDE, planarRing, polarRing, type Ring } from './ring.ts'
import { shiftRing, type UnwrappedRing } from './unwrap.ts'

/** One polygon: its shell and holes, laid out on the same turn of the longitude axis. */
export interface PolygonRings {
  readonly shell: Ring
  readonly holes: readonly Ring[]
  /** The unwrapped rings the shell (first) and the holes were made of, in the shell's turn. */
  readonly laidOut: readonly UnwrappedRing[]
}

/**
 * Lays out the rings of one polygon. A ring around a pole is closed over the pole of its own hemisphere; when shell and a hole
 * both go around, the polygon is what lies between them, so both are closed over the pole on the hole's side.
 * Returns null when a lone ring around a pole crosses the equator: which pole it means cannot be told.
 */
export function layOutPolygon(rings: readonly UnwrappedRing[], bandThreshold?: number): PolygonRings | null {
  const [shellRing, ...holeRings] = rings as [UnwrappedRing, ...UnwrappedRing[]]
  const polarHole = holeRings.find(({ winding }) => winding !== 0)
  const pole =
    shellRing.winding !== 0 && polarHole !== undefined
      ? meanLat(polarHole) > meanLat(shellRing)
        ? 'north'
        : 'south'
      : hemisphere(shellRing.winding !== 0 ? shellRing : polarHole)
  if (pole === null) return null
  const ringOf = (ring: UnwrappedRing) => (ring.winding === 0 ? planarRing(ring, bandThreshold) : polarRing(ring, pole))
  const shell = ringOf(shellRing)
  const laidOut = [shellRing, ...holeRings.map(hole => shiftRing(hole, turnInto(hole, shell)))]
  return { shell, holes: laidOut.slice(1).map(ringOf), laidOut }
}

/** Whether one polygon covers the position: its border and the borders of its holes count as inside. */
export function polygonCovers(
  { shell, holes }: Pick<PolygonRings, 'shell' | 'holes'>,
  lng: number,
  lat: number,
): boolean {
  if (shell.locate(lng, lat) === OUTSIDE) return false
  for (const hole of holes) if (hole.locate(lng, lat) === INSIDE) return false
  return true
}

/** What several polygons cover together; edges are straight in longitude/latitude (as PostGIS `geometry` has it). */
export function polygonArea(polygons: readonly PolygonRings[]): Area {
  // Only what the tests need is held on to: fences stay in memory, the layout they were checked by need not.
  const parts = polygons.map(({ shell, holes }) => ({ shell, holes }))
  const rings = parts.flatMap(({ shell, holes }) => [shell, ...holes])
  return {
    bboxes: polygons.flatMap(shellBoxes),
    covers(lng, lat) {
      for (const part of parts) if (polygonCovers(part, lng, lat)) return true
      return false
    },
    boundaryMeters: (lng, lat) => nearestBorderMeters(rings, lng, lat),
  }
}

function shellBoxes({ shell, laidOut }: PolygonRings): Bbox[] {
  if (laidOut[0]!.winding !== 0) return splitBox(-180, shell.minY, 180, shell.maxY)
  return splitBox(shell.minX, shell.minY, shell.maxX, shell.maxY)
}

/**
 * The nearest border point is found on the plane that touches the ellipsoid at the position, its distance then measured along the
 * ellipsoid: exact for the metres to kilometres that margins have, an upper bound beyond.
 */
function nearestBorderMeters(rings: readonly Ring[], lng: number, lat: number): number {
  const { perLng, perLat } = metersPerDegree(lat)
  let best = Number.POSITIVE_INFINITY
  let bestX = lng
  let bestY = lat
  for (const { xs, ys, minX, maxX } of rings) {
    for (let px = firstTurn(lng, minX) - 360; px - 360 <= maxX; px += 360) {
      for (let i = 0; i + 1 < xs.length; i++) {
        const dx = (xs[i + 1]! - xs[i]!) * perLng
        const dy = (ys[i + 1]! - ys[i]!) * perLat
        const ax = (px - xs[i]!) * perLng
        const ay = (lat - ys[i]!) * perLat
        const along = (ax * dx + ay * dy) / (dx * dx + dy * dy)
        const t = along > 0 ? Math.min(1, along) : 0
        const distance = (ax - t * dx) ** 2 + (ay - t * dy) ** 2
        if (distance >= best) continue
        best = distance
        bestX = xs[i]! + t * (xs[i + 1]! - xs[i]!)
        bestY = ys[i]! + t * (ys[i + 1]! - ys[i]!)
      }
    }
  }
  return geodesicMeters(lng, lat, bestX, bestY)
}

function meanLat({ ys }: UnwrappedRing): number {
  return ys.reduce((sum, y) => sum + y, 0) / ys.length
}

function hemisphere(ring: UnwrappedRing | undefined): 'north' | 'south' | null {
  if (ring === undefined || ring.winding === 0) return 'north'
  if (ring.ys.every(y => y >= 0)) return 'north'
  return ring.ys.every(y => y <= 0) ? 'south' : null
}

/** How far to move a hole east so that it lies in the same turn as its shell. */
function turnInto(hole: UnwrappedRing, shell: Ring): number {
  if (hole.winding !== 0) return 0
  let minX = Number.POSITIVE_INFINITY
  for (const x of hole.xs) minX = Math.min(minX, x)
  const degrees = 360 * Math.ceil((shell.minX - minX) / 360)
  return minX + degrees <= shell.maxX ? degrees : 0
}
