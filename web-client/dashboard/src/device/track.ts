import type { LocationUpdate } from '../../../../contract/index.ts'
import { TRAIL_GAP_MS } from '../live/devices.ts'

/** Where a device was at a moment. */
export interface TrackPoint {
  readonly position: readonly [longitude: number, latitude: number]
  /** The newest fix at that moment. */
  readonly fix: LocationUpdate
  /** Whether the place lies on the line between two fixes. */
  readonly between: boolean
}

/** The index of the newest fix at `timeMs`; -1 before the first. */
export function indexAt(fixes: readonly LocationUpdate[], timeMs: number): number {
  let low = 0
  let high = fixes.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (fixes[middle]!.timestamp <= timeMs) low = middle + 1
    else high = middle
  }
  return low - 1
}

/**
 * Between two fixes the device is drawn on the line between them; in a silence it stays where it was heard last, because a
 * line would claim a road that nobody saw. Null when there is no fix.
 * @param fixes oldest first
 */
export function pointAt(fixes: readonly LocationUpdate[], timeMs: number): TrackPoint | null {
  const index = Math.max(0, indexAt(fixes, timeMs))
  const fix = fixes[index]
  if (fix === undefined) return null
  const position = [fix.location.lng, fix.location.lat] as const
  const next = fixes[index + 1]
  if (next === undefined || timeMs <= fix.timestamp || next.timestamp - fix.timestamp > TRAIL_GAP_MS) {
    return { position, fix, between: false }
  }
  const part = (timeMs - fix.timestamp) / (next.timestamp - fix.timestamp)
  return {
    position: [
      position[0] + (next.location.lng - position[0]) * part,
      position[1] + (next.location.lat - position[1]) * part,
    ],
    fix,
    between: part > 0,
  }
}

/** Where a playback goes on after `timeMs`: a silence is stepped over, nobody watches a night in a garage. */
export function afterSilence(fixes: readonly LocationUpdate[], timeMs: number): number {
  const index = indexAt(fixes, timeMs)
  const next = fixes[index + 1]
  const before = fixes[index]
  if (next === undefined || before === undefined || next.timestamp - before.timestamp <= TRAIL_GAP_MS) return timeMs
  return next.timestamp
}

export interface Stop {
  readonly fromMs: number
  readonly toMs: number
  readonly location: LocationUpdate['location']
}

/** Between one trip and the next it stood. */
export function stopsBetween(
  trips: readonly {
    readonly start: { readonly timestamp: number }
    readonly end: { readonly timestamp: number; readonly location: LocationUpdate['location'] }
  }[],
): Stop[] {
  return trips.slice(0, -1).map(({ end }, i) => ({
    fromMs: end.timestamp,
    toMs: trips[i + 1]!.start.timestamp,
    location: end.location,
  }))
}

export interface Sample {
  readonly timestamp: number
  readonly value: number
}

/**
 * Few enough samples to draw, among which no peak is missing: of every slice of time the lowest and the highest stay.
 * @param slices at most twice as many come out
 */
export function thinned(samples: readonly Sample[], slices: number): readonly Sample[] {
  const first = samples[0]
  const last = samples.at(-1)
  if (first === undefined || last === undefined || samples.length <= 2 * slices) return samples
  const sliceMs = (last.timestamp - first.timestamp) / slices || 1
  const kept: Sample[] = []
  let slice = 0
  let lowest = first
  let highest = first
  const flush = (): void => {
    const [earlier, later] = lowest.timestamp <= highest.timestamp ? [lowest, highest] : [highest, lowest]
    kept.push(earlier)
    if (later !== earlier) kept.push(later)
  }
  for (const sample of samples) {
    const its = Math.min(slices - 1, Math.floor((sample.timestamp - first.timestamp) / sliceMs))
    if (its !== slice) {
      flush()
      slice = its
      lowest = sample
      highest = sample
    }
    if (sample.value < lowest.value) lowest = sample
    if (sample.value > highest.value) highest = sample
  }
  flush()
  return kept
}
