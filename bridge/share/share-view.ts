import {
  type DeviceStatus,
  isShareOpen,
  type LocationUpdate,
  type ParsedTopic,
  type ShareScope,
  sharedFix,
  sharedStatus,
} from '../../contract/index.ts'
import { coversOf } from './share-area.ts'

/** A fix as the bearer of a scope may see it now, or null. */
export function fixInView(share: ShareScope, deviceId: string, fix: LocationUpdate, nowMs: number) {
  return isShareOpen(share, nowMs) ? sharedFix(share, deviceId, fix, coversOf(share)) : null
}

/**
 * The payload of a message as the bearer of a scope may receive it now, or null: withheld.
 * What the platform forwards was validated when it came in.
 */
export function payloadInView(
  share: ShareScope,
  { channel, params }: ParsedTopic,
  payload: Buffer,
  nowMs: number,
): Buffer | null {
  // What is told of the viewer itself, also that its time is over.
  if (channel === 'errors') return payload
  if (!isShareOpen(share, nowMs) || payload.length === 0) return null
  const value: unknown = JSON.parse(payload.toString())
  const deviceId = params.deviceId!
  if (channel === 'status') return bytesOf(sharedStatus(share, deviceId, value as DeviceStatus))
  if (channel !== 'location' && channel !== 'last') return null
  return bytesOf(fixInView(share, deviceId, value as LocationUpdate, nowMs))
}

function bytesOf(value: object | null): Buffer | null {
  return value === null ? null : Buffer.from(JSON.stringify(value))
}
