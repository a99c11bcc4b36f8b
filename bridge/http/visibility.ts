import { type Principal, TrackwireError, visibleDevices } from '../../contract/index.ts'
import type { Database } from '../store/database.ts'
import { listDeviceIds } from '../store/queries/devices.ts'
import { mayRead } from './access.ts'

/**
 * The devices whose positions and alerts a principal may read: by its role and grants, and by its `acl` claim when it has one.
 * @returns null for all of the organisation
 */
export async function readableDevices(db: Database, principal: Principal): Promise<readonly string[] | null> {
  if (principal.acl.length > 0) {
    const ids = await listDeviceIds(db, principal.org)
    return ids.filter(deviceId => mayRead(principal, 'last', { deviceId }))
  }
  const visible = visibleDevices(principal)
  return visible === 'all' ? null : [...visible]
}

/** A device one may not see is answered like one that does not exist, so that ids cannot be probed. Errors: `device_unknown`. */
export function mustSeeDevice(principal: Principal, deviceId: string): void {
  if (!mayRead(principal, 'last', { deviceId })) throw unknownDevice(deviceId)
}

export function unknownDevice(deviceId: string): TrackwireError {
  return new TrackwireError('device_unknown', `no device ${deviceId} is registered, or this token may not see it`)
}
