import type { TrailPoint } from '../../live/devices.ts'

/** The answer of `GET /sos/{id}/trail`. */
export interface StoredTrail {
  readonly geometry:
    | { readonly type: 'LineString'; readonly coordinates: readonly (readonly [number, number])[] }
    | { readonly type: 'Point'; readonly coordinates: readonly [number, number] }
    | null
  readonly properties: { readonly alertId: string; readonly times: readonly number[]; readonly closedAt: number | null }
}

/** The stored way, and behind it the live positions that have come since; none after the alert was closed. */
export function wayOf(stored: StoredTrail | null, live: readonly TrailPoint[]): (readonly [number, number])[] {
  if (stored === null) return []
  const { geometry, properties } = stored
  const before = geometry === null ? [] : geometry.type === 'Point' ? [geometry.coordinates] : geometry.coordinates
  if (properties.closedAt !== null) return [...before]
  const known = properties.times.at(-1) ?? Number.NEGATIVE_INFINITY
  return [...before, ...live.filter(({ timestamp }) => timestamp > known).map(({ position }) => position)]
}
