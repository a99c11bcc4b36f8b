import { type EngineEvent, expectedBy, type Surroundings } from '../../geofence-engine/index.ts'
import type { ProvisionalEvent } from '../store/device-states.ts'
import { askedAt } from './due.ts'
import type { CommittedState } from './state-cache.ts'

/** How to remember an event that the clock announced. */
export function provisionalOf({ fences, epoch }: Surroundings, event: EngineEvent): ProvisionalEvent {
  const fenceId = event.fenceId ?? null
  const fence = fenceId === null ? undefined : fences.get(fenceId)
  return { baseId: event.id, timestamp: event.timestamp, fenceId, epoch: Math.max(fence?.epoch ?? 0, epoch) }
}

/**
 * What becomes of the events that the clock announced, after fixes came: those the fixes gave too are confirmed; those that are still
 * to be expected stay provisional; those whose fence or rules were changed or deleted since stand as they are; the rest is contradicted.
 * @param state after the fixes
 * @param given base ids of the events that the fixes gave
 */
export function reconcile(
  surroundings: Surroundings,
  state: CommittedState,
  given: ReadonlySet<string>,
  nowMs: number,
): { readonly provisional: readonly ProvisionalEvent[] | null; readonly contradicted: readonly ProvisionalEvent[] } {
  const open = (state.provisional ?? []).filter(event => !given.has(event.baseId) && isInForce(surroundings, event))
  if (open.length === 0) return { provisional: null, contradicted: [] }
  // A device whose messages lag is behind the moment at which the clock spoke: it is asked as of that moment.
  const asked = askedAt(state, nowMs)
  const spoken = Math.max(...open.map(({ timestamp }) => timestamp))
  const { events } = expectedBy(surroundings, state.engine, {
    eventNow: Math.max(asked.eventNow, spoken),
    clock: Math.max(asked.clock, spoken),
  })
  const expected = new Set(events.map(({ id }) => id))
  const still = open.filter(({ baseId }) => expected.has(baseId))
  return {
    provisional: still.length === 0 ? null : still,
    contradicted: open.filter(({ baseId }) => !expected.has(baseId)),
  }
}

function isInForce({ fences, epoch }: Surroundings, event: ProvisionalEvent): boolean {
  if (event.fenceId === null) return event.epoch === epoch
  const fence = fences.get(event.fenceId)
  return fence !== undefined && Math.max(fence.epoch, epoch) === event.epoch
}
