import type { CompiledFence } from '../compiled-fence.ts'
import type { DeviceState, FenceMemory, Fix } from '../device-state.ts'

/** What is known of a fence that has no memory: the device is outside, or, before the first fix that counts for it, nothing. */
export function unremembered(
  { newest, bestAccuracy = 0 }: DeviceState,
  maxAccuracy = Number.POSITIVE_INFINITY,
): FenceMemory {
  const heardOf = newest !== null && bestAccuracy <= maxAccuracy
  return heardOf ? { inside: false } : { inside: false, undecided: true }
}

/**
 * What is known of a fence at the moment it is created or changed: a stay goes on, everything else begins anew. A stay that nothing
 * was asked about until now begins at that moment.
 */
export function forgotten(memory: FenceMemory | undefined, fence: CompiledFence, newest: Fix): FenceMemory {
  if (memory?.inside !== true) return { inside: false, undecided: true }
  const { timestamp } = newest
  if (fence.stayLimits === null || fence.schedule?.activeAt(timestamp) === false) return { inside: true }
  return { inside: true, stay: memory.stay ?? { since: timestamp } }
}

/** The best accuracy so far, for {@link unremembered}; undefined once no fence can ask for better. */
export function bestAccuracyWith({ newest, bestAccuracy }: DeviceState, { location }: Fix): number | undefined {
  const before = newest === null ? Number.POSITIVE_INFINITY : (bestAccuracy ?? 0)
  const best = Math.min(before, location.accuracy ?? 0)
  return best > 0 ? best : undefined
}
