import { createHash } from 'node:crypto'
import { type FenceFeature, ID_PATTERN, MAX_WAYPOINTS, type OwnTracksWaypoint } from '../../contract/index.ts'
import { readFence } from '../../geofence-engine/index.ts'
import type { DeviceKey } from '../store/device-states.ts'
import { type KnownWaypoint, keepWaypoint, knownWaypoint } from '../store/owntracks.ts'
import { commitFenceDeletion, commitFences, prepareFences } from './commit-fences.ts'
import type { Pipeline } from './pipeline.ts'

/**
 * `foreign`: the fence of that id is somebody else's, or was changed or deleted by somebody, and stays so; `full`: the phone has as
 * many as it may.
 */
export type WaypointOutcome = 'taken' | 'unchanged' | 'foreign' | 'full'

/**
 * A place of a phone becomes a circle that concerns this phone alone; one that lost its circle takes its fence away. What was
 * said before changes nothing, so that an app may send all its places as often as it likes, and what a person made of the
 * fence meanwhile counts. @throws TrackwireError fence_invalid
 */
export async function commitWaypoint(
  pipeline: Pipeline,
  device: DeviceKey,
  waypoint: OwnTracksWaypoint,
  inTurn: <T>(work: () => Promise<T>) => Promise<T>,
): Promise<WaypointOutcome> {
  const { org } = device
  const { createdSeconds } = waypoint
  const feature = fenceOf(device, waypoint)
  const fenceId = fenceIdOf(device, createdSeconds)
  const act = {
    org,
    actor: device.deviceId,
    action: feature === null ? 'fence.delete' : 'fence.put',
    target: fenceId,
    detail: { waypoint: waypoint.name },
  }
  let outcome: WaypointOutcome = 'unchanged'
  const condition: Parameters<typeof commitFences>[4] = async tx => {
    const known = await knownWaypoint(tx, device, { createdSeconds, fenceId, feature })
    outcome = judge(known, feature)
    if (outcome !== 'taken') return false
    await keepWaypoint(tx, device, { createdSeconds, fenceId, feature })
    return true
  }
  if (feature === null) await inTurn(() => commitFenceDeletion(pipeline, org, fenceId, act, condition))
  else {
    const prepared = await prepareFences([feature])
    await inTurn(() => commitFences(pipeline, org, prepared, act, condition))
  }
  return outcome
}

function judge({ isKnown, isSame, hasFence, isUntouched, count }: KnownWaypoint, feature: object | null) {
  if (isKnown ? isSame : feature === null) return 'unchanged'
  if (hasFence && !isUntouched) return 'foreign'
  return !isKnown && count >= MAX_WAYPOINTS ? 'full' : 'taken'
}

/** Readable where it fits; never the id of another place. */
function fenceIdOf({ deviceId }: DeviceKey, createdSeconds: number): string {
  const id = `owntracks.${deviceId}.${createdSeconds}`
  if (ID_PATTERN.test(id)) return id
  return `owntracks.${createHash('sha256').update(id).digest('hex').slice(0, 40)}`
}

function fenceOf(device: DeviceKey, { createdSeconds, name, circle }: OwnTracksWaypoint): FenceFeature | null {
  if (circle === null) return null
  return readFence({
    type: 'Feature',
    id: fenceIdOf(device, createdSeconds),
    geometry: { type: 'Point', coordinates: [circle.lng, circle.lat] },
    properties: {
      name,
      radius: circle.radiusMeters,
      appliesTo: { devices: [device.deviceId] },
      tags: ['owntracks'],
    },
  })
}
