import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { DeviceEvent, RuleSettings } from '../../contract/index.ts'
import {
  type Device,
  type DeviceState,
  emptyState,
  evaluateFix,
  FenceIndex,
  type Fix,
  isGeofenceEvent,
  unchanging,
} from '../../geofence-engine/index.ts'

const device: Device = { org: 'acme', deviceId: 'd', groups: [] }
const fences = new FenceIndex()

const confirmation = {
  minFixes: fc.integer({ min: 1, max: 3 }),
  minSeconds: fc.integer({ min: 0, max: 60 }),
}
const settings: fc.Arbitrary<RuleSettings> = fc.record({
  overspeed: fc.record(
    { limit: fc.integer({ min: 5, max: 30 }), tolerance: fc.constantFrom(0, 3), ...confirmation },
    { requiredKeys: ['limit'] },
  ),
  idle: fc.record({ seconds: fc.constantFrom(10, 60), minFixes: confirmation.minFixes }),
  motion: fc.record({ distanceMeters: fc.constantFrom(50, 150), seconds: fc.constantFrom(20, 60) }),
  tow: fc.record({ distanceMeters: fc.constantFrom(50, 150), seconds: fc.constantFrom(20, 60) }),
  lowBattery: fc.record({ limit: fc.constantFrom(10, 50), hysteresis: fc.constantFrom(0, 10) }),
  offRoute: fc.record(
    {
      route: fc.constant([
        [0, 0],
        [0.01, 0],
      ]),
      bufferMeters: fc.constantFrom(20, 100),
      ...confirmation,
    },
    { requiredKeys: ['route', 'bufferMeters'] },
  ),
})

const maybe = <Value>(values: fc.Arbitrary<Value>) => fc.option(values, { nil: undefined })
const track: fc.Arbitrary<Fix[]> = fc
  .array(
    fc.record({
      step: fc.constantFrom(1, 5, 15, 15, 30, 120, 900),
      east: fc.integer({ min: -300, max: 300 }),
      north: fc.integer({ min: -150, max: 150 }),
      speed: maybe(fc.integer({ min: 0, max: 40 })),
      accuracy: maybe(fc.constantFrom(5, 60, 300)),
      ignition: maybe(fc.boolean()),
      battery: maybe(fc.integer({ min: 0, max: 100 })),
    }),
    { minLength: 1, maxLength: 80 },
  )
  .map(steps => {
    let timestamp = 1_000_000
    let [lng, lat] = [0, 0]
    return steps.map(({ step, east, north, speed, accuracy, ignition, battery }) => {
      timestamp += step * 1_000
      lng += east / 111_000
      lat += north / 111_000
      return {
        timestamp,
        location: { lat, lng, ...(speed !== undefined && { speed }), ...(accuracy !== undefined && { accuracy }) },
        ...(ignition !== undefined && { ignition }),
        ...(battery !== undefined && { battery }),
      }
    })
  })

function run(fixes: readonly Fix[], rules: RuleSettings, from: DeviceState = emptyState()) {
  let state = from
  const events: DeviceEvent[] = []
  const eventIds: (string | undefined)[] = []
  for (const fix of fixes) {
    const result = evaluateFix(unchanging(device, fences, rules), state, fix)
    state = result.state
    events.push(...result.events.filter(event => !isGeofenceEvent(event)))
    for (const { outcome, eventId } of result.decisions) if (outcome === 'announced') eventIds.push(eventId)
  }
  return { state, events, eventIds }
}

test('begin and end take turns, share an episode, and an end is never before its begin', () => {
  fc.assert(
    fc.property(track, settings, (fixes, rules) => {
      const { events } = run(fixes, rules)
      const open = new Map<string, DeviceEvent>()
      for (const event of events) {
        if (event.event === 'moving' || event.event === 'stationary') continue
        const begin = open.get(event.event)
        assert.equal(begin === undefined, event.phase === 'begin', `${event.event} ${event.phase}`)
        if (begin === undefined) open.set(event.event, event)
        else {
          assert.equal(event.episode, begin.episode)
          assert.ok(event.timestamp >= begin.timestamp)
          assert.equal(event.seconds, (event.timestamp - begin.timestamp) / 1_000)
          open.delete(event.event)
        }
      }
    }),
  )
})

test('moving and stationary take turns', () => {
  fc.assert(
    fc.property(track, settings, (fixes, { motion }) => {
      const kinds = run(fixes, { motion: motion! }).events.map(({ event }) => event)
      assert.deepEqual(
        kinds,
        kinds.map((_, i) => (i % 2 === 0 ? 'moving' : 'stationary')),
      )
    }),
  )
})

test('the same fixes give the same events, each id once, each with its reason', () => {
  fc.assert(
    fc.property(track, settings, (fixes, rules) => {
      const { events, eventIds } = run(fixes, rules)
      assert.deepEqual(run(fixes, structuredClone(rules)).events, events)
      assert.equal(new Set(events.map(({ id }) => id)).size, events.length)
      assert.deepEqual(
        eventIds,
        events.map(({ id }) => id),
      )
    }),
  )
})

test('a restart at any point changes nothing: the memory goes through JSON', () => {
  fc.assert(
    fc.property(track, settings, fc.nat(), (fixes, rules, seed) => {
      const cut = seed % fixes.length
      const first = run(fixes.slice(0, cut), rules)
      const second = run(fixes.slice(cut), rules, JSON.parse(JSON.stringify(first.state)))
      const whole = run(fixes, rules)
      assert.deepEqual([...first.events, ...second.events], whole.events)
      assert.deepEqual(JSON.parse(JSON.stringify(second.state)), JSON.parse(JSON.stringify(whole.state)))
    }),
  )
})

test('rules do not hear of each other', () => {
  fc.assert(
    fc.property(track, settings, (fixes, rules) => {
      const together = run(fixes, rules).events
      for (const [name, own] of Object.entries(rules)) {
        const alone = run(fixes, { [name]: own }).events
        const ids = new Set(alone.map(({ id }) => id))
        assert.deepEqual(
          together.filter(({ id }) => ids.has(id)),
          alone,
          name,
        )
      }
    }),
  )
})

/** An ordinary hour: it stands with the ignition off, drives on its route with a full battery, and stands again. */
function ordinaryHour(from: number): Fix[] {
  return Array.from({ length: 240 }, (_, i) => {
    const driving = i >= 60 && i < 180
    const east = driving ? (i - 60) * 60 : i < 60 ? 0 : 7_200
    return {
      timestamp: from + i * 15_000,
      location: { lat: 0, lng: (east % 1_000) / 111_000, speed: driving ? 4 : 0, accuracy: 5 },
      ignition: driving,
      battery: 100,
    }
  })
}

test('memory forgets: after an ordinary hour two pasts are the same', () => {
  fc.assert(
    fc.property(track, track, settings, (one, other, rules) => {
      const from = Math.max(one.at(-1)!.timestamp, other.at(-1)!.timestamp) + 1_000
      const hour = ordinaryHour(from)
      const [a, b] = [one, other].map(past => JSON.stringify(run([...past, ...hour], rules).state.rules))
      assert.deepEqual(JSON.parse(a!), JSON.parse(b!))
      assert.ok(a!.length < 1_500)
    }),
    { numRuns: 60 },
  )
})
