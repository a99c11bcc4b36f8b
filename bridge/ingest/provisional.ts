import { type EngineEvent, expectedBy, type Surroundings } from '../../geofence-engine/index.ts'
import type { ProvisionalEvent } from '../store/device-states.ts'
import { askedAt } from './due.ts'
import type { CommittedState } from './state-cache.ts'

/** An event that the clock announces is decided at its own time. */
export function causedByClock<Event extends EngineEvent>(event: Event): { event: Event; causeTime: number } {
  return { event, causeTime: event.timestamp }
}

/** How to remember an event that the clock announced. */
export function provisionalOf({ fences, epoch }: Surroundings, event: EngineEvent): ProvisionalEvent {
  const fenceId = event.fenceId ?? null
  const fence = fenceId === null ? undefined : fences.get(fenceId)
  return { baseId: event.id, timestamp: event.timestamp, fenceId, epoch: Math.max(fence?.epoch ?? 0, epoch) }
}

export interface Reconciled {
  readonly provisional: readonly ProvisionalEvent[] | null
  /** Those that stay provisional, as they are expected now: the newest position is another one. */
  readonly expected: readonly EngineEvent[]
  readonly contradicted: readonly ProvisionalEvent[]
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
): Reconciled {
  const open = (state.provisional ?? []).filter(event => !given.has(event.baseId) && isInForce(surroundings, event))
  if (open.length === 0) return { provisional: null, expected: [], contradicted: [] }
  // A device whose messages lag is behind the moment at which the clock spoke: it is asked as of that moment.
  const asked = askedAt(state, nowMs)
  const spoken = Math.max(...open.map(({ timestamp }) => timestamp))
  const { events } = expectedBy(surroundings, state.engine, {
    ...asked,
    eventNow: Math.max(asked.eventNow, spoken),
    clock: Math.max(asked.clock, spoken),
  })
  const expected = new Map(events.map(event => [event.id, event]))
  const still = open.filter(({ baseId }) => expected.has(baseId))
  return {
    provisional: still.length === 0 ? null : still,
    expected: still.map(({ baseId }) => expected.get(baseId)!),
    contradicted: open.filter(({ baseId }) => !expected.has(baseId)),
  }
}

function isInForce({ fences, epoch }: Surroundings, event: ProvisionalEvent): boolean {
  if (event.fenceId === null) return event.epoch === epoch
  const fence = fences.get(event.fenceId)
  return fence !== undefined && Math.max(fence.epoch, epoch) === event.epoch
}
