import type { FenceProperties } from '../../contract/index.ts'
import type { DeviceState, FenceMemory, Fix } from '../device-state.ts'

/** What is known of a fence that has no memory: the device is outside, or, before the first fix that counts for it, nothing. */
export function unremembered({ newest, bestAccuracy = 0 }: DeviceState, properties: FenceProperties): FenceMemory {
  const heardOf = newest !== null && bestAccuracy <= (properties.maxAccuracy ?? Number.POSITIVE_INFINITY)
  return heardOf ? { inside: false } : { inside: false, undecided: true }
}

/** What is known of a fence at the moment it is created or changed: a stay goes on, everything else begins anew. */
export function forgotten(memory: FenceMemory | undefined): FenceMemory {
  return memory?.inside === true ? { inside: true } : { inside: false, undecided: true }
}

/** The best accuracy so far, for {@link unremembered}; undefined once no fence can ask for better. */
export function bestAccuracyWith({ newest, bestAccuracy }: DeviceState, { location }: Fix): number | undefined {
  const before = newest === null ? Number.POSITIVE_INFINITY : (bestAccuracy ?? 0)
  const best = Math.min(before, location.accuracy ?? 0)
  return best > 0 ? best : undefined
}
