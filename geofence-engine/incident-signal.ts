import {
  ALARM_EVENT_KINDS,
  type DeviceEvent,
  type DeviceEventKind,
  type FenceProperties,
  type GeofenceEvent,
  type IncidentKind,
} from '../contract/index.ts'
import type { Decision } from './decision.ts'

/** What an event means for the incidents: a condition begins, is seen again, ends, or an event of it is taken back. */
export interface Signal {
  readonly type: 'begin' | 'seen' | 'end' | 'retract'
  readonly kind: IncidentKind
  /** What is one incident: the kind, the device, and what else it is about. */
  readonly key: string
  /** Ties an end to its begin; a fence event has none, and ends the newest stay that began before it. */
  readonly episode?: string
  /** The event's id; for a retraction the id of the event that does not stand. */
  readonly eventId: string
  readonly event: DeviceEvent | GeofenceEvent
}

const BEGUN_BY: Partial<Record<DeviceEventKind, IncidentKind>> = {
  ...Object.fromEntries(ALARM_EVENT_KINDS.map(kind => [kind, kind])),
  offline: 'offline',
  'off-route': 'off-route',
  near: 'near',
  'identity-clash': 'identity-clash',
}
const ENDED_BY: Partial<Record<DeviceEventKind, IncidentKind>> = { online: 'offline', far: 'near' }

/** @returns undefined when no incident could come of the event */
export function deviceSignal(event: DeviceEvent): Signal | undefined {
  const ended = ENDED_BY[event.event]
  const kind = ended ?? BEGUN_BY[event.event]
  if (kind === undefined) return undefined
  const { deviceId, fenceId, otherDeviceId, episode, retracts } = event
  const common = {
    kind,
    key: incidentKey(kind, deviceId, kind === 'near' ? otherDeviceId : fenceId),
    event,
    ...(episode !== undefined && { episode }),
  }
  if (event.phase === 'correction') return { ...common, type: 'retract', eventId: retracts ?? event.id }
  const type = ended !== undefined || event.phase === 'end' ? 'end' : 'begin'
  return { ...common, type, eventId: event.id }
}

/**
 * A fence with a `severity` is an alert from the enter to the exit; when its exits are what is announced (a yard that nothing may
 * leave), from the exit to the enter. A stay that is too long is one of its own.
 * @param fence the fence's properties as they are now; undefined when it is gone
 */
export function geofenceSignals(event: GeofenceEvent, fence: FenceProperties | undefined): Signal[] {
  const { deviceId, fenceId } = event
  const signals: Signal[] = []
  const add = (kind: IncidentKind, type: Signal['type']): void => {
    signals.push({ type, kind, key: incidentKey(kind, deviceId, fenceId), eventId: event.retracts ?? event.id, event })
  }
  const transition = event.event === 'correction' ? event.retractedEvent : event.event
  const correction = event.event === 'correction'
  const severe = (event.severity ?? fence?.severity) !== undefined
  if (event.overstay === true || (transition === 'exit' && fence?.maxStaySeconds !== undefined) || correction) {
    if (correction) add('overstay', 'retract')
    else add('overstay', transition === 'dwell' ? 'begin' : 'end')
  }
  if (correction) add('geofence', 'retract')
  else if (severe) {
    if (transition === 'dwell') add('geofence', 'seen')
    else add('geofence', transition === opensWith(fence) ? 'begin' : 'end')
  }
  return signals
}

/**
 * Crossings that nobody is told of, because the fence's schedule was not in force: what began while it was is over all the same.
 * @returns the keys of what a decision ends so
 */
export function endedUnannounced(
  deviceId: string,
  { kind, reason, event, subject }: Decision,
  fence: FenceProperties | undefined,
): string[] {
  if (kind !== 'fence' || reason !== 'out_of_schedule' || fence === undefined) return []
  const keys: string[] = []
  const isEnd = opensWith(fence) === 'enter' ? event === 'exit' : event === 'enter'
  if (isEnd && fence.severity !== undefined) keys.push(incidentKey('geofence', deviceId, subject))
  if (event === 'exit' && fence.maxStaySeconds !== undefined) keys.push(incidentKey('overstay', deviceId, subject))
  return keys
}

function opensWith(fence: FenceProperties | undefined): 'enter' | 'exit' {
  const events = fence?.events
  return events !== undefined && !events.includes('enter') && events.includes('exit') ? 'exit' : 'enter'
}

/** No id holds a slash, so no two lists read the same. */
export function incidentKey(kind: IncidentKind, ...about: readonly (string | undefined)[]): string {
  return [kind, ...about.filter(part => part !== undefined)].join('/')
}
