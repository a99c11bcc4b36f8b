import type { CompiledFence } from '../compiled-fence.ts'
import type { Fix } from '../device-state.ts'
import type { Track } from '../track.ts'

/** Where a position is, seen from a fence. */
export interface Reading {
  /** Where the position itself is. */
  readonly inside: boolean
  /** Far enough across the border to count; when it is not, the side is unknown. */
  readonly clear: boolean
  /** How far across it would have to be, metres. */
  readonly neededMeters: number
}

/** `marginMeters` and `useAccuracy`: the circle of a position's accuracy has to clear the border by the margin. */
export function readPosition(
  fence: CompiledFence,
  inside: boolean,
  { location: { lng, lat, accuracy } }: Fix,
  track: Track,
): Reading {
  const { noise } = fence
  if (noise === null) return { inside, clear: true, neededMeters: 0 }
  const needed = neededMeters(fence, inside, noise.accuracyTimes === 0 ? 0 : (accuracy ?? track.scatterMeters))
  return { inside, clear: needed === 0 || fence.boundaryMeters(lng, lat) >= needed, neededMeters: needed }
}

/** Of what its accuracy asks for, a position has to be so much deep inside even the smallest fence. Less, and drift enters. */
const LEAST_SHARE = 0.8

/**
 * How far across the border a position has to be. To enter a small fence half the fence's depth is enough, as long as the position is
 * exact enough to tell.
 */
export function neededMeters({ noise, halfDepthMeters }: CompiledFence, inside: boolean, accuracy: number): number {
  if (noise === null) return 0
  const byAccuracy = noise.accuracyTimes * accuracy
  const meters = noise.marginMeters + byAccuracy
  if (!inside) return meters
  return Math.min(meters, Math.max(halfDepthMeters, noise.leastMarginMeters, LEAST_SHARE * byAccuracy))
}
