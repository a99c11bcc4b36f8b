import type { CompiledFence } from '../compiled-fence.ts'
import type { Fix } from '../device-state.ts'
import { segmentBetween } from '../geometry/segment.ts'

/**
 * When a device that moved evenly from one fix to the next, which is outside, left the fence: the end of the last stretch of the line
 * between them that the fence covers, milliseconds. The time of the first fix when no part of it is covered.
 */
export function leavingTime(fence: CompiledFence, from: Fix, to: Fix): number {
  const segment = segmentBetween(from.location.lng, from.location.lat, to.location.lng, to.location.lat)
  const left = fence.coveredAlong(segment).at(-1)?.[1] ?? 0
  return from.timestamp + Math.floor(left * (to.timestamp - from.timestamp))
}
