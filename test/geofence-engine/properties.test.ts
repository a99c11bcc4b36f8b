import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FenceFeature, FenceProperties, GeofenceEvent } from '../../contract/index.ts'
import {
  type CompiledFence,
  compileFence,
  type Device,
  type DeviceState,
  emptyState,
  evaluateFix,
  FenceIndex,
  type Fix,
  isGeofenceEvent,
  readFence,
  unchanging,
} from '../../geofence-engine/index.ts'

const device: Device = { org: 'acme', deviceId: 'd', groups: [] }
type Place = readonly [number, number]

/** Places near the origin, or anywhere on earth with a liking for ±180 and the poles. */
const near: fc.Arbitrary<Place> = fc
  .tuple(fc.integer({ min: -20, max: 20 }), fc.integer({ min: -20, max: 20 }))
  .map(([x, y]) => [x / 10, y / 10])
const far: fc.Arbitrary<Place> = fc.tuple(
  fc.oneof(fc.double({ min: -180, max: 180, noNaN: true }), fc.constantFrom(-180, 180, 179.9, -179.9)),
  fc.oneof(fc.double({ min: -90, max: 90, noNaN: true }), fc.constantFrom(-90, 90, 0)),
)
const size = fc.double({ min: 1_000, max: 300_000, noNaN: true })

/** A star-shaped ring around a place, so that it is always valid; it may run beyond ±180. */
const starOf = (place: fc.Arbitrary<Place>) =>
  fc
    .tuple(place, fc.array(fc.double({ min: 0.1, max: 2, noNaN: true }), { minLength: 3, maxLength: 60 }))
    .map(([[x, y], radii]) => {
      const ring = radii.map((radius, i): Place => {
        const angle = (i / radii.length) * 2 * Math.PI
        return [x + radius * Math.cos(angle), Math.max(-90, Math.min(90, y + radius * Math.sin(angle)))]
      })
      return { type: 'Polygon', coordinates: [[...ring, ring[0]!]] }
    })

const rules: fc.Arbitrary<FenceProperties> = fc.record(
  {
    minFixes: fc.integer({ min: 1, max: 3 }),
    marginMeters: fc.constantFrom(0, 5_000),
    maxAccuracy: fc.constantFrom(10, 50),
  },
  { requiredKeys: [] },
)

const fenceOf = (place: fc.Arbitrary<Place>, properties: fc.Arbitrary<FenceProperties>) =>
  fc
    .oneof(
      fc.tuple(starOf(place), properties),
      fc.tuple(
        place.map(coordinates => ({ type: 'Point', coordinates })),
        fc.tuple(properties, size).map(([rest, radius]) => ({ ...rest, radius })),
      ),
      fc.tuple(
        fc
          .uniqueArray(place, { minLength: 2, maxLength: 4, selector: String })
          .map(coordinates => ({ type: 'LineString', coordinates })),
        fc.tuple(properties, size).map(([rest, buffer]) => ({ ...rest, buffer })),
      ),
    )
    .map(([geometry, fenceProperties]) => ({ geometry, properties: fenceProperties }))

/** Fences with ids of their own. A star pressed flat against a pole is no valid ring and is left out. */
const fencesOf = (fence: ReturnType<typeof fenceOf>) =>
  fc.array(fence, { minLength: 1, maxLength: 12 }).map(list =>
    list.flatMap((raw, i): FenceFeature[] => {
      try {
        return [readFence({ type: 'Feature', id: `f${i}`, ...raw })]
      } catch {
        return []
      }
    }),
  )

const indexOf = (fences: readonly FenceFeature[]) => {
  const index = new FenceIndex()
  for (const fence of fences) index.put(fence)
  return index
}
const idsOf = (fences: Iterable<CompiledFence>) => [...fences].map(({ feature }) => feature.id).sort()

test('the index finds exactly the fences that a test of every fence finds, also after changes', () => {
  fc.assert(
    fc.property(
      fencesOf(fenceOf(far, fc.constant({}))),
      fc.array(far, { minLength: 20, maxLength: 60 }),
      fc.infiniteStream(fc.boolean()),
      (fences, places, coin) => {
        const index = indexOf(fences)
        const left = new Map(fences.map(fence => [fence.id, compileFence(fence)]))
        const inFences = fences.flatMap(({ geometry }) => (geometry.coordinates as number[][][]).flat(2)).slice(0, 40)
        const corners = inFences.flatMap((x, i): Place[] =>
          i % 2 === 0 && Math.abs(x) <= 180 && Math.abs(inFences[i + 1] ?? 99) <= 90 ? [[x, inFences[i + 1]!]] : [],
        )
        for (const place of [...places, ...corners]) {
          assert.deepEqual(
            idsOf(index.covering(...place)),
            idsOf([...left.values()].filter(fence => fence.covers(...place))),
          )
          const [id] = left.keys()
          if (id !== undefined && coin.next().value) {
            assert.ok(index.remove(id))
            left.delete(id)
          }
          assert.equal(index.size, left.size)
        }
      },
    ),
    { numRuns: 60 },
  )
})

test('180 and -180 are the same meridian', () => {
  fc.assert(
    fc.property(
      fencesOf(fenceOf(far, fc.constant({}))),
      fc.double({ min: -90, max: 90, noNaN: true }),
      (fences, lat) => {
        const index = indexOf(fences)
        assert.deepEqual(idsOf(index.covering(180, lat)), idsOf(index.covering(-180, lat)))
      },
    ),
  )
})

/** A track with repeated and older timestamps in it, as devices send them. */
const track: fc.Arbitrary<Fix[]> = fc
  .array(
    fc.tuple(near, fc.integer({ min: -2, max: 5 }), fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined })),
    { minLength: 1, maxLength: 60 },
  )
  .map(steps => {
    let time = 1_000
    return steps.map(([[lng, lat], step, accuracy]) => {
      time = Math.max(0, time + step)
      return { timestamp: time, location: { lat, lng, ...(accuracy === undefined ? {} : { accuracy }) } }
    })
  })

function run(fixes: readonly Fix[], index: FenceIndex, from: DeviceState = emptyState()) {
  let state = from
  const events: GeofenceEvent[] = []
  for (const fix of fixes) {
    const result = evaluateFix(unchanging(device, index), state, fix)
    state = result.state
    events.push(...result.events.filter(isGeofenceEvent))
  }
  return { state, events }
}

const nearFences = fencesOf(fenceOf(near, rules))

test('per fence, enter and exit take turns and begin with enter', () => {
  fc.assert(
    fc.property(nearFences, track, (fences, fixes) => {
      const inside = new Set<string>()
      for (const { event, fenceId, initial } of run(fixes, indexOf(fences)).events) {
        assert.equal(inside.has(fenceId), event === 'exit', `${event} of ${fenceId}`)
        if (event === 'exit') assert.equal(initial, undefined)
        if (event === 'enter') inside.add(fenceId)
        else inside.delete(fenceId)
      }
    }),
  )
})

test('with the defaults the events are exactly the changes of inside', () => {
  fc.assert(
    fc.property(fencesOf(fenceOf(near, fc.constant({}))), track, (fences, fixes) => {
      const wanted: string[] = []
      let newest = -1
      let before: string[] = []
      for (const { timestamp, location } of fixes) {
        if (timestamp <= newest) continue
        const initial = newest === -1
        newest = timestamp
        const now = idsOf(fences.map(compileFence).filter(fence => fence.covers(location.lng, location.lat)))
        wanted.push(...before.filter(id => !now.includes(id)).map(id => `exit ${id} ${timestamp} false`))
        wanted.push(...now.filter(id => !before.includes(id)).map(id => `enter ${id} ${timestamp} ${initial}`))
        before = now
      }
      const got = run(fixes, indexOf(fences)).events.map(
        ({ event, fenceId, timestamp, initial = false }) => `${event} ${fenceId} ${timestamp} ${initial}`,
      )
      assert.deepEqual(got, wanted)
    }),
  )
})

test('a replay gives the same events with the same ids, each once', () => {
  fc.assert(
    fc.property(nearFences, track, (fences, fixes) => {
      const { events } = run(fixes, indexOf(fences))
      assert.deepEqual(run(fixes, indexOf([...fences].reverse())).events, events)
      assert.equal(new Set(events.map(({ id }) => id)).size, events.length)
    }),
  )
})

test('fixes that are sent twice change nothing', () => {
  fc.assert(
    fc.property(nearFences, track, (fences, fixes) => {
      const index = indexOf(fences)
      const twice = fixes.flatMap((fix, i) => [fix, fix, ...fixes.slice(Math.max(0, i - 2), i)])
      assert.deepEqual(run(twice, index), run(fixes, index))
    }),
  )
})

test('a restart at any point changes nothing: the state goes through JSON', () => {
  fc.assert(
    fc.property(nearFences, track, fc.nat(), (fences, fixes, seed) => {
      const index = indexOf(fences)
      const cut = seed % fixes.length
      const first = run(fixes.slice(0, cut), index)
      const second = run(fixes.slice(cut), indexOf(fences), JSON.parse(JSON.stringify(first.state)))
      const whole = run(fixes, index)
      assert.deepEqual([...first.events, ...second.events], whole.events)
      assert.deepEqual(JSON.parse(JSON.stringify(second.state)), JSON.parse(JSON.stringify(whole.state)))
    }),
  )
})
