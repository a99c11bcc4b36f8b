import type { Area } from './area.ts'
import { type Bbox, splitBox } from './bbox.ts'
import { geodesicMeters, metersPerDegree } from './geodesy.ts'
import { firstTurn, INSIDE, OUTSIDE, planarRing, polarRing, type Ring } from './ring.ts'
import { type Segment, spansBetween } from './segment.ts'
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
  const covers = (lng: number, lat: number): boolean => {
    for (const part of parts) if (polygonCovers(part, lng, lat)) return true
    return false
  }
  return {
    bboxes: polygons.flatMap(shellBoxes),
    covers,
    boundaryMeters: (lng, lat) => nearestBorderMeters(rings, lng, lat),
    coveredAlong: segment => spansBetween(segment, edgeCuts(rings, segment), covers),
    halfDepthMeters: halfDepthMeters(parts),
  }
}

/** Fractions at which a segment meets an edge. Edges along the segment itself add nothing: their neighbours meet it. */
function edgeCuts(rings: readonly Ring[], { lng1, lat1, lng2, lat2 }: Segment): number[] {
  const dx = lng2 - lng1
  const dy = lat2 - lat1
  const minLat = Math.min(lat1, lat2)
  const maxLat = Math.max(lat1, lat2)
  const west = Math.min(0, dx)
  const east = Math.max(0, dx)
  const cuts: number[] = []
  for (const { xs, ys, minX, maxX, minY, maxY, eachEdgeBetween } of rings) {
    if (maxLat < minY || minLat > maxY) continue
    for (let px = firstTurn(lng1, minX - east); px + west <= maxX; px += 360) {
      eachEdgeBetween(minLat, maxLat, i => {
        const ax = xs[i]! - px
        const bx = xs[i + 1]! - px
        const ay = ys[i]!
        const by = ys[i + 1]!
        if ((ay < minLat && by < minLat) || (ay > maxLat && by > maxLat)) return
        if ((ax < west && bx < west) || (ax > east && bx > east)) return
        const ex = bx - ax
        const ey = by - ay
        const cross = dx * ey - dy * ex
        if (cross === 0) return
        const fraction = (ax * ey - (ay - lat1) * ex) / cross
        const along = (ax * dy - (ay - lat1) * dx) / cross
        if (fraction > 0 && fraction < 1 && along >= -1e-12 && along <= 1 + 1e-12) cuts.push(fraction)
      })
    }
  }
  return cuts
}

/**
 * Area by perimeter is between half of and the whole depth of a convex polygon; six tenths of it exist in every one, and half the
 * radius of a circle is about that.
 */
function halfDepthMeters(parts: readonly Pick<PolygonRings, 'shell' | 'holes'>[]): number {
  let area = 0
  let perimeter = 0
  for (const { shell, holes } of parts) {
    for (const { xs, ys } of [shell, ...holes]) {
      const { perLng, perLat } = metersPerDegree(ys[0]!)
      let doubled = 0
      for (let i = 0; i + 1 < xs.length; i++) {
        const dx = (xs[i + 1]! - xs[i]!) * perLng
        const dy = (ys[i + 1]! - ys[i]!) * perLat
        doubled += (xs[i]! - xs[0]!) * perLng * dy - (ys[i]! - ys[0]!) * perLat * dx
        perimeter += Math.hypot(dx, dy)
      }
      area += xs === shell.xs ? Math.abs(doubled) : -Math.abs(doubled)
    }
  }
  return (0.3 * Math.max(0, area)) / perimeter
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
