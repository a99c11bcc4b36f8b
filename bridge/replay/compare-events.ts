import type { DeviceEventKind } from '../../contract/index.ts'
import { type EngineEvent, isGeofenceEvent } from '../../geofence-engine/index.ts'

/** What a replay would have announced otherwise than it was. */
export interface Comparison {
  /** Announced and standing, but the replay does not give them. */
  readonly gone: EngineEvent[]
  /** Given by the replay, but not announced. */
  readonly added: EngineEvent[]
  /** How many are in both. */
  same: number
}

/** Said of sessions and of two devices at once: a run over one device's fixes cannot say them, nor what a device raised itself. */
const NOT_OF_A_TRACK: ReadonlySet<DeviceEventKind> = new Set(['online', 'offline', 'near', 'far', 'identity-clash'])

/**
 * Holds replayed events of one device against those that stand. Of fences that were not replayed nothing is said.
 * @param fenceIds the fences that were replayed
 */
export function compareEvents(
  standing: readonly EngineEvent[],
  replayed: readonly EngineEvent[],
  fenceIds: ReadonlySet<string>,
): Comparison {
  const announced = new Map<string, EngineEvent>()
  for (const event of standing) if (isOfTrack(event, fenceIds)) announced.set(sameness(event), event)
  const added: EngineEvent[] = []
  let same = 0
  for (const event of replayed) {
    if (announced.delete(sameness(event))) same += 1
    else added.push(event)
  }
  return { gone: [...announced.values()], added, same }
}

function isOfTrack(event: EngineEvent, fenceIds: ReadonlySet<string>): boolean {
  if (isGeofenceEvent(event)) return fenceIds.has(event.fenceId)
  return event.source !== 'device' && !NOT_OF_A_TRACK.has(event.event)
}

/** Ids differ when an event came back after it was retracted; what it says does not. */
function sameness(event: EngineEvent): string {
  return isGeofenceEvent(event)
    ? JSON.stringify([event.fenceId, event.event, event.timestamp, event.repeat ?? 0, event.overstay ?? false])
    : JSON.stringify([event.fenceId ?? null, event.event, event.phase, event.timestamp])
}
