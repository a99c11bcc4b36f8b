export type LngLat = readonly [lng: number, lat: number]

/**
 * A closed ring on a continuous longitude axis: no step is longer than half the earth unless it was meant to be.
 * `xs` and `ys` have one vertex more than `source`, the last one the first again, `winding * 360` further east.
 */
export interface UnwrappedRing {
  readonly xs: Float64Array
  readonly ys: Float64Array
  /** 0 for a plain ring; 1 or -1 for a ring around a pole, travelled eastwards or westwards. */
  readonly winding: number
  /** Index of each vertex in the ring as it was given. */
  readonly source: readonly number[]
}

/**
 * Lays a ring out on a continuous axis and drops consecutive duplicates.
 *
 * Edges are straight in longitude/latitude, as they are given: rings cut at ±180 (RFC 7946 §3.1.9) and rings that run on
 * beyond 180 are left alone. A step of more than 180° marks a ring that was not cut at the antimeridian; all of its steps then
 * go the short way round.
 */
export function unwrapRing(positions: readonly LngLat[]): UnwrappedRing {
  const steps = positions.slice(1).map(([lng], i) => Math.abs(lng - positions[i]![0]))
  if (steps.some(step => step > 180 && step !== 360)) return layOut(positions, true)
  // From 180 to -180 may be an edge along a whole parallel, as along the pole in a map of Antarctica, or no way at all.
  if (steps.some((step, i) => step === 360 && passesSeam(positions, i))) {
    const uncut = layOut(positions, true)
    if (uncut.winding === 0) return uncut
  }
  return layOut(positions, false)
}

/** Whether the ring comes to the step between vertex i and i + 1 from one side of the antimeridian and leaves on the other. */
function passesSeam(positions: readonly LngLat[], i: number): boolean {
  const before = positions[i === 0 ? positions.length - 2 : i - 1]!
  const after = positions[i + 2 === positions.length ? 1 : i + 2]!
  return Math.abs(before[0]) !== 180 && Math.abs(after[0]) !== 180
}

function layOut(positions: readonly LngLat[], uncut: boolean): UnwrappedRing {
  const xs: number[] = []
  const ys: number[] = []
  const source: number[] = []
  let turns = 0
  for (const [i, [lng, lat]] of positions.entries()) {
    if (uncut && i > 0) turns -= 360 * Math.round((lng - positions[i - 1]![0]) / 360)
    const x = lng + turns
    if (i > 0 && x === xs.at(-1) && lat === ys.at(-1)) continue
    xs.push(x)
    ys.push(lat)
    source.push(i)
  }
  const winding = Math.round((xs.at(-1)! - xs[0]!) / 360)
  source.pop()
  return { xs: Float64Array.from(xs), ys: Float64Array.from(ys), winding, source }
}

/** The same ring, some degrees further east. */
export function shiftRing(ring: UnwrappedRing, degrees: number): UnwrappedRing {
  return degrees === 0 ? ring : { ...ring, xs: ring.xs.map(x => x + degrees) }
}
