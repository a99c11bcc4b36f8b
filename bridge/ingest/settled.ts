import type { DeviceEvent, GeofenceEvent } from '../../contract/index.ts'
import type { Decision, DeviceState, Surroundings } from '../../geofence-engine/index.ts'
import type { MetEpoch } from '../store/device-states.ts'
import { canonicalJson } from './canonical-json.ts'

/*
 * What happened before a fence (or the rules) changed is settled. A device meets a change at its newest fix: up to that time the
 * fence's events stay as they are, after it the fence counts as it is now, beginning with what was known at that time.
 */

/** Changes that a device remembers singly. Beyond that, fences changed long ago are settled up to a later change. */
const MOST_CHANGES = 32

/**
 * Notes that the device, with its newest fix at `newestTime` (null: it has none), meets its organisation's `epoch`.
 * @returns the same list when it had met it before
 */
export function meetEpoch(
  changes: readonly MetEpoch[] | null,
  epoch: number,
  newestTime: number | null,
): readonly MetEpoch[] {
  const last = changes?.at(-1)
  if (changes === null || last === undefined) return [{ epoch, time: newestTime }]
  if (last.epoch >= epoch) return changes
  const met = { epoch, time: newestTime }
  if (last.time === newestTime) return [...changes.slice(0, -1), met]
  const longer = [...changes, met]
  // The first one stays: what was there before the device's first fix was never changed for it.
  return longer.length > MOST_CHANGES ? [longer[0]!, ...longer.slice(2)] : longer
}

/** See {@link Surroundings.settledUntil}. */
export function settledUntil(changes: readonly MetEpoch[], epoch: number): number {
  const met = changes.find(change => change.epoch >= epoch)
  return met?.time ?? Number.NEGATIVE_INFINITY
}

/** Up to when the fence's events stand whatever comes; +Infinity when the fence is gone. */
function fenceSettledUntil({ fences, epoch, settledUntil }: Surroundings, fenceId: string): number {
  const fence = fences.get(fenceId)
  return fence === undefined ? Number.POSITIVE_INFINITY : settledUntil(Math.max(fence.epoch, epoch))
}

/** Whether an event that was decided at `causeTime` stands whatever comes. */
export function isSettledEvent(
  surroundings: Surroundings,
  { fenceId }: GeofenceEvent | DeviceEvent,
  causeTime: number,
): boolean {
  if (causeTime <= surroundings.settledUntil(surroundings.epoch)) return true
  return fenceId !== undefined && causeTime <= fenceSettledUntil(surroundings, fenceId)
}

/** Whether a decision of that time stays. */
export function isSettledDecision(
  surroundings: Surroundings,
  { kind, subject }: Pick<Decision, 'kind' | 'subject'>,
  time: number,
): boolean {
  if (kind === 'fence') return time <= fenceSettledUntil(surroundings, subject)
  return time <= surroundings.settledUntil(surroundings.epoch)
}

/**
 * The state with which a device goes on after it met changes at `time`: what is settled up to that very time is taken from
 * `known`, the state as it was then.
 */
export function passChange(
  surroundings: Surroundings,
  state: DeviceState,
  known: DeviceState,
  time: number,
): DeviceState {
  const ids = new Set([...Object.keys(state.fences), ...Object.keys(known.fences)])
  const fences: Record<string, DeviceState['fences'][string]> = {}
  for (const id of ids) {
    const memory = fenceSettledUntil(surroundings, id) === time ? known.fences[id] : state.fences[id]
    if (memory !== undefined) fences[id] = memory
  }
  const { rules: _, ...rest } = state
  const rules = surroundings.settledUntil(surroundings.epoch) === time ? known.rules : state.rules
  return { ...rest, fences, ...(rules !== undefined && { rules }) }
}

/** Whether two states of that time lead to the same events, whatever later fixes say. What is settled beyond `time` does not matter. */
export function leadToTheSame(surroundings: Surroundings, a: DeviceState, b: DeviceState, time: number): boolean {
  return comparable(surroundings, a, time) === comparable(surroundings, b, time)
}

function comparable(surroundings: Surroundings, state: DeviceState, time: number): string {
  const { rules, ...rest } = state
  const fences = Object.fromEntries(
    Object.entries(state.fences).filter(([id]) => fenceSettledUntil(surroundings, id) <= time),
  )
  const rulesMatter = surroundings.settledUntil(surroundings.epoch) <= time
  return canonicalJson({ ...rest, fences, rules: rulesMatter ? rules : undefined })
}
