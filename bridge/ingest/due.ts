import { type AskedUntil, type Expectation, expectedBy, type Surroundings } from '../../geofence-engine/index.ts'
import type { CommittedState } from './state-cache.ts'

/** The next look is never nearer than this, so that what is due by a hair does not make a busy loop. */
const NEXT_LOOK_MS = 100

/** What the clock says at `nowMs`: the device's event time goes on from its newest fix as the wall clock does. */
export function askedAt({ newest, heardAt }: CommittedState, nowMs: number): AskedUntil {
  const passed = heardAt === null ? 0 : Math.max(0, nowMs - heardAt)
  const eventNow = (newest?.timestamp ?? nowMs) + passed
  return heardAt === null ? { eventNow, clock: nowMs } : { eventNow, clock: nowMs, heardAt }
}

/** What is due at `nowMs`; nothing is, of a device that never sent a fix. */
export function expectedAt(surroundings: Surroundings, state: CommittedState, nowMs: number): Expectation {
  if (state.newest === null) return { events: [], decisions: [], nextAt: { inEventTime: null, byClock: null } }
  return expectedBy(surroundings, state.engine, askedAt(state, nowMs))
}

/** When, by the clock, the device has to be looked at next; null: never. */
export function nextLookAt({ newest, heardAt }: CommittedState, { nextAt }: Expectation, nowMs: number): number | null {
  const { inEventTime, byClock } = nextAt
  const inDeviceTime =
    inEventTime === null || newest === null || heardAt === null
      ? Number.POSITIVE_INFINITY
      : heardAt + inEventTime - newest.timestamp
  const look = Math.min(inDeviceTime, byClock ?? Number.POSITIVE_INFINITY)
  return look === Number.POSITIVE_INFINITY ? null : Math.ceil(Math.max(nowMs + NEXT_LOOK_MS, look))
}

/**
 * When a device that was just evaluated has to be looked at: at once when something is due that the clock did not announce yet.
 * A look that is planned and early stays: it finds nothing and plans the next, and the row's index is left alone meanwhile.
 */
export function dueAfter(surroundings: Surroundings, state: CommittedState, nowMs: number): number | null {
  const expectation = expectedAt(surroundings, state, nowMs)
  const isAnnounced = ({ id }: { id: string }) => state.provisional?.some(({ baseId }) => baseId === id) === true
  const next = expectation.events.every(isAnnounced) ? nextLookAt(state, expectation, nowMs) : nowMs
  return state.dueAt !== null && (next === null || state.dueAt <= next) ? state.dueAt : next
}
