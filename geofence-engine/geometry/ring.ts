import { orientation } from './orientation.ts'
import type { UnwrappedRing } from './unwrap.ts'

/** Where a position is, seen from a ring. */
export type Side = -1 | 0 | 1
export const OUTSIDE = -1
export const ON_BORDER = 0
export const INSIDE = 1

/** A ring that positions are tested against, in every turn of the longitude axis that it lies in. */
export interface Ring {
  readonly minX: number
  readonly minY: number
  readonly maxX: number
  readonly maxY: number
  /** The border's vertices; the last is the first again (of a ring around a pole, one turn on). */
  readonly xs: Float64Array
  readonly ys: Float64Array
  locate(lng: number, lat: number): Side
  /** Visits the edges (by the index of their first vertex) that may lie between two latitudes, some perhaps twice, and perhaps others. */
  eachEdgeBetween(minLat: number, maxLat: number, visit: (edge: number) => void): void
}

/** Rings of fewer edges are scanned; longer ones are cut into bands of latitude. */
const BAND_THRESHOLD = 32
const EDGES_PER_BAND = 4
/** Edges that span many bands are listed in each; past this many entries per edge the bands are made coarser. */
const MAX_ENTRIES_PER_EDGE = 4

interface Bands {
  readonly count: number
  readonly perDegree: number
  /** Band b lists the edges `edges[starts[b]]` to `edges[starts[b + 1] - 1]`. */
  readonly starts: Int32Array
  readonly edges: Int32Array
}

/** A plain ring. `bandThreshold` is there for the benchmark that justifies the bands. */
export function planarRing({ xs, ys }: UnwrappedRing, bandThreshold = BAND_THRESHOLD): Ring {
  const { minX, minY, maxX, maxY } = extent(xs, ys)
  const edgeCount = xs.length - 1
  const bands = edgeCount > bandThreshold ? cutIntoBands(ys, minY, maxY) : null

  function locateInTurn(px: number, py: number): Side {
    if (px < minX || px > maxX || py < minY || py > maxY) return OUTSIDE
    let inside = false
    let from = 0
    let to = edgeCount
    if (bands !== null) {
      const band = bandOf(bands, minY, py)
      from = bands.starts[band]!
      to = bands.starts[band + 1]!
    }
    for (let k = from; k < to; k++) {
      const i = bands === null ? k : bands.edges[k]!
      const ay = ys[i]!
      const by = ys[i + 1]!
      const ax = xs[i]!
      const bx = xs[i + 1]!
      // Half-open in latitude, so that a vertex is counted for one of its two edges.
      if (ay > py !== by > py) {
        if (ax < px && bx < px) continue
        if (ax > px && bx > px) {
          inside = !inside
          continue
        }
        const turn = orientation(ax, ay, bx, by, px, py)
        if (turn === 0) return ON_BORDER
        if (turn > 0 === by > ay) inside = !inside
      } else if (ay === py && (ax === px || (by === py && (ax < px ? bx >= px : bx <= px)))) {
        return ON_BORDER
      } else if (by === py && bx === px) {
        return ON_BORDER
      }
    }
    return inside ? INSIDE : OUTSIDE
  }

  return {
    minX,
    minY,
    maxX,
    maxY,
    xs,
    ys,
    locate(lng, lat) {
      let side: Side = OUTSIDE
      for (let px = firstTurn(lng, minX); px <= maxX; px += 360) side = Math.max(side, locateInTurn(px, lat)) as Side
      return side
    },
    eachEdgeBetween(minLat, maxLat, visit) {
      if (bands === null) {
        for (let i = 0; i < edgeCount; i++) visit(i)
        return
      }
      const first = bandOf(bands, minY, Math.max(minY, minLat))
      const last = bandOf(bands, minY, Math.min(maxY, maxLat))
      for (let k = bands.starts[first]!; k < bands.starts[last + 1]!; k++) visit(bands.edges[k]!)
    },
  }
}

/**
 * A ring around a pole, closed over that pole: a position is inside when the meridian from it to the pole crosses the
 * border an even number of times.
 */
export function polarRing({ xs, ys }: UnwrappedRing, pole: 'north' | 'south'): Ring {
  const { minX, minY, maxX, maxY } = extent(xs, ys)
  const north = pole === 'north'
  return {
    minX,
    maxX,
    minY: north ? minY : -90,
    maxY: north ? 90 : maxY,
    xs,
    ys,
    locate(lng, lat) {
      let inside = true
      for (let px = firstTurn(lng, minX); px <= maxX; px += 360) {
        for (let i = 0; i + 1 < xs.length; i++) {
          const ax = xs[i]!
          const ay = ys[i]!
          const bx = xs[i + 1]!
          const by = ys[i + 1]!
          if ((ax < px && bx < px) || (ax > px && bx > px)) continue
          if (ax === bx) {
            // Along the meridian itself: part of the border, but the step aside that is tested does not cross it.
            if (lat >= Math.min(ay, by) && lat <= Math.max(ay, by)) return ON_BORDER
            continue
          }
          const turn = orientation(ax, ay, bx, by, px, lat)
          if (turn === 0) return ON_BORDER
          // Half-open in longitude, so that a vertex is counted for one of its two edges.
          const edgeIsNorth = turn > 0 !== bx > ax
          if (ax > px !== bx > px && edgeIsNorth === north) inside = !inside
        }
      }
      return inside ? INSIDE : OUTSIDE
    },
    eachEdgeBetween(_minLat, _maxLat, visit) {
      for (let i = 0; i + 1 < xs.length; i++) visit(i)
    },
  }
}

/** The first longitude of the same meridian that is not west of `minX`. */
export function firstTurn(lng: number, minX: number): number {
  return lng + 360 * Math.ceil((minX - lng) / 360)
}

function extent(xs: Float64Array, ys: Float64Array): { minX: number; minY: number; maxX: number; maxY: number } {
  let minX = Number.POSITIVE_INFINITY
  let minY = Number.POSITIVE_INFINITY
  let maxX = Number.NEGATIVE_INFINITY
  let maxY = Number.NEGATIVE_INFINITY
  for (let i = 0; i < xs.length; i++) {
    minX = Math.min(minX, xs[i]!)
    maxX = Math.max(maxX, xs[i]!)
    minY = Math.min(minY, ys[i]!)
    maxY = Math.max(maxY, ys[i]!)
  }
  return { minX, minY, maxX, maxY }
}

function bandOf({ count, perDegree }: Pick<Bands, 'count' | 'perDegree'>, minY: number, y: number): number {
  return Math.min(count - 1, Math.floor((y - minY) * perDegree))
}

function cutIntoBands(ys: Float64Array, minY: number, maxY: number): Bands | null {
  const edgeCount = ys.length - 1
  if (maxY === minY) return null
  for (let count = Math.ceil(edgeCount / EDGES_PER_BAND); count > 1; count = count >> 1) {
    const scale = { count, perDegree: count / (maxY - minY) }
    const starts = new Int32Array(count + 1)
    let entries = 0
    const eachBand = (visit: (band: number, edge: number) => void) => {
      for (let i = 0; i < edgeCount; i++) {
        const last = bandOf(scale, minY, Math.max(ys[i]!, ys[i + 1]!))
        for (let band = bandOf(scale, minY, Math.min(ys[i]!, ys[i + 1]!)); band <= last; band++) visit(band, i)
      }
    }
    for (let i = 0; i < edgeCount; i++) {
      entries += Math.abs(bandOf(scale, minY, ys[i]!) - bandOf(scale, minY, ys[i + 1]!)) + 1
    }
    if (entries > edgeCount * MAX_ENTRIES_PER_EDGE) continue
    eachBand(band => {
      starts[band + 1]! += 1
    })
    for (let band = 0; band < count; band++) starts[band + 1]! += starts[band]!
    const next = starts.slice()
    const edges = new Int32Array(entries)
    eachBand((band, edge) => {
      edges[next[band]!] = edge
      next[band]! += 1
    })
    return { ...scale, starts, edges }
  }
  return null
}
