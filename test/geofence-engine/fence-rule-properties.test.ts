import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { GeofenceEvent } from '../../contract/index.ts'
import {
  type AskedUntil,
  type DeviceState,
  emptyState,
  evaluateFix,
  expectedBy,
  FENCE_REASONS,
  type Fix,
  isGeofenceEvent,
  type Surroundings,
} from '../../geofence-engine/index.ts'
import { Schedule } from '../../geofence-engine/rules/schedule.ts'
import { fencesOf, scheduled, settings, surroundingsOf, track } from '../support/fence-arbitraries.ts'

const DAY_MS = 86_400_000

interface Run {
  readonly states: DeviceState[]
  readonly events: GeofenceEvent[]
  readonly reasons: string[]
}

function run(surroundings: Surroundings, fixes: readonly Fix[], throughJson = false): Run {
  let state = emptyState()
  const told: Run = { states: [], events: [], reasons: [] }
  for (const fix of fixes) {
    const evaluated = evaluateFix(surroundings, state, fix)
    state = throughJson ? JSON.parse(JSON.stringify(evaluated.state)) : evaluated.state
    told.states.push(state)
    told.events.push(...evaluated.events.filter(isGeofenceEvent))
    told.reasons.push(...evaluated.decisions.map(({ reason }) => reason))
  }
  return told
}

const ids = (events: readonly { readonly id: string }[]) => events.map(({ id }) => id)
const both = (time: number): AskedUntil => ({ eventNow: time, clock: time })

test('whatever the settings, enter and exit take turns, no event comes twice, the state stays small', () => {
  fc.assert(
    fc.property(fencesOf(settings), track, (fences, fixes) => {
      const all = fences.map(fence => {
        const { events: _, ...properties } = fence.properties
        return { ...fence, properties }
      })
      const { events, states, reasons } = run(surroundingsOf(all), fixes)
      const inside = new Set<string>()
      for (const { event, fenceId, timestamp } of events) {
        assert.ok(Number.isSafeInteger(timestamp))
        if (event === 'dwell') continue
        assert.equal(inside.has(fenceId), event === 'exit', `${event} of ${fenceId}`)
        if (event === 'enter') inside.add(fenceId)
        else inside.delete(fenceId)
      }
      assert.equal(new Set(ids(events)).size, events.length)
      assert.ok(states.every(state => JSON.stringify(state).length < 600 + 500 * fences.length))
      assert.ok(reasons.every(reason => reason in FENCE_REASONS))
    }),
    { numRuns: 300 },
  )
})

test('within one period of a schedule enter and exit take turns, and no event comes twice', () => {
  fc.assert(
    fc.property(fencesOf(scheduled), track, (fences, fixes) => {
      const { events } = run(surroundingsOf(fences), fixes)
      assert.equal(new Set(ids(events)).size, events.length)
      for (const fence of fences.filter(({ properties }) => properties.events === undefined)) {
        const times = new Schedule(fence.properties.schedule!)
        let last = { event: '', period: Number.NaN }
        for (const { event, timestamp, fenceId } of events) {
          if (fenceId !== fence.id || event === 'dwell') continue
          assert.ok(times.activeAt(timestamp))
          const period = times.stretchAt(timestamp).from
          if (period === last.period) assert.notEqual(event, last.event)
          last = { event, period }
        }
      }
    }),
    { numRuns: 300 },
  )
})

test('a restart between any two fixes changes nothing: the state goes through JSON', () => {
  fc.assert(
    fc.property(fencesOf(fc.oneof(settings, scheduled)), track, (fences, fixes) => {
      const surroundings = surroundingsOf(fences)
      assert.deepEqual(run(surroundingsOf(fences), fixes, true), JSON.parse(JSON.stringify(run(surroundings, fixes))))
    }),
    { numRuns: 200 },
  )
})

test('the clock only adds as time passes, and asks to be asked again no later than it has something to say', () => {
  fc.assert(
    fc.property(
      fencesOf(fc.oneof(settings, scheduled)),
      track,
      fc.array(fc.integer({ min: 0, max: 3 * DAY_MS }), { minLength: 2, maxLength: 5 }),
      (fences, fixes, waits) => {
        const surroundings = surroundingsOf(fences)
        const state = run(surroundings, fixes).states.at(-1)!
        const before = JSON.stringify(state)
        let expected = expectedBy(surroundings, state, both(state.newest!.timestamp))
        for (const wait of waits.sort((a, b) => a - b)) {
          const time = state.newest!.timestamp + wait
          const later = expectedBy(surroundings, state, both(time))
          assert.deepEqual(
            later.events.filter(({ id }) => ids(expected.events).includes(id)),
            expected.events,
          )
          const { inEventTime, byClock } = expected.nextAt
          const next = Math.min(inEventTime ?? Number.POSITIVE_INFINITY, byClock ?? Number.POSITIVE_INFINITY)
          if (later.events.length > expected.events.length) {
            assert.ok(next <= time, `new at ${time}, asked for at ${next}`)
            const justBefore = expectedBy(surroundings, state, both(next - 1))
            assert.deepEqual(ids(justBefore.events), ids(expected.events))
          }
          for (const { timestamp } of later.events) assert.ok(timestamp <= time)
          expected = later
        }
        assert.equal(JSON.stringify(state), before)
      },
    ),
    { numRuns: 300 },
  )
})

test('what the clock said of a device that stays where it is comes out of its next fix too, under the same ids', () => {
  fc.assert(
    fc.property(
      fencesOf(fc.oneof(settings, scheduled)),
      track,
      fc.integer({ min: 1, max: 3 * DAY_MS }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (fences, fixes, wait, share) => {
        const surroundings = surroundingsOf(fences)
        const state = run(surroundings, fixes).states.at(-1)!
        // While the side is in doubt, the next fix may decide it.
        const { fences: memories } = state
        fc.pre(
          Object.values(memories).every(({ pending, withheld }) => pending === undefined && withheld === undefined),
        )
        const newest = state.newest!
        const asked = expectedBy(surroundings, state, both(newest.timestamp + Math.floor(wait * share)))
        const fix = { ...newest, timestamp: newest.timestamp + wait }
        const given = evaluateFix(surroundings, state, fix)
        const after = expectedBy(surroundings, given.state, both(fix.timestamp))
        const known = new Set([...ids(given.events), ...ids(after.events)])
        for (const event of asked.events) assert.ok(known.has(event.id), JSON.stringify(event))
      },
    ),
    { numRuns: 300 },
  )
})
