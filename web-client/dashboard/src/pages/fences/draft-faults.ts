import { type FenceDraft, fewestPoints, type Position, widthMeters } from './fence-draft.ts'

/** What is wrong, and where it is said: a JSON pointer into the feature, as the platform's own refusals have it. */
export interface Fault {
  readonly path: string
  readonly message: string
}

const TOO_FEW = {
  polygon: 'A polygon needs three corners at least.',
  circle: 'The circle has no centre yet.',
  corridor: 'A corridor needs two points at least.',
} as const

/** What can be seen while drawing. Whether the fence is valid is decided by the platform, when it is saved. */
export function faultsOf(draft: FenceDraft): Fault[] {
  if (draft.fixed !== null) return []
  const faults: Fault[] = []
  const { shape, points } = draft
  if (points.length < fewestPoints(shape)) faults.push({ path: '/geometry', message: TOO_FEW[shape] })
  for (const [i, [lng, lat]] of points.entries()) {
    if (!(Math.abs(lat) <= 90)) faults.push(faultOfPoint(i, 'Latitude is from −90 to 90.'))
    else if (!(Math.abs(lng) <= 180)) faults.push(faultOfPoint(i, 'Longitude is from −180 to 180.'))
  }
  const width = widthMeters(draft)
  const key = shape === 'circle' ? 'radius' : 'buffer'
  if (shape !== 'polygon' && !(width !== null && width > 0)) {
    faults.push({ path: `/properties/${key}`, message: 'Say how many metres, more than 0.' })
  }
  if (shape === 'polygon') {
    const crossing = firstCrossing(points)
    if (crossing !== null) {
      const [a, b] = crossing
      const message = `The edge after point ${a + 1} crosses the one after point ${b + 1}.`
      faults.push({ path: `/geometry/coordinates/0/${b}`, message })
    }
  }
  return faults
}

const faultOfPoint = (index: number, message: string): Fault => ({
  path: `/geometry/coordinates/0/${index}`,
  message: `Point ${index + 1}: ${message}`,
})

/** The first two edges of a ring that cross, by the index of where they begin. */
function firstCrossing(ring: readonly Position[]): readonly [number, number] | null {
  const count = ring.length
  for (let a = 0; a < count; a += 1) {
    for (let b = a + 2; b < count; b += 1) {
      if (a === 0 && b === count - 1) continue
      if (cross(ring[a]!, ring[a + 1]!, ring[b]!, ring[(b + 1) % count]!)) return [a, b]
    }
  }
  return null
}

/** Whether two edges cross in the inside of both. On a map as small as a fence a degree is as good as a plane. */
function cross(a: Position, b: Position, c: Position, d: Position): boolean {
  const side = (p: Position, q: Position, r: Position): number =>
    Math.sign((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]))
  return side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0
}

/** The fault that belongs to a field: its own, or one of something inside it. */
export function faultAt(faults: readonly Fault[], path: string): string | null {
  return faults.find(fault => fault.path === path || fault.path.startsWith(`${path}/`))?.message ?? null
}
