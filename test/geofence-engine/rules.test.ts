import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FenceProperties, GeofenceEvent } from '../../contract/index.ts'
import {
  type Device,
  type DeviceState,
  type EngineEvent,
  emptyState,
  evaluateFenceChange,
  evaluateFix,
  FenceIndex,
  geofenceEventId,
  isGeofenceEvent,
  readFence,
  unchanging,
} from '../../geofence-engine/index.ts'

/** One degree of longitude at the equator. Positions below are metres east of a fence that reaches from 0 to 1,000. */
const METERS_PER_DEGREE = 111_319.490_793
const east = (meters: number) => meters / METERS_PER_DEGREE
const device: Device = { org: 'acme', deviceId: 'truck-7', groups: ['trucks', 'north'] }

const fenceOf = (properties: FenceProperties = {}, id = 'yard') =>
  readFence({
    type: 'Feature',
    id,
    geometry: {
      type: 'Polygon',
      coordinates: [
        [
          [0, -1],
          [east(1_000), -1],
          [east(1_000), 1],
          [0, 1],
          [0, -1],
        ],
      ],
    },
    properties,
  })

const indexOf = (...fences: ReturnType<typeof fenceOf>[]) => {
  const index = new FenceIndex()
  for (const fence of fences) index.put(fence)
  return index
}

const show = (event: EngineEvent) =>
  `${event.event} ${event.timestamp}${isGeofenceEvent(event) && event.initial ? ' initial' : ''}`

/** [time, metres east, accuracy] and the events of that fix. */
type Step = readonly [time: number, at: number, accuracy: number | undefined, ...events: string[]]

const timelines: { name: string; properties?: FenceProperties; steps: Step[] }[] = [
  {
    name: 'the first fix inside is an initial enter, then exit and enter as they come',
    steps: [
      [1, 500, 5, 'enter 1 initial'],
      [2, 600, 5],
      [3, 1_500, 5, 'exit 3'],
      [4, 1_600, 5],
      [5, 500, 5, 'enter 5'],
    ],
  },
  {
    name: 'the first fix outside announces nothing, the boundary counts as inside',
    steps: [
      [1, -100, undefined],
      [2, 0, undefined, 'enter 2'],
      [3, 1_000, undefined],
      [4, 1_000.01, undefined, 'exit 4'],
    ],
  },
  {
    name: 'a repeated fix and one out of order change nothing',
    steps: [
      [5, -100, 5],
      [5, 500, 5],
      [4, 500, 5],
      [6, 500, 5, 'enter 6'],
      [6, -100, 5],
      [3, -100, 5],
      [7, 500, 5],
    ],
  },
  {
    name: 'events: only exits are announced, the stay is known all the same',
    properties: { events: ['exit'] },
    steps: [
      [1, 500, 5],
      [2, 2_000, 5, 'exit 2'],
      [3, 500, 5],
      [4, 2_000, 5, 'exit 4'],
    ],
  },
  {
    name: 'events: an empty list announces nothing',
    properties: { events: [] },
    steps: [
      [1, 500, 5],
      [2, 2_000, 5],
    ],
  },
  {
    name: 'minFixes: three in a row, the event bears the first one',
    properties: { minFixes: 3 },
    steps: [
      [1, -100, 5],
      [2, 500, 5],
      [3, 500, 5],
      [4, -100, 5],
      [5, 500, 5],
      [6, 500, 5],
      [7, 500, 5, 'enter 5'],
      [8, 2_000, 5],
      [9, 2_000, 5],
      [10, 500, 5],
      [11, 2_000, 5],
      [12, 2_000, 5],
      [13, 2_000, 5, 'exit 11'],
    ],
  },
  {
    name: 'minFixes: the first fixes inside together are an initial enter',
    properties: { minFixes: 2 },
    steps: [
      [1, 500, 5],
      [2, 500, 5, 'enter 1 initial'],
    ],
  },
  {
    name: 'minFixes: inside once, then outside, then inside is no longer initial',
    properties: { minFixes: 2 },
    steps: [
      [1, 500, 5],
      [2, -500, 5],
      [3, 500, 5],
      [4, 500, 5, 'enter 3'],
    ],
  },
  {
    name: 'marginMeters: both sides count only 100 m across',
    properties: { marginMeters: 100 },
    steps: [
      [1, -500, 5],
      [2, 50, 5],
      [3, 99, 5],
      [4, 101, 5, 'enter 4'],
      [5, 1_050, 5],
      [6, 950, 5],
      [7, 1_099, 5],
      [8, 1_101, 5, 'exit 8'],
      [9, 950, 5],
      [10, 1_050, 5],
    ],
  },
  {
    name: 'marginMeters: a device that begins inside near the boundary enters initially when it is clear of it',
    properties: { marginMeters: 100 },
    steps: [
      [1, 50, 5],
      [2, 60, 5],
      [3, 200, 5, 'enter 3 initial'],
    ],
  },
  {
    name: 'marginMeters and minFixes: a fix that is not clear breaks the row',
    properties: { marginMeters: 100, minFixes: 2 },
    steps: [
      [1, -500, 5],
      [2, 200, 5],
      [3, 50, 5],
      [4, 200, 5],
      [5, 200, 5, 'enter 4'],
    ],
  },
  {
    name: 'maxAccuracy: worse fixes are ignored, a fix without accuracy counts',
    properties: { maxAccuracy: 20 },
    steps: [
      [1, -500, 5],
      [2, 500, 21],
      [3, 500, 20, 'enter 3'],
      [4, 2_000, 300],
      [5, 2_000, undefined, 'exit 5'],
    ],
  },
  {
    name: 'maxAccuracy: an ignored fix does not break a row',
    properties: { maxAccuracy: 20, minFixes: 2 },
    steps: [
      [1, -500, 5],
      [2, 500, 5],
      [3, -500, 99],
      [4, 500, 5, 'enter 2'],
    ],
  },
  {
    name: 'maxAccuracy: the first fix that counts is the first known one',
    properties: { maxAccuracy: 20 },
    steps: [
      [1, -500, 300],
      [2, 500, 200],
      [3, 500, 5, 'enter 3 initial'],
    ],
  },
  {
    name: 'maxAccuracy: after a fix that counted outside, an enter is not initial',
    properties: { maxAccuracy: 20 },
    steps: [
      [1, -500, 10],
      [2, 500, 200],
      [3, 500, 5, 'enter 3'],
    ],
  },
  {
    name: 'appliesTo: neither list is all, an empty list is nobody',
    properties: { appliesTo: { devices: [] } },
    steps: [[1, 500, 5]],
  },
  {
    name: 'appliesTo: this device',
    properties: { appliesTo: { devices: ['x', 'truck-7'] } },
    steps: [[1, 500, 5, 'enter 1 initial']],
  },
  {
    name: 'appliesTo: one of its groups',
    properties: { appliesTo: { groups: ['north'] } },
    steps: [[1, 500, 5, 'enter 1 initial']],
  },
  {
    name: 'appliesTo: a device or a group',
    properties: { appliesTo: { devices: ['x'], groups: ['trucks'] } },
    steps: [[1, 500, 5, 'enter 1 initial']],
  },
  { name: 'appliesTo: others', properties: { appliesTo: { devices: ['x'], groups: ['south'] } }, steps: [[1, 500, 5]] },
  { name: 'appliesTo: an empty object is all', properties: { appliesTo: {} }, steps: [[1, 500, 5, 'enter 1 initial']] },
]

for (const { name, properties, steps } of timelines) {
  test(name, () => {
    const index = indexOf(fenceOf(properties))
    let state: DeviceState = emptyState()
    const got: string[] = []
    for (const [timestamp, at, accuracy] of steps) {
      const location = { lat: 0, lng: east(at), ...(accuracy === undefined ? {} : { accuracy }) }
      const result = evaluateFix(unchanging(device, index), Object.freeze(state), { timestamp, location })
      state = JSON.parse(JSON.stringify(result.state))
      got.push([`${timestamp}:`, ...result.events.map(show)].join(' '))
    }
    assert.deepEqual(
      got,
      steps.map(([timestamp, , , ...events]) => [`${timestamp}:`, ...events].join(' ')),
    )
  })
}

const fix = (timestamp: number, at: number, accuracy?: number) => ({
  timestamp,
  location: { lat: 0, lng: east(at), ...(accuracy === undefined ? {} : { accuracy }) },
})
const after = (index: FenceIndex, ...fixes: ReturnType<typeof fix>[]) =>
  fixes.reduce((state, next) => evaluateFix(unchanging(device, index), state, next).state, emptyState())

test('an event bears the id, the name, the place and the tags', () => {
  const index = indexOf(fenceOf({ name: 'Yard', tags: ['home'] }), fenceOf({}, 'yard-2'))
  const { events } = evaluateFix(unchanging(device, index), emptyState(), fix(7, 500, 3))
  const [first, second] = events
  assert.deepEqual(first, {
    id: geofenceEventId('acme', 'truck-7', 'yard', 'enter', 7),
    event: 'enter',
    deviceId: 'truck-7',
    fenceId: 'yard',
    fenceName: 'Yard',
    timestamp: 7,
    location: { lat: 0, lng: east(500), accuracy: 3 },
    initial: true,
    tags: ['home'],
  })
  assert.match(first!.id, /^ge-[0-9a-f]{32}$/)
  assert.equal((second as GeofenceEvent).fenceName, 'yard-2')
  assert.ok(!('tags' in second!))
})

test('exits come before enters', () => {
  const other = readFence({
    type: 'Feature',
    id: 'a',
    geometry: { type: 'Point', coordinates: [east(5_000), 0] },
    properties: { radius: 100 },
  })
  const index = indexOf(fenceOf(), other)
  const { events } = evaluateFix(unchanging(device, index), after(index, fix(1, 500)), fix(2, 5_000))
  assert.deepEqual(
    events.map(({ event, fenceId }) => `${event} ${fenceId}`),
    ['exit yard', 'enter a'],
  )
})

test('only fences that hold the device or wait for a decision are remembered', () => {
  const index = indexOf(fenceOf(), fenceOf({ minFixes: 2 }, 'slow'), fenceOf({ appliesTo: { devices: [] } }, 'others'))
  assert.deepEqual(after(index, fix(1, -500)).fences, {})
  assert.deepEqual(after(index, fix(1, -500), fix(2, 500)).fences, {
    yard: { inside: true },
    slow: { inside: false, pending: { count: 1, first: fix(2, 500) } },
  })
  assert.deepEqual(after(index, fix(1, -500), fix(2, 500), fix(3, -500)).fences, {})
})

test('a fence with the id __proto__ is a fence like any other', () => {
  const index = indexOf(fenceOf({}, '__proto__'))
  const inside = JSON.parse(JSON.stringify(after(index, fix(1, 500))))
  assert.deepEqual(evaluateFix(unchanging(device, index), inside, fix(2, -500)).events.map(show), ['exit 2'])
  assert.deepEqual(evaluateFix(unchanging(device, index), emptyState(), fix(2, -500)).events, [])
})

const changes: {
  name: string
  before: FenceProperties | null
  at: ReturnType<typeof fix>[]
  change: ReturnType<typeof fenceOf> | null
  events: string[]
  fences: DeviceState['fences']
}[] = [
  {
    name: 'a fence is created around the device',
    before: null,
    at: [fix(9, 500)],
    change: fenceOf(),
    events: ['enter 9 initial'],
    fences: { yard: { inside: true } },
  },
  { name: 'a fence is created elsewhere', before: null, at: [fix(9, -500)], change: fenceOf(), events: [], fences: {} },
  {
    name: 'a fence is created and the device never said where it is',
    before: null,
    at: [],
    change: fenceOf(),
    events: [],
    fences: {},
  },
  {
    name: 'a fence is created for others',
    before: null,
    at: [fix(9, 500)],
    change: fenceOf({ appliesTo: { devices: ['x'] } }),
    events: [],
    fences: {},
  },
  {
    name: 'a fence is created that does not announce enters',
    before: null,
    at: [fix(9, 500)],
    change: fenceOf({ events: ['exit'] }),
    events: [],
    fences: { yard: { inside: true } },
  },
  {
    name: 'a fence is created that asks for two fixes',
    before: null,
    at: [fix(9, 500)],
    change: fenceOf({ minFixes: 2 }),
    events: [],
    fences: { yard: { inside: false, undecided: true, pending: { count: 1, first: fix(9, 500) } } },
  },
  {
    name: 'a fence is created and the newest fix is too poor for it',
    before: null,
    at: [fix(9, 500, 99)],
    change: fenceOf({ maxAccuracy: 20 }),
    events: [],
    fences: { yard: { inside: false, undecided: true, withheld: 'accuracy_poor' } },
  },
  {
    name: 'a fence is put again as it was',
    before: {},
    at: [fix(9, 500)],
    change: fenceOf({ name: 'new name' }),
    events: [],
    fences: { yard: { inside: true } },
  },
  { name: 'a fence is deleted', before: {}, at: [fix(9, 500)], change: null, events: [], fences: {} },
  {
    name: 'a fence no longer concerns the device',
    before: {},
    at: [fix(9, 500)],
    change: fenceOf({ appliesTo: { devices: ['x'] } }),
    events: [],
    fences: {},
  },
  {
    name: 'a fence moves away from the device',
    before: {},
    at: [fix(8, 400), fix(9, 500)],
    change: readFence({
      type: 'Feature',
      id: 'yard',
      geometry: { type: 'Point', coordinates: [5, 5] },
      properties: { radius: 10 },
    }),
    events: ['exit 9'],
    fences: {},
  },
]

for (const { name, before, at, change, events, fences } of changes) {
  test(name, () => {
    const index = indexOf(...(before === null ? [] : [fenceOf(before)]))
    const state = after(index, ...at)
    const copy = structuredClone(state)
    const compiled = change === null ? null : new FenceIndex().put(change)
    const result = evaluateFenceChange(unchanging(device, index), state, 'yard', compiled)
    assert.deepEqual(result.events.map(show), events)
    assert.deepEqual(result.state.fences, fences)
    assert.deepEqual(result.state.newest, state.newest)
    assert.deepEqual(state, copy, 'the state given is not changed')
    assert.deepEqual(
      evaluateFenceChange(unchanging(device, index), result.state, 'yard', compiled).state.fences,
      fences,
      'again: no change',
    )
  })
}

test('after a poor fix at its creation, the first good one inside a fence is initial', () => {
  const fence = fenceOf({ maxAccuracy: 20 })
  const index = new FenceIndex()
  const known = after(index, fix(1, 500, 5), fix(2, 500, 99))
  const { state } = evaluateFenceChange(unchanging(device, index), known, 'yard', index.put(fence))
  assert.deepEqual(evaluateFix(unchanging(device, index), state, fix(3, 500, 5)).events.map(show), ['enter 3 initial'])
})

test('a fence that vanished is forgotten silently at the next fix', () => {
  const index = indexOf(fenceOf())
  const state = after(index, fix(1, 500))
  index.remove('yard')
  const result = evaluateFix(unchanging(device, index), state, fix(2, -500))
  assert.deepEqual([result.events, result.state.fences], [[], {}])
})
