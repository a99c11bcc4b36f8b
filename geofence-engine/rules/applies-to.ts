import type { FenceProperties } from '../../contract/index.ts'
import type { Device } from '../device-state.ts'

/** `appliesTo`: the fence concerns the device by its id or one of its groups; without either list it concerns all. */
export function appliesTo({ appliesTo }: FenceProperties, { deviceId, groups }: Device): boolean {
  if (appliesTo?.devices === undefined && appliesTo?.groups === undefined) return true
  return (appliesTo.devices ?? []).includes(deviceId) || (appliesTo.groups ?? []).some(group => groups.includes(group))
}
