import type { RuleSettings } from '../../contract/index.ts'
import type { Device, FenceIndex, Surroundings } from '../../geofence-engine/index.ts'
import type { MetEpoch } from '../store/device-states.ts'
import type { Pipeline } from './pipeline.ts'
import { settledUntil } from './settled.ts'

/** What the organisation and the registry say of a device now. */
export interface Circumstances {
  readonly device: Device
  readonly fences: FenceIndex
  readonly rules: RuleSettings
  /** The epoch of the last change of `rules` or of the device's groups. */
  readonly epoch: number
  /** The epoch of the organisation's last change of whatever kind. */
  readonly orgEpoch: number
}

/** What the engine is to know, for a device that met these changes. */
export function surroundingsIn(
  { device, fences, rules, epoch }: Circumstances,
  changes: readonly MetEpoch[],
): Surroundings {
  return { device, fences, rules, epoch, settledUntil: of => settledUntil(changes, of) }
}

/** The circumstances of a device, from memory. */
export function circumstancesOf({ fences, devices, rules }: Pipeline, org: string, deviceId: string): Circumstances {
  const device = { org, deviceId, groups: devices.groups(org, deviceId) }
  const { rules: settings, epoch } = rules.of(org, deviceId, device.groups)
  return { device, fences: fences.of(org), rules: settings, epoch, orgEpoch: fences.epochOf(org) }
}
