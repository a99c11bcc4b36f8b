import type { DeviceEvent, GeofenceEvent } from '../contract/index.ts'
import type { CompiledFence } from './compiled-fence.ts'
import type { Decision } from './decision.ts'
import { applyDeviceRules } from './device-rules/apply-device-rules.ts'
import type { Device, DeviceState, FenceMemory, Fix } from './device-state.ts'
import { geofenceEventId } from './event-id.ts'
import { appliesTo } from './rules/applies-to.ts'
import { type Crossing, enterExit, isWorthKeeping } from './rules/enter-exit.ts'
import { announces } from './rules/event-filter.ts'
import { bestAccuracyWith, forgotten, unremembered } from './rules/initial.ts'
import { readPosition } from './rules/margin.ts'
import { isAccurateEnough } from './rules/max-accuracy.ts'
import type { Surroundings } from './surroundings.ts'

export type EngineEvent = GeofenceEvent | DeviceEvent

export function isGeofenceEvent(event: EngineEvent): event is GeofenceEvent {
  return 'fenceName' in event
}

export interface Evaluation {
  readonly state: DeviceState
  /** Exits before enters, each by fence id, then what the rules say: the same fix always gives the same list. */
  readonly events: EngineEvent[]
  /** Why each of the events came, and why what might have come did not. */
  readonly decisions: Decision[]
}

/** Until when the clock is asked, milliseconds since the Unix epoch. */
export interface AskedUntil {
  /** Now in the device's event time: the newest fix's time and what has passed since it was received. Stays are due by it. */
  readonly eventNow: number
  /** Now by the wall clock: schedules begin by it. */
  readonly clock: number
}

/** What becomes of a device when no fix comes. */
export interface Expectation {
  /** What is due by the times asked for, marked `inferred` or `scheduled`; it depends on the state and these times alone. */
  readonly events: EngineEvent[]
  readonly decisions: Decision[]
  /** The next times after those at which something may be due, never later than it is, milliseconds; null: never. */
  readonly nextAt: { readonly inEventTime: number | null; readonly byClock: number | null }
}

/**
 * What one fix means for the fences of the device's organisation (contract §4). A fix of the newest one's time changes nothing;
 * one that is older changes nothing here either; both give back the same state. Inputs are never changed.
 */
export function evaluateFix(surroundings: Surroundings, state: DeviceState, newest: Fix): Evaluation {
  if (state.newest !== null && newest.timestamp <= state.newest.timestamp) return { state, events: [], decisions: [] }
  const { device, fences } = surroundings
  const { timestamp, location } = newest

  const covering = new Set(fences.covering(location.lng, location.lat))
  const remembered = new Map(Object.entries(state.fences))
  const concerned = new Set(covering)
  for (const fenceId of remembered.keys()) {
    const fence = fences.get(fenceId)
    if (fence !== undefined) concerned.add(fence)
  }

  const kept: [string, FenceMemory][] = []
  const events: GeofenceEvent[] = []
  for (const fence of concerned) {
    const { id, properties } = fence.feature
    if (timestamp <= surroundings.settledUntil(Math.max(fence.epoch, surroundings.epoch))) {
      const settled = remembered.get(id)
      if (settled !== undefined) kept.push([id, settled])
      continue
    }
    const before = remembered.get(id) ?? unremembered(state, properties)
    const { memory, crossing } = applyRules(device, fence, before, covering.has(fence), newest)
    if (memory !== null && isWorthKeeping(memory)) kept.push([id, memory])
    if (crossing !== null && announces(properties, crossing.event)) events.push(eventOf(device, fence, crossing))
  }
  const bestAccuracy = bestAccuracyWith(state, newest)
  const ruled = applyDeviceRules(surroundings, state, newest, covering)
  return {
    state: {
      newest,
      fences: Object.fromEntries(kept),
      ...(bestAccuracy === undefined ? {} : { bestAccuracy }),
      ...(ruled.rules === undefined ? {} : { rules: ruled.rules }),
    },
    events: [...events.sort(exitsFirst), ...ruled.events],
    decisions: ruled.decisions,
  }
}

/**
 * What the clock makes of a device from which no fix comes: dwell, overstay, schedules that begin. Changes no state: the next fix
 * is evaluated as if the clock had not been asked, and what it then contradicts is corrected by whoever announced it.
 * What is due stays due until a fix comes: each call gives all of it, with the same ids.
 */
export function expectedBy(_surroundings: Surroundings, _state: DeviceState, _until: AskedUntil): Expectation {
  return { events: [], decisions: [], nextAt: { inEventTime: null, byClock: null } }
}

/**
 * A fence was created or replaced (`fence`) or deleted (null): the newest position is evaluated against it at once (contract §4.6).
 * An enter that comes of it is `initial`: the device did not cross the boundary, it was found inside.
 */
export function evaluateFenceChange(
  { device }: Surroundings,
  state: DeviceState,
  fenceId: string,
  fence: CompiledFence | null,
): Evaluation {
  const { newest } = state
  const remembered = new Map(Object.entries(state.fences))
  const known = remembered.get(fenceId)
  if (fence === null || newest === null) {
    if (!remembered.delete(fenceId)) return { state, events: [], decisions: [] }
    return { state: { ...state, fences: Object.fromEntries(remembered) }, events: [], decisions: [] }
  }
  const { lng, lat } = newest.location
  const { memory, crossing } = applyRules(device, fence, forgotten(known), fence.covers(lng, lat), newest)
  if (memory !== null && isWorthKeeping(memory)) remembered.set(fenceId, memory)
  else if (!remembered.delete(fenceId)) return { state, events: [], decisions: [] }
  const announced = crossing !== null && announces(fence.feature.properties, crossing.event)
  return {
    state: { ...state, fences: Object.fromEntries(remembered) },
    events: announced ? [eventOf(device, fence, crossing)] : [],
    decisions: [],
  }
}

/** The rules in their order. Memory null: the fence does not concern the device, whatever was known is dropped silently. */
function applyRules(
  device: Device,
  fence: CompiledFence,
  before: FenceMemory,
  inside: boolean,
  fix: Fix,
): { readonly memory: FenceMemory | null; readonly crossing: Crossing | null } {
  const { properties } = fence.feature
  if (!appliesTo(properties, device)) return { memory: null, crossing: null }
  if (!isAccurateEnough(properties, fix.location)) return { memory: before, crossing: null }
  const reading = readPosition(fence, inside, fix.location)
  return enterExit(before, reading, fix, properties.minFixes)
}

function eventOf(device: Device, { feature }: CompiledFence, { event, fix, initial }: Crossing): GeofenceEvent {
  const { name, tags } = feature.properties
  return {
    id: geofenceEventId(device.org, device.deviceId, feature.id, event, fix.timestamp),
    event,
    deviceId: device.deviceId,
    fenceId: feature.id,
    fenceName: name ?? feature.id,
    timestamp: fix.timestamp,
    location: fix.location,
    ...(initial ? { initial } : {}),
    ...(tags === undefined ? {} : { tags }),
  }
}

function exitsFirst(a: GeofenceEvent, b: GeofenceEvent): number {
  if (a.event !== b.event) return a.event === 'exit' ? -1 : 1
  return a.fenceId < b.fenceId ? -1 : 1
}
