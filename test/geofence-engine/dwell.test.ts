import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emptyState, evaluateFix, expectedBy, isGeofenceEvent, unchanging } from '../../geofence-engine/index.ts'
import { device, fenceOf, fixAt, indexOf, testTimelines } from '../support/fence-timeline.ts'

testTimelines([
  {
    name: 'dwell comes once, with the fix that finds it, and again after the next enter',
    properties: { dwellSeconds: 60 },
    steps: [
      [0, -100, 5],
      [10, 500, 5, 'enter 10'],
      [69, 500, 5],
      [75, 500, 5, 'dwell 75 65s'],
      [200, 500, 5],
      [210, 2_000, 5, 'exit 210'],
      [220, 500, 5, 'enter 220'],
      [280, 500, 5, 'dwell 280 60s'],
    ],
  },
  {
    name: 'an initial enter begins a stay, and a drive past does not dwell',
    properties: { dwellSeconds: 60 },
    steps: [
      [0, 500, 5, 'enter 0 initial'],
      [50, 600, 5],
      [55, 1_500, 5, 'exit 55'],
      [300, 1_500, 5],
    ],
    reasons: ['initial', 'stay_too_short', 'crossed'],
  },
  {
    name: 'a silent device dwells by the clock, and the fix that follows says the same',
    properties: { dwellSeconds: 60 },
    steps: [
      [0, 500, 5, 'enter 0 initial'],
      { clock: 59, events: [], next: [60, null] },
      { clock: 61, events: ['dwell 60 inferred 60s'], next: [null, null] },
      { clock: 900, eventNow: 59, events: [], next: [60, null] },
      [300, 500, 5, 'dwell 300 300s'],
      { clock: 900, events: [], next: [null, null] },
    ],
  },
  {
    name: 'parked until it wakes up outside: even motion left the fence after the deadline',
    properties: { dwellSeconds: 60 },
    steps: [
      [0, 500, 5, 'enter 0 initial'],
      // 500 of 600 m on the way lie inside: left at 100 s.
      [120, 1_100, 5, 'dwell 60 inferred 60s', 'exit 120'],
    ],
  },
  {
    name: 'two minutes between fixes and gone: even motion left before the deadline',
    properties: { dwellSeconds: 60 },
    steps: [
      [0, 500, 5, 'enter 0 initial'],
      // 500 of 5,500 m.
      [120, 6_000, 5, 'exit 120'],
    ],
    reasons: ['initial', 'stay_too_short', 'crossed'],
  },
  {
    name: 'an exit that is not confirmed holds a dwell back; when the device comes back, it dwells',
    properties: { dwellSeconds: 60, minFixes: 2 },
    steps: [
      [0, 500, 5],
      [10, 500, 5, 'enter 0 initial'],
      [50, 1_500, 5],
      { clock: 90, events: [], next: [null, null] },
      [70, 500, 5, 'dwell 70 70s'],
    ],
    reasons: ['unconfirmed', 'initial', 'unconfirmed', 'returned', 'dwelled'],
  },
  {
    name: 'an exit that is confirmed later counts from its first fix',
    properties: { dwellSeconds: 60, minFixes: 2 },
    steps: [
      [0, 500, 5],
      [10, 500, 5, 'enter 0 initial'],
      // 500 of 1,000 m: left at 30 s.
      [50, 1_500, 5],
      [100, 1_500, 5, 'exit 50'],
      { clock: 900, events: [], next: [null, null] },
    ],
  },
  {
    name: 'repetitions go on until the exit, each told once',
    properties: { dwellSeconds: 60, repeatSeconds: 30 },
    steps: [
      [0, 500, 5, 'enter 0 initial'],
      [65, 500, 5, 'dwell 65 65s'],
      [100, 500, 5, 'dwell 100 repeat-1 100s'],
      {
        clock: 151,
        events: ['dwell 120 inferred repeat-2 120s', 'dwell 150 inferred repeat-3 150s'],
        next: [180, null],
      },
      [160, 500, 5, 'dwell 120 inferred repeat-2 120s', 'dwell 160 repeat-3 160s'],
      [170, 2_000, 5, 'exit 170'],
      { clock: 900, events: [], next: [null, null] },
    ],
  },
  {
    name: 'a device that stays silent is not repeated for ever',
    properties: { dwellSeconds: 10, repeatSeconds: 10 },
    steps: [
      [0, 500, 5, 'enter 0 initial'],
      {
        clock: 1_000,
        events: [
          'dwell 10 inferred 10s',
          ...[...Array(10).keys()].map(i => `dwell ${20 + i * 10} inferred repeat-${i + 1} ${20 + i * 10}s`),
        ],
        next: [null, null],
      },
    ],
  },
  {
    name: 'a stay that is too long is told once, also without a dwell',
    properties: { maxStaySeconds: 100 },
    steps: [
      [0, 500, 5, 'enter 0 initial'],
      { clock: 50, events: [], next: [100, null] },
      { clock: 100, events: ['dwell 100 inferred overstay 100s'], next: [null, null] },
      [130, 500, 5, 'dwell 130 overstay 130s'],
      [900, 500, 5],
    ],
  },
  {
    name: 'dwellSeconds 0 dwells with the enter',
    properties: { dwellSeconds: 0 },
    steps: [
      [0, -10, 5],
      [5, 500, 5, 'enter 5', 'dwell 5 0s'],
    ],
  },
  {
    name: 'fixes that are ignored do not end a stay and do not find a dwell',
    properties: { dwellSeconds: 60, maxAccuracy: 20 },
    steps: [
      [0, 500, 5, 'enter 0 initial'],
      [70, 500, 99],
      [80, 5_000, 99],
      { clock: 90, events: ['dwell 60 inferred 60s'], next: [null, null] },
      [100, 500, 5, 'dwell 100 100s'],
    ],
    reasons: ['initial', 'accuracy_poor', 'dwelled'],
  },
  {
    name: 'events: a fence that only announces dwells',
    properties: { dwellSeconds: 60, events: ['dwell'] },
    steps: [
      [0, 500, 5],
      [60, 500, 5, 'dwell 60 60s'],
      [70, 2_000, 5],
    ],
    reasons: ['event_not_wanted', 'dwelled', 'event_not_wanted'],
  },
])

test('whoever finds a dwell, it is the same one; repetitions and the overstay are others', () => {
  const surroundings = unchanging(device, indexOf(fenceOf({ dwellSeconds: 60, repeatSeconds: 60, maxStaySeconds: 60 })))
  const { state } = evaluateFix(surroundings, emptyState(), fixAt(0, 500))
  const byClock = expectedBy(surroundings, state, { eventNow: 130_000, clock: 0 }).events
  const byFix = evaluateFix(surroundings, state, fixAt(140, 500)).events.filter(isGeofenceEvent)
  const byExit = evaluateFix(surroundings, state, fixAt(400, 1_100)).events.filter(({ event }) => event === 'dwell')
  const idsOf = (events: readonly { id: string }[]) => new Set(events.map(({ id }) => id))
  assert.equal(byClock.length, 3)
  assert.equal(idsOf(byClock).size, 3)
  assert.deepEqual(idsOf(byFix), idsOf(byClock))
  assert.ok([...idsOf(byClock)].every(id => idsOf(byExit).has(id)))
})
