import type { GeofenceEvent } from '../contract/index.ts'
import type { CompiledFence } from './compiled-fence.ts'
import type { Device, DeviceState, FenceMemory, Fix } from './device-state.ts'
import { geofenceEventId } from './event-id.ts'
import type { FenceIndex } from './fence-index.ts'
import { appliesTo } from './rules/applies-to.ts'
import { type Crossing, enterExit, isWorthKeeping } from './rules/enter-exit.ts'
import { announces } from './rules/event-filter.ts'
import { bestAccuracyWith, forgotten, unremembered } from './rules/initial.ts'
import { readPosition } from './rules/margin.ts'
import { isAccurateEnough } from './rules/max-accuracy.ts'

export interface Evaluation {
  readonly state: DeviceState
  /** Exits before enters, each by fence id: the same fix always gives the same list. */
  readonly events: GeofenceEvent[]
}

/**
 * What one fix means for the fences of the device's organisation (contract §4). A fix of the newest one's time changes nothing;
 * one that is older changes nothing here either; both give back the same state. Inputs are never changed.
 */
export function evaluateFix(device: Device, state: DeviceState, fix: Fix, fences: FenceIndex): Evaluation {
  if (state.newest !== null && fix.timestamp <= state.newest.timestamp) return { state, events: [] }
  const { timestamp, location } = fix
  const newest: Fix = { timestamp, location }

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
    const before = remembered.get(id) ?? unremembered(state, properties)
    const { memory, crossing } = applyRules(device, fence, before, covering.has(fence), newest)
    if (memory !== null && isWorthKeeping(memory)) kept.push([id, memory])
    if (crossing !== null && announces(properties, crossing.event)) events.push(eventOf(device, fence, crossing))
  }
  const bestAccuracy = bestAccuracyWith(state, newest)
  return {
    state: {
      newest,
      fences: Object.fromEntries(kept),
      ...(bestAccuracy === undefined ? {} : { bestAccuracy }),
    },
    events: events.sort(exitsFirst),
  }
}

/**
 * A fence was created or replaced (`fence`) or deleted (null): the newest position is evaluated against it at once (contract §4.6).
 * An enter that comes of it is `initial`: the device did not cross the boundary, it was found inside.
 */
export function evaluateFenceChange(
  device: Device,
  state: DeviceState,
  fenceId: string,
  fence: CompiledFence | null,
): Evaluation {
  const { newest } = state
  const remembered = new Map(Object.entries(state.fences))
  const known = remembered.get(fenceId)
  if (fence === null || newest === null) {
    if (!remembered.delete(fenceId)) return { state, events: [] }
    return { state: { ...state, fences: Object.fromEntries(remembered) }, events: [] }
  }
  const { lng, lat } = newest.location
  const { memory, crossing } = applyRules(device, fence, forgotten(known), fence.covers(lng, lat), newest)
  if (memory !== null && isWorthKeeping(memory)) remembered.set(fenceId, memory)
  else if (!remembered.delete(fenceId)) return { state, events: [] }
  const announced = crossing !== null && announces(fence.feature.properties, crossing.event)
  return {
    state: { ...state, fences: Object.fromEntries(remembered) },
    events: announced ? [eventOf(device, fence, crossing)] : [],
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
