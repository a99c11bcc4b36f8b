import type { DecisionRow } from '../store/decisions.ts'
import { type DeviceKey, saveDeviceStates } from '../store/device-states.ts'
import { expectedAt, nextLookAt } from './due.ts'
import { countEvents } from './metrics.ts'
import { persist, VersionConflict } from './persist.ts'
import type { Pipeline } from './pipeline.ts'
import { causedByClock, provisionalOf } from './provisional.ts'
import { inSlices } from './slices.ts'
import { type CommittedState, keyOf } from './state-cache.ts'
import { storeDecisions } from './store-decisions.ts'
import { type NewEvent, storeEvents } from './store-events.ts'
import { circumstancesOf, surroundingsIn } from './surroundings.ts'

interface Looked {
  readonly states: CommittedState[]
  readonly events: NewEvent[]
  readonly decisions: DecisionRow[]
}

/**
 * Looks at devices that are due: what the clock makes of their silence is stored as provisional and announced, and the next look is
 * planned, in one transaction. The engine's state stays as the last fix left it.
 */
export async function commitDue(pipeline: Pipeline, due: readonly DeviceKey[]): Promise<void> {
  const { db, states, now, metrics, announcer, timers, eventListener } = pipeline
  const keys = due.map(keyOf)
  const committed = await persist(
    async () => {
      const nowMs = now()
      // One that does not look due from here was written by another node.
      states.forget(keys.filter(key => !isDue(states.peek(key), nowMs)))
      const known = await states.load(db, new Map(due.map(device => [keyOf(device), device])))
      const looked = await look(pipeline, [...known.values()], nowMs)
      return db.transaction(async tx => {
        if ((await saveDeviceStates(tx, looked.states)) < looked.states.length) throw new VersionConflict()
        await storeDecisions(tx, looked.decisions, [])
        const outcome = { events: looked.events, retracted: [], amended: [] }
        const stored = await storeEvents(tx, outcome, { nowMs, listener: eventListener })
        return { ...looked, ...stored }
      })
    },
    { ...pipeline, beforeRetry: async () => states.forget(keys) },
  )
  for (const state of committed.states) {
    states.put({ ...state, version: state.version + 1 })
    timers().dueAt(state.dueAt)
  }
  countEvents(metrics, committed.changes)
  announcer.enqueue(committed.outbox)
}

function isDue(state: CommittedState | undefined, nowMs: number): boolean {
  return state !== undefined && state.dueAt !== null && state.dueAt <= nowMs
}

async function look(pipeline: Pipeline, known: readonly CommittedState[], nowMs: number): Promise<Looked> {
  const looked: Looked = { states: [], events: [], decisions: [] }
  await inSlices(known, state => {
    const { org, deviceId } = state
    if (!isDue(state, nowMs)) return
    const surroundings = surroundingsIn(circumstancesOf(pipeline, org, deviceId), state.changes ?? [])
    const expectation = expectedAt(surroundings, state, nowMs)
    const announced = new Set(state.provisional?.map(({ baseId }) => baseId))
    const events = expectation.events.filter(({ id }) => !announced.has(id))
    const ids = new Set(events.map(({ id }) => id))
    for (const event of events) looked.events.push({ org, ...causedByClock(event) })
    for (const decision of expectation.decisions) {
      if (decision.eventId !== undefined && ids.has(decision.eventId))
        looked.decisions.push({ org, deviceId, decision, causeTime: null })
    }
    const provisional = [...(state.provisional ?? []), ...events.map(event => provisionalOf(surroundings, event))]
    looked.states.push({
      ...state,
      provisional: provisional.length === 0 ? null : provisional,
      dueAt: nextLookAt(state, expectation, nowMs),
    })
  })
  return looked
}
