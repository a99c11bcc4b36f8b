import type { Location } from '../contract/index.ts'

type Vector = readonly [x: number, y: number, z: number]

const RADIANS = Math.PI / 180
const MEAN_RADIUS_METERS = 6_371_008.8
/** Distances on the sphere are up to 0.56 % off those on the ellipsoid; the tolerance is kept on either. */
const SPHERE_SHARE = 0.994

/**
 * The indexes of the positions that are kept, ascending: the first, the last, and so many between that no position lies farther
 * than `toleranceMeters` from the great circle between its kept neighbours (Douglas-Peucker). Great circles know no date line
 * and no pole. Order is that of time, so a way that is driven twice stays driven twice.
 */
export function simplifyTrack(track: readonly Pick<Location, 'lat' | 'lng'>[], toleranceMeters: number): number[] {
  if (!(toleranceMeters > 0) || track.length < 3) return track.map((_, i) => i)
  const limit = toleranceMeters * SPHERE_SHARE
  const points = track.map(vectorOf)
  const kept = new Uint8Array(track.length)
  kept[0] = 1
  kept[track.length - 1] = 1
  // A list instead of recursion: a track that winds is as deep as it is long.
  const open: [number, number][] = [[0, track.length - 1]]
  for (let range = open.pop(); range !== undefined; range = open.pop()) {
    const [first, last] = range
    const meters = metersFromArc(points[first]!, points[last]!)
    let farthest = -1
    let most = limit
    for (let i = first + 1; i < last; i++) {
      const off = meters(points[i]!)
      if (off <= most) continue
      most = off
      farthest = i
    }
    if (farthest === -1) continue
    kept[farthest] = 1
    if (farthest - first > 1) open.push([first, farthest])
    if (last - farthest > 1) open.push([farthest, last])
  }
  return track.map((_, i) => i).filter(i => kept[i] === 1)
}

function vectorOf({ lat, lng }: Pick<Location, 'lat' | 'lng'>): Vector {
  const cos = Math.cos(lat * RADIANS)
  return [cos * Math.cos(lng * RADIANS), cos * Math.sin(lng * RADIANS), Math.sin(lat * RADIANS)]
}

/** Measures how far points are from the shorter arc of the great circle between two others. */
function metersFromArc(a: Vector, b: Vector): (point: Vector) => number {
  const normal = cross(a, b)
  const length = Math.hypot(...normal)
  // One place, or two opposite ones that have no shorter arc.
  if (length < 1e-12) return point => Math.min(metersBetween(a, point), metersBetween(b, point))
  const unit: Vector = [normal[0] / length, normal[1] / length, normal[2] / length]
  const behindA = cross(unit, a)
  const beforeB = cross(b, unit)
  return point =>
    dot(behindA, point) >= 0 && dot(beforeB, point) >= 0
      ? MEAN_RADIUS_METERS * Math.asin(Math.min(1, Math.abs(dot(unit, point))))
      : Math.min(metersBetween(a, point), metersBetween(b, point))
}

function metersBetween(a: Vector, b: Vector): number {
  const chord = Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2])
  return 2 * MEAN_RADIUS_METERS * Math.asin(Math.min(1, chord / 2))
}

function cross(a: Vector, b: Vector): Vector {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

function dot(a: Vector, b: Vector): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}
