import type { DeviceEvent, GeofenceEvent } from '../../contract/index.ts'
import { type EngineEvent, isGeofenceEvent } from '../../geofence-engine/index.ts'
import type { StoredEvent } from '../store/events.ts'
import { canonicalJson } from './canonical-json.ts'
import type { DecidedEvent } from './late-run.ts'

export interface EventDifference {
  /** Came out, and do not stand. */
  readonly appeared: readonly DecidedEvent[]
  /** Stand, and did not come out. */
  readonly vanished: readonly StoredEvent[]
  /** Stand and came out, but differ in detail: as they are to be stored. */
  readonly amended: readonly StoredEvent[]
}

/** Compares what came out of a run with what stands of its stretch, by base id. */
export function differenceOf(given: readonly DecidedEvent[], standing: readonly StoredEvent[]): EventDifference {
  const byBase = new Map(standing.map(event => [event.baseId, event]))
  const appeared: DecidedEvent[] = []
  const amended: StoredEvent[] = []
  for (const decided of given) {
    const stands = byBase.get(decided.event.id)
    byBase.delete(decided.event.id)
    if (stands === undefined) appeared.push(decided)
    else {
      const changed = amendment(stands, decided)
      if (changed !== null) amended.push(changed)
    }
  }
  return { appeared, vanished: [...byBase.values()], amended }
}

/** How a standing event is to be stored now; null: as it is. When it was announced, and under which id, does not change. */
export function amendment(stands: StoredEvent, { event, causeTime }: DecidedEvent): StoredEvent | null {
  const { late: _, ...body } = event
  const { late } = stands.event
  const changed = { ...body, id: stands.event.id, ...(late !== undefined && { late }) } as EngineEvent
  if (causeTime === stands.causeTime && canonicalJson(changed) === canonicalJson(stands.event)) return null
  return { ...stands, event: changed, causeTime }
}

/** An event that only late fixes revealed, as it is announced. */
export function lateEvent<Event extends EngineEvent>(event: Event): Event {
  return { ...event, late: true }
}

/** An event that comes back after it was retracted: under an id that nobody has seen. */
export function revisionOf<Event extends EngineEvent>(event: Event, revision: number): Event {
  return { ...event, id: `${event.id}.r${revision}` }
}

/** What takes an announced event back. Its id says which one it takes back. */
export function correctionOf(retracted: GeofenceEvent | DeviceEvent): GeofenceEvent | DeviceEvent {
  const { id, deviceId, timestamp, location } = retracted
  if (isGeofenceEvent(retracted)) {
    const { event, fenceId, fenceName } = retracted
    return {
      id: `${id}.retracted`,
      event: 'correction',
      deviceId,
      fenceId,
      fenceName,
      timestamp,
      location: retracted.location,
      retracts: id,
      ...(event !== 'correction' && { retractedEvent: event }),
    }
  }
  const { event, episode, fenceId, otherDeviceId } = retracted
  return {
    id: `${id}.retracted`,
    event,
    phase: 'correction',
    ...(episode !== undefined && { episode }),
    deviceId,
    timestamp,
    ...(location !== undefined && { location }),
    ...(fenceId !== undefined && { fenceId }),
    ...(otherDeviceId !== undefined && { otherDeviceId }),
    retracts: id,
  }
}
