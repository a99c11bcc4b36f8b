import RBush from 'rbush'
import { fenceFault, showPosition } from './fault.ts'
import { orientation } from './orientation.ts'
import { type PolygonRings, polygonCovers } from './polygon-area.ts'
import { INSIDE, ON_BORDER, OUTSIDE, type Ring } from './ring.ts'
import type { UnwrappedRing } from './unwrap.ts'

/** A ring with its place in the geometry. */
interface PlacedRing {
  readonly ring: UnwrappedRing
  readonly test: Ring
  readonly polygon: number
  readonly path: string
  readonly label: string
  /** Edges (by index) that meet another ring, and where. */
  readonly touches: Map<number, Point[]>
}

interface Edge {
  readonly minX: number
  readonly minY: number
  readonly maxX: number
  readonly maxY: number
  readonly ring: PlacedRing
  readonly index: number
  readonly order: number
  /** Rings around a pole come back a turn later: their edges are also looked for there. */
  readonly turn: number
}

type Point = readonly [number, number]
type Meeting = { readonly kind: 'cross' | 'overlap' | 'touch'; readonly at: Point }

/** Real borders have three pairs per vertex; geometry with this many (two seconds of work) is not worth the time of everybody else. */
const MAX_PAIRS = 25_000_000

/**
 * Refuses what OGC Simple Features (06-103r4 §6.1.11, §6.1.14) calls invalid, as PostGIS `ST_IsValid` does: rings that cross or touch
 * themselves, rings that cross or share edges, holes outside their shell or in each other, interiors cut in two by holes, polygons that
 * overlap. Rings may touch each other at single points.
 * @throws TrackwireError fence_invalid with `details.path` and `details.position`
 */
export function checkPolygons(polygons: readonly PolygonRings[], paths: readonly string[]): void {
  const rings = polygons.flatMap(({ shell, holes, laidOut }, polygon) =>
    laidOut.map(
      (ring, i): PlacedRing => ({
        ring,
        test: i === 0 ? shell : holes[i - 1]!,
        polygon,
        path: `${paths[polygon]}/${i}`,
        label: `${i === 0 ? 'the outer ring' : `hole ${i}`}${polygons.length > 1 ? ` of polygon ${polygon}` : ''}`,
        touches: new Map(),
      }),
    ),
  )
  checkSpikes(rings)
  const touchPoints = checkEdges(rings)
  checkHoles(rings)
  checkInteriors(rings, touchPoints)
  checkOverlaps(polygons, rings)
}

/** Neighbouring edges that fold back onto each other. */
function checkSpikes(rings: readonly PlacedRing[]): void {
  for (const placed of rings) {
    const { xs, ys, winding } = placed.ring
    const last = xs.length - 1
    for (let i = 0; i < last; i++) {
      const before = i === 0 ? last - 1 : i - 1
      const beforeX = i === 0 ? xs[before]! - 360 * winding : xs[before]!
      const dot = (beforeX - xs[i]!) * (xs[i + 1]! - xs[i]!) + (ys[before]! - ys[i]!) * (ys[i + 1]! - ys[i]!)
      if (dot > 0 && orientation(beforeX, ys[before]!, xs[i + 1]!, ys[i + 1]!, xs[i]!, ys[i]!) === 0) {
        const at: Point = [degrees(xs[i]!), ys[i]!]
        throw fenceFault(
          `${placed.label} folds back onto itself at ${showPosition(at)} (vertex ${placed.ring.source[i]}); remove the spike`,
          `${placed.path}/${placed.ring.source[i]}`,
          at,
        )
      }
    }
  }
}

/** Looks at every pair of edges that are near each other. Notes where different rings touch; refuses all other meetings. */
function checkEdges(rings: readonly PlacedRing[]): Map<string, Set<PlacedRing>> {
  const edges = edgesOf(rings)
  const tree = new RBush<Edge>()
  tree.load(edges as Edge[])
  const touchPoints = new Map<string, Set<PlacedRing>>()
  let pairs = 0
  for (const edge of edges) {
    if (edge.turn !== 0) continue
    for (const other of tree.search(edge)) {
      if (++pairs > MAX_PAIRS) {
        throw fenceFault('the edges lie too thick to be checked; simplify the geometry', edge.ring.path)
      }
      if (other.turn === 0 ? other.order <= edge.order : other.order === edge.order) continue
      if (edge.ring === other.ring && areNeighbours(edge, other)) continue
      const meeting = meet(edge, other)
      if (meeting === null) continue
      if (meeting.kind !== 'touch' || edge.ring === other.ring) throw meetingFault(edge, other, meeting)
      noteTouch(edge, meeting.at)
      noteTouch(other, [meeting.at[0] - other.turn, meeting.at[1]])
      const key = `${degrees(meeting.at[0])},${meeting.at[1]}`
      const touching = touchPoints.get(key) ?? new Set()
      touchPoints.set(key, touching.add(edge.ring).add(other.ring))
    }
  }
  return touchPoints
}

function edgesOf(rings: readonly PlacedRing[]): Edge[] {
  const edges: Edge[] = []
  let order = 0
  for (const placed of rings) {
    const { xs, ys, winding } = placed.ring
    for (let index = 0; index + 1 < xs.length; index++, order++) {
      const minX = Math.min(xs[index]!, xs[index + 1]!)
      const maxX = Math.max(xs[index]!, xs[index + 1]!)
      const minY = Math.min(ys[index]!, ys[index + 1]!)
      const maxY = Math.max(ys[index]!, ys[index + 1]!)
      for (const turn of winding === 0 ? [0] : [-360, 0, 360]) {
        edges.push({ minX: minX + turn, minY, maxX: maxX + turn, maxY, ring: placed, index, order, turn })
      }
    }
  }
  return edges
}

function areNeighbours(a: Edge, b: Edge): boolean {
  const apart = Math.abs(a.index - b.index)
  return apart === 1 || apart === a.ring.ring.xs.length - 2
}

/** How two edges meet, or null when they do not. */
function meet(a: Edge, b: Edge): Meeting | null {
  const [ax, ay, bx, by] = endsOf(a)
  const [cx, cy, dx, dy] = endsOf(b)
  const c = Math.sign(orientation(ax, ay, bx, by, cx, cy))
  const d = Math.sign(orientation(ax, ay, bx, by, dx, dy))
  if (c === d && c !== 0) return null
  const e = Math.sign(orientation(cx, cy, dx, dy, ax, ay))
  const f = Math.sign(orientation(cx, cy, dx, dy, bx, by))
  if (e === f && e !== 0) return null
  if (c === 0 && d === 0) return meetOnOneLine([ax, ay], [bx, by], [cx, cy], [dx, dy])
  if (c === 0) return { kind: 'touch', at: [cx, cy] }
  if (d === 0) return { kind: 'touch', at: [dx, dy] }
  if (e === 0) return { kind: 'touch', at: [ax, ay] }
  if (f === 0) return { kind: 'touch', at: [bx, by] }
  const t = ((cx - ax) * (dy - cy) - (cy - ay) * (dx - cx)) / ((bx - ax) * (dy - cy) - (by - ay) * (dx - cx))
  return { kind: 'cross', at: [ax + t * (bx - ax), ay + t * (by - ay)] }
}

function meetOnOneLine(a: Point, b: Point, c: Point, d: Point): Meeting | null {
  const axis = Math.abs(b[0] - a[0]) > Math.abs(b[1] - a[1]) ? 0 : 1
  const inOrder = (p: Point, q: Point): [Point, Point] => (p[axis] <= q[axis] ? [p, q] : [q, p])
  const [a1, a2] = inOrder(a, b)
  const [c1, c2] = inOrder(c, d)
  const from = a1[axis] > c1[axis] ? a1 : c1
  const to = a2[axis] < c2[axis] ? a2 : c2
  if (from[axis] > to[axis]) return null
  return { kind: from[axis] === to[axis] ? 'touch' : 'overlap', at: from }
}

function endsOf({ ring, index, turn }: Edge): [number, number, number, number] {
  const { xs, ys } = ring.ring
  return [xs[index]! + turn, ys[index]!, xs[index + 1]! + turn, ys[index + 1]!]
}

function noteTouch({ ring, index }: Edge, at: Point): void {
  const points = ring.touches.get(index)
  if (points === undefined) ring.touches.set(index, [at])
  else points.push(at)
}

function meetingFault(a: Edge, b: Edge, { kind, at }: Meeting) {
  const position: Point = [degrees(at[0]), at[1]]
  const what = { cross: 'crosses', overlap: 'runs along', touch: 'touches' }[kind]
  const whom = a.ring === b.ring ? 'itself' : b.ring.label
  const vertices = `after vertex ${a.ring.ring.source[a.index]} and vertex ${b.ring.ring.source[b.index]}`
  return fenceFault(
    `${a.ring.label} ${what} ${whom} at ${showPosition(position)} (edges ${vertices}); draw borders that do not meet`,
    `${a.ring.path}/${a.ring.ring.source[a.index]}`,
    position,
  )
}

/** Points of a ring, at least one from each stretch between two touches: where the ring is, seen from another. */
function* stretches(placed: PlacedRing): Generator<Point> {
  const { xs, ys } = placed.ring
  for (let i = 0; i + 1 < xs.length; i++) {
    const touches = placed.touches.get(i)
    if (touches === undefined) continue
    const a: Point = [xs[i]!, ys[i]!]
    const b: Point = [xs[i + 1]!, ys[i + 1]!]
    const along = (p: Point) => (p[0] - a[0]) * (b[0] - a[0]) + (p[1] - a[1]) * (b[1] - a[1])
    const stops = [a, ...touches, b].sort((p, q) => along(p) - along(q))
    for (let s = 0; s + 1 < stops.length; s++) {
      const [from, to] = [stops[s]!, stops[s + 1]!]
      if (from[0] !== to[0] || from[1] !== to[1]) yield [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2]
    }
  }
  // A ring that touches nothing lies on one side as a whole; a touched one still has vertices between its touches.
  if (placed.touches.size < xs.length - 1) {
    for (let i = 0; i + 1 < xs.length; i++) if (!placed.touches.has(i)) return yield [xs[i]!, ys[i]!]
  }
}

function checkHoles(rings: readonly PlacedRing[]): void {
  const shells = new Map(rings.filter(({ path }) => path.endsWith('/0')).map(shell => [shell.polygon, shell]))
  const holes = rings.filter(placed => shells.get(placed.polygon) !== placed)
  for (const hole of holes) {
    const shell = shells.get(hole.polygon)!
    for (const point of stretches(hole)) {
      if (shell.test.locate(...point) === OUTSIDE) {
        const at: Point = [degrees(point[0]), point[1]]
        throw fenceFault(`${hole.label} lies outside ${shell.label} at ${showPosition(at)}`, hole.path, at)
      }
    }
  }
  const tree = new RBush<{ minX: number; minY: number; maxX: number; maxY: number; hole: PlacedRing }>()
  tree.load(holes.map(hole => ({ ...extentOf(hole.test), hole })))
  for (const inner of holes) {
    for (const { hole: outer } of tree.search(extentOf(inner.test))) {
      if (outer === inner || outer.polygon !== inner.polygon) continue
      for (const point of stretches(inner)) {
        if (outer.test.locate(...point) !== INSIDE) continue
        const at: Point = [degrees(point[0]), point[1]]
        throw fenceFault(`${inner.label} lies in ${outer.label} at ${showPosition(at)}`, inner.path, at)
      }
    }
  }
}

/** Rings and the points where they touch form a graph; a cycle in it encloses a part of the interior. */
function checkInteriors(rings: readonly PlacedRing[], touchPoints: ReadonlyMap<string, ReadonlySet<PlacedRing>>): void {
  const parents = new Map<PlacedRing | string, PlacedRing | string>()
  const root = (node: PlacedRing | string): PlacedRing | string => {
    let at = node
    for (let up = parents.get(at); up !== undefined; up = parents.get(at)) at = up
    return at
  }
  const polygons = new Set(rings.map(({ polygon }) => polygon))
  for (const [key, touching] of touchPoints) {
    for (const polygon of polygons.size === 1 ? polygons : new Set([...touching].map(ring => ring.polygon))) {
      const own = [...touching].filter(ring => ring.polygon === polygon)
      if (own.length < 2) continue
      const point = `${polygon}:${key}`
      for (const placed of own) {
        const [a, b] = [root(placed), root(point)]
        if (a === b) {
          const at = key.split(',').map(Number) as [number, number]
          throw fenceFault(
            `${placed.label} touches other rings at several points, also at ${showPosition(at)}, and cuts the area in two; draw two polygons`,
            placed.path,
            at,
          )
        }
        parents.set(a, b)
      }
    }
  }
}

/** Polygons of one fence may touch, not overlap. */
function checkOverlaps(polygons: readonly PolygonRings[], rings: readonly PlacedRing[]): void {
  if (polygons.length === 1) return
  const shells = rings.filter(({ path }) => path.endsWith('/0'))
  const tree = new RBush<{ minX: number; minY: number; maxX: number; maxY: number; shell: PlacedRing }>()
  tree.load(shells.map(shell => ({ ...extentOf(shell.test), shell })))
  for (const shell of shells) {
    for (const { shell: other } of tree.search(extentOf(shell.test))) {
      if (other === shell) continue
      const polygon = polygons[other.polygon]!
      for (const point of stretches(shell)) {
        if (!polygonCovers(polygon, ...point) || isOnBorder(polygon, point)) continue
        const at: Point = [degrees(point[0]), point[1]]
        throw fenceFault(`${shell.label} overlaps polygon ${other.polygon} at ${showPosition(at)}`, shell.path, at)
      }
    }
  }
}

function isOnBorder({ shell, holes }: PolygonRings, point: Point): boolean {
  return [shell, ...holes].some(ring => ring.locate(...point) === ON_BORDER)
}

function extentOf({ minX, minY, maxX, maxY }: Ring): { minX: number; minY: number; maxX: number; maxY: number } {
  return { minX, minY, maxX, maxY }
}

/** A longitude as people write it. */
function degrees(x: number): number {
  return x < -180 || x > 180 ? x - 360 * Math.round(x / 360) : x
}
