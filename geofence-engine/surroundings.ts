import type { RuleSettings } from '../contract/index.ts'
import type { Device } from './device-state.ts'
import type { FenceIndex } from './fence-index.ts'

/** Everything beside its own fixes that the events of a device depend on. */
export interface Surroundings {
  readonly device: Device
  readonly fences: FenceIndex
  /** What is in force for the device: organisation, group and device settings merged. */
  readonly rules: RuleSettings
  /**
   * Up to which event time (inclusive, milliseconds) what came of a fence or of the rules stands whatever comes later, because
   * they were changed when the device had got so far. By the epoch of the fence or the rules; -Infinity: nothing is settled.
   */
  settledUntil(epoch: number): number
  /** The epoch of the last change of `rules` or of the device's groups. */
  readonly epoch: number
}

/** Surroundings in which nothing was ever changed: of a replay, a preview, a test. */
export function unchanging(device: Device, fences: FenceIndex, rules: RuleSettings = {}): Surroundings {
  return { device, fences, rules, epoch: 0, settledUntil: () => Number.NEGATIVE_INFINITY }
}
