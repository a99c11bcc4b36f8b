import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FenceProperties, GeofenceEvent } from '../../contract/index.ts'
import {
  type AskedUntil,
  type DeviceState,
  emptyState,
  evaluateFix,
  expectedBy,
  FENCE_REASONS,
  FenceIndex,
  type Fix,
  isGeofenceEvent,
  readFence,
  type Surroundings,
  unchanging,
} from '../../geofence-engine/index.ts'
import { Schedule } from '../../geofence-engine/rules/schedule.ts'

const device = { org: 'acme', deviceId: 'd', groups: [] }
const DAY_MS = 86_400_000

/** Settings of all rules but the schedule, in any combination. */
const settings: fc.Arbitrary<FenceProperties> = fc
  .record(
    {
      filter: fc.constantFrom('vehicle', 'person', 'none'),
      minFixes: fc.integer({ min: 1, max: 3 }),
      minSeconds: fc.constantFrom(0, 60, 600),
      marginMeters: fc.constantFrom(0, 50),
      useAccuracy: fc.constantFrom(true, false, 2),
      maxAccuracy: fc.constantFrom(10, 50),
      maxSpeed: fc.constantFrom(5, 50),
      cross: fc.boolean(),
      dwellSeconds: fc.constantFrom(0, 60, 900),
      maxStaySeconds: fc.constantFrom(30, 1_200),
      events: fc.subarray(['enter', 'exit', 'dwell'] as const),
    },
    { requiredKeys: [] },
  )
  .chain(properties =>
    properties.dwellSeconds === undefined
      ? fc.constant(properties as FenceProperties)
      : fc.option(fc.constantFrom(20, 300), { nil: undefined }).map(
          (repeatSeconds): FenceProperties => ({
            ...(properties as FenceProperties),
            ...(repeatSeconds === undefined ? {} : { repeatSeconds }),
          }),
        ),
  )

const schedule = fc.record(
  {
    days: fc.subarray([1, 2, 3, 4, 5, 6, 7], { minLength: 1 }),
    from: fc.constantFrom('00:00', '06:00', '22:00'),
    to: fc.constantFrom('06:00', '12:00', '02:00'),
    timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'Australia/Lord_Howe'),
  },
  { requiredKeys: ['from'] },
)
const scheduled: fc.Arbitrary<FenceProperties> = fc
  .tuple(settings, schedule, fc.constantFrom(undefined, 'inside', 'outside'))
  .map(([properties, times, expect]) => ({
    ...properties,
    schedule: { ...times, ...(expect === undefined ? {} : { expect }) },
  }))

/** Hundreds of metres apart, so that fixes fall in, out and near the borders. */
const near = fc
  .tuple(fc.integer({ min: -10, max: 10 }), fc.integer({ min: -10, max: 10 }))
  .map(([x, y]) => [x / 1_000, y / 1_000])

const fencesOf = (properties: fc.Arbitrary<FenceProperties>) =>
  fc
    .array(
      fc.oneof(
        fc.tuple(near, properties, fc.integer({ min: 30, max: 900 })).map(([coordinates, rest, radius]) => ({
          geometry: { type: 'Point', coordinates },
          properties: { ...rest, radius },
        })),
        fc.tuple(near, properties, fc.integer({ min: 1, max: 8 })).map(([[x, y], rest, size]) => {
          const [w, e, s, n] = [x! - size / 1_000, x! + size / 1_000, y! - size / 1_000, y! + size / 1_000]
          const ring = [
            [w, s],
            [e, s],
            [e, n],
            [w, n],
            [w, s],
          ]
          return { geometry: { type: 'Polygon', coordinates: [ring] }, properties: rest }
        }),
      ),
      { minLength: 1, maxLength: 5 },
    )
    .map(list => list.map((fence, i) => readFence({ type: 'Feature', id: `f${i}`, ...fence })))

/** From seconds to a day between fixes, often at the same place. */
const track: fc.Arbitrary<Fix[]> = fc
  .array(
    fc.record({
      step: fc.oneof(fc.integer({ min: 1, max: 120 }), fc.integer({ min: 1, max: 5_000 }), fc.constant(80_000)),
      place: near,
      stays: fc.boolean(),
      accuracy: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined }),
    }),
    { minLength: 2, maxLength: 40 },
  )
  .map(steps => {
    let time = 1_717_200_000
    let [lng, lat] = steps[0]!.place
    return steps.map(({ step, place, stays, accuracy }) => {
      time += step
      if (!stays) [lng, lat] = place
      const location = { lat: lat!, lng: lng!, ...(accuracy === undefined ? {} : { accuracy }) }
      return { timestamp: time * 1_000, location }
    })
  })

function surroundingsOf(fences: readonly ReturnType<typeof readFence>[]): Surroundings {
  const index = new FenceIndex()
  for (const fence of fences) index.put(fence)
  return unchanging(device, index)
}

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

/** As decision 0006 has it: what fixes decide stands; what the clock said stands as long as it is to be expected. */
test('a live run, asked at any moments, ends with the same standing events as a batch', () => {
  fc.assert(
    fc.property(
      fencesOf(fc.oneof(settings, scheduled)),
      track,
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 40, maxLength: 40 }),
      (fences, fixes, waits) => {
        const surroundings = surroundingsOf(fences)
        const end = fixes.at(-1)!.timestamp + 2 * DAY_MS
        const standing = new Map<string, GeofenceEvent>()
        let provisional = new Map<string, GeofenceEvent>()
        let state = emptyState()
        for (const [i, fix] of fixes.entries()) {
          const evaluated = evaluateFix(surroundings, state, fix)
          state = evaluated.state
          for (const event of evaluated.events.filter(isGeofenceEvent)) standing.set(event.id, event)
          const until = (fixes[i + 1]?.timestamp ?? end) - 1
          const moment = fix.timestamp + Math.floor(waits[i]! * (until - fix.timestamp))
          const expected = expectedBy(surroundings, state, both(moment)).events.filter(isGeofenceEvent)
          provisional = new Map(expected.map(event => [event.id, event]))
        }
        for (const event of expectedBy(surroundings, state, both(end)).events.filter(isGeofenceEvent)) {
          provisional.set(event.id, event)
        }
        for (const [id, event] of provisional)
          assert.ok(!standing.has(id), `${event.event} was told and is expected again`)
        const batch = run(surroundings, fixes)
        const expected = expectedBy(surroundings, batch.states.at(-1)!, both(end)).events
        assert.deepEqual(
          [...ids([...standing.values()]), ...provisional.keys()].sort(),
          [...ids(batch.events), ...ids(expected)].sort(),
        )
      },
    ),
    { numRuns: 200 },
  )
})
