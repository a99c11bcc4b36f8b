import type { ProximityRule } from '../../contract/index.ts'
import type { Fix } from '../device-state.ts'
import { geodesicMeters, haversineMeters } from '../geometry/geodesy.ts'

/** What is remembered of a pair that is near or about to be. Survives `JSON.parse(JSON.stringify(state))`. */
export interface ProximityState {
  /** Since which fix it is near; absent: it is not yet. Milliseconds, the time of the newer of the two positions. */
  readonly nearSince?: number
  /** Since which fix it has been within the distance, while `minSeconds` pass. */
  readonly pendingSince?: number
  /** The smallest distance of the episode in metres. */
  readonly closest?: number
}

export interface ProximityStep {
  /** Null: nothing to remember. */
  readonly state: ProximityState | null
  readonly change?: {
    readonly event: 'near' | 'far'
    readonly at: number
    /** The time of the fix with which the episode began. */
    readonly since: number
    readonly meters: number
    readonly closest: number
  }
}

const DEFAULT_MAX_AGE_SECONDS = 120
const FAR_BY_DEFAULT = 1.25

/** @returns the distance beyond which a pair is far */
export function farMetersOf({ nearMeters, farMeters }: ProximityRule): number {
  return Math.max(nearMeters, farMeters ?? nearMeters * FAR_BY_DEFAULT)
}

/** Exact where it matters. */
function distance(a: Fix, b: Fix, limit: number): number {
  const points = [a.location.lng, a.location.lat, b.location.lng, b.location.lat] as const
  const rough = haversineMeters(...points)
  return rough > 2 * limit ? rough : geodesicMeters(...points)
}

/**
 * What two newest positions say of a pair. Positions that are not fresh, by the platform's clock, say nothing, and the same
 * positions again say nothing new.
 */
export function stepProximity(
  rule: ProximityRule,
  before: ProximityState | null,
  { a, b, nowMs }: { readonly a: Fix; readonly b: Fix; readonly nowMs: number },
): ProximityStep {
  const oldest = nowMs - (rule.maxAgeSeconds ?? DEFAULT_MAX_AGE_SECONDS) * 1_000
  if (a.timestamp < oldest || b.timestamp < oldest) return { state: before }
  const at = Math.max(a.timestamp, b.timestamp)
  const meters = distance(a, b, farMetersOf(rule))
  const closest = Math.min(meters, before?.closest ?? meters)
  const since = before?.nearSince
  if (since !== undefined) {
    if (meters <= farMetersOf(rule)) return { state: { nearSince: since, closest } }
    return { state: null, change: { event: 'far', at, since, meters, closest } }
  }
  if (meters > rule.nearMeters) return { state: null }
  const pendingSince = before?.pendingSince ?? at
  if (at - pendingSince < (rule.minSeconds ?? 0) * 1_000) return { state: { pendingSince, closest } }
  return { state: { nearSince: at, closest }, change: { event: 'near', at, since: at, meters, closest } }
}
