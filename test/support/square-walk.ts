import type { FenceFeature, LocationUpdate } from '../../contract/index.ts'

/** A fence around [0.01, 0.01] and a walk in and out of it, whose crossings are known by construction. */
export const SQUARE: FenceFeature = {
  type: 'Feature',
  id: 'square',
  geometry: {
    type: 'Polygon',
    coordinates: [
      [
        [0.005, 0.005],
        [0.015, 0.005],
        [0.015, 0.015],
        [0.005, 0.015],
        [0.005, 0.005],
      ],
    ],
  },
  properties: { name: 'Square' },
}

/** Fixes between two crossings. */
export const FIXES_PER_SIDE = 7

/** The n-th fix of the walk: outside for {@link FIXES_PER_SIDE} fixes, inside for as many, and so on. */
export function walkFix(n: number, startMs: number): LocationUpdate {
  const inside = Math.floor(n / FIXES_PER_SIDE) % 2 === 1
  // A little movement, so that no two fixes are the same.
  const wiggle = (n % FIXES_PER_SIDE) * 1e-5
  return { timestamp: startMs + n * 100, location: { lat: 0.01 + wiggle, lng: inside ? 0.01 : 0.03 } }
}

/** The crossings of the first `count` fixes: `enter@<timestamp>`, `exit@<timestamp>`, … in order. */
export function walkCrossings(count: number, startMs: number): string[] {
  const crossings: string[] = []
  for (let n = FIXES_PER_SIDE; n < count; n += FIXES_PER_SIDE) {
    crossings.push(`${(n / FIXES_PER_SIDE) % 2 === 1 ? 'enter' : 'exit'}@${startMs + n * 100}`)
  }
  return crossings
}
