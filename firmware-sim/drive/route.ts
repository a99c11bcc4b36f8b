import { bearingDegrees, distanceMeters, turnDegrees } from '../earth.ts'
import type { Position } from '../track.ts'

/** A polyline measured along itself. */
export interface Route {
  readonly lengthMeters: number
  /** A closed route ends where it begins: one lap follows the other. */
  readonly closed: boolean
  readonly vertices: readonly RouteVertex[]
  /** Position and direction `atMeters` from the start; a closed route goes on with the next lap. */
  locate(atMeters: number): { readonly position: Position; readonly heading: number }
  /** The distance from the start of the vertex nearest to a position. */
  nearestVertexMeters(to: Position): number
}

export interface RouteVertex {
  /** Metres from the start. */
  readonly atMeters: number
  /** Degrees by which the route turns here. */
  readonly turn: number
  /** Half of the shorter segment beside it, metres: how much room the real road has to bend in. */
  readonly roomMeters: number
}

/** Within this the ends of a route count as one place. */
const CLOSING_METERS = 60

/**
 * Measures a polyline. Repeated positions are dropped.
 * @param closed whether the last position leads back to the first; by default when the ends are within 60 m
 * @throws RangeError with fewer than two distinct positions
 */
export function createRoute(positions: readonly Position[], closed?: boolean): Route {
  const points = positions.filter((position, i) => i === 0 || distanceMeters(positions[i - 1]!, position) > 0.05)
  const first = points[0]
  const last = points.at(-1)
  if (first === undefined || last === undefined || points.length < 2) {
    throw new RangeError('a route needs at least two different positions')
  }
  const gap = distanceMeters(first, last)
  const isClosed = closed ?? (gap < CLOSING_METERS && points.length > 3)
  if (isClosed && gap > 0.05) points.push(first)

  const starts: number[] = [0]
  const bearings: number[] = []
  for (let i = 1; i < points.length; i += 1) {
    starts.push(starts[i - 1]! + distanceMeters(points[i - 1]!, points[i]!))
    bearings.push(bearingDegrees(points[i - 1]!, points[i]!))
  }
  const lengthMeters = starts.at(-1)!
  const vertices = starts.map((atMeters, i) => {
    const incoming = i === 0 ? (isClosed ? bearings.at(-1)! : bearings[0]!) : bearings[i - 1]!
    const outgoing = bearings[i] ?? (isClosed ? bearings[0]! : bearings.at(-1)!)
    const before = i === 0 ? Number.POSITIVE_INFINITY : atMeters - starts[i - 1]!
    const after = (starts[i + 1] ?? Number.POSITIVE_INFINITY) - atMeters
    return { atMeters, turn: turnDegrees(incoming, outgoing), roomMeters: Math.min(before, after) / 2 }
  })

  return {
    lengthMeters,
    closed: isClosed,
    vertices,
    locate(atMeters) {
      const along = isClosed
        ? ((atMeters % lengthMeters) + lengthMeters) % lengthMeters
        : Math.min(lengthMeters, Math.max(0, atMeters))
      const i = Math.min(points.length - 2, segmentAt(starts, along))
      const from = points[i]!
      const to = points[i + 1]!
      const share = (along - starts[i]!) / (starts[i + 1]! - starts[i]!)
      const mix = (a: number, b: number) => a + (b - a) * share
      const lng = mix(from[0], to[0])
      const lat = mix(from[1], to[1])
      const position: Position =
        from[2] === undefined || to[2] === undefined ? [lng, lat] : [lng, lat, mix(from[2], to[2])]
      return { position, heading: bearings[i]! }
    },
    nearestVertexMeters(to) {
      let best = 0
      for (const [i, point] of points.entries()) {
        if (distanceMeters(point, to) < distanceMeters(points[best]!, to)) best = i
      }
      return starts[best]!
    },
  }
}

/** Index of the last start that is not beyond `along` (binary search). */
function segmentAt(starts: readonly number[], along: number): number {
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (starts[middle]! <= along) low = middle
    else high = middle - 1
  }
  return low
}
