import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FenceProperties } from '../../contract/index.ts'
import {
  emptyState,
  evaluateFix,
  FenceIndex,
  type Fix,
  isGeofenceEvent,
  readFence,
  unchanging,
} from '../../geofence-engine/index.ts'
import { device, testTimelines } from '../support/fence-timeline.ts'
import { type City, loadCity } from '../support/geofence-truth.ts'
import { isLong } from '../support/long.ts'
import { type Parked, parkedTrack } from '../support/parked-track.ts'

/** Of a city. */
const MOST_DEVICES = isLong ? Number.POSITIVE_INFINITY : 40
const dataDir = process.env.TRACKWIRE_TEST_DATA
const skip = dataDir === undefined ? 'TRACKWIRE_TEST_DATA is not set' : false

testTimelines([
  {
    name: 'useAccuracy: the circle of the accuracy has to clear the border, both ways',
    properties: { useAccuracy: true },
    steps: [
      [0, -500, 5],
      [10, 30, 40],
      [20, 41, 40, 'enter 20'],
      [30, 1_039, 40],
      [40, 1_050, 60],
      [50, 1_006, 5, 'exit 50'],
    ],
    reasons: ['near_border', 'crossed', 'near_border', 'crossed'],
  },
  {
    name: 'useAccuracy: a number takes the circle so many times as large, the margin comes on top',
    properties: { useAccuracy: 2, marginMeters: 10 },
    steps: [
      [0, 500, 5, 'enter 0 initial'],
      [10, 1_089, 40],
      [20, 1_091, 40, 'exit 20'],
    ],
  },
  {
    name: 'useAccuracy: without accuracy the scatter of the last fixes stands in for it',
    properties: { useAccuracy: true },
    steps: [
      [0, 500, undefined, 'enter 0 initial'],
      [10, 500, undefined],
      [20, 500, undefined],
      // A jump: 500 to 1,150 and on. Its halves stay among the last fixes for a while.
      [30, 1_150, undefined],
      [40, 1_150, undefined],
      [50, 1_150, undefined],
      [60, 1_150, undefined],
      [70, 1_150, undefined],
      [80, 1_150, undefined],
      [90, 1_150, undefined],
      [100, 1_150, undefined],
      [110, 1_150, undefined, 'exit 110'],
    ],
  },
  {
    name: 'useAccuracy: even motion is no scatter',
    properties: { useAccuracy: true },
    steps: [
      [0, 500, undefined, 'enter 0 initial'],
      [10, 700, undefined],
      [20, 900, undefined],
      [30, 1_100, undefined, 'exit 30'],
    ],
  },
  {
    name: 'minSeconds: time on the new side confirms, and a way back begins it anew',
    properties: { minSeconds: 20 },
    steps: [
      [0, -500, 5],
      [10, 500, 5],
      [20, -500, 5],
      [30, 500, 5],
      [40, 500, 5],
      [50, 500, 5, 'enter 30'],
    ],
    reasons: ['unconfirmed', 'returned', 'unconfirmed', 'confirmed'],
  },
  {
    name: 'minFixes or minSeconds: whichever is reached first',
    properties: { minFixes: 3, minSeconds: 60 },
    steps: [
      [0, -500, 5],
      [10, 500, 5],
      [20, 500, 5],
      [30, 500, 5, 'enter 10'],
      [100, 2_000, 5],
      [200, 2_000, 5, 'exit 100'],
    ],
  },
  {
    name: 'maxSpeed: a fix that nothing could have reached is ignored',
    properties: { maxSpeed: 50 },
    steps: [
      [0, 500, 5, 'enter 0 initial'],
      [10, 5_000, 5],
      [20, 500, 5],
      [30, 800, 5],
      [40, 1_200, 5, 'exit 40'],
    ],
    reasons: ['initial', 'implausible_jump', 'crossed'],
  },
  {
    name: 'maxSpeed: the third fix in a row at the new place is believed',
    properties: { maxSpeed: 50 },
    steps: [
      [0, 500, 5, 'enter 0 initial'],
      [10, 50_000, 5],
      [20, 50_010, 5],
      [30, 50_020, 5, 'exit 30'],
      [40, 50_030, 5],
    ],
    reasons: ['initial', 'implausible_jump', 'crossed'],
  },
  {
    name: 'maxSpeed: jumps that do not agree with each other stay ignored, however many',
    properties: { maxSpeed: 50 },
    steps: [
      [0, 500, 5, 'enter 0 initial'],
      [10, 50_000, 5],
      [20, -80_000, 5],
      [30, 90_000, 5],
      [40, -60_000, 5],
      [50, 600, 5],
    ],
  },
  {
    name: 'filter: a property overrides its part of the preset, minFixes takes minSeconds with it',
    properties: { filter: 'vehicle', minFixes: 1, useAccuracy: false, marginMeters: 0 },
    steps: [
      [0, -500, 5],
      [20, 1, 5, 'enter 20'],
      [30, 500, 500],
      [40, 500, 5],
      [50, 50_000, 5],
    ],
  },
  {
    name: 'filter: none is raw',
    properties: { filter: 'none' },
    steps: [
      [0, -500, 900],
      [1, 1, 900, 'enter 1'],
      [2, 50_000, 900, 'exit 2'],
    ],
  },
])

/** Metres from the centre of a circle, and its radius. */
const PLACES: readonly (readonly [radius: number, at: number])[] = [
  [50, 0],
  [200, 0],
  [200, 180],
  [2_000, 1_995],
  [200, 220],
  [50, 55],
  [2_000, 2_005],
]

function falseCrossings(fixes: readonly Fix[], radius: number, at: number, properties: FenceProperties): number {
  const index = new FenceIndex()
  const geometry = { type: 'Point', coordinates: [0, 0] }
  index.put(readFence({ type: 'Feature', id: 'c', geometry, properties: { radius, ...properties } }))
  const surroundings = unchanging(device, index)
  let state = emptyState()
  let crossings = 0
  for (const fix of fixes) {
    const evaluated = evaluateFix(surroundings, state, fix)
    state = evaluated.state
    crossings += evaluated.events.length
  }
  // That a device which stands inside is found inside is no crossing.
  return Math.max(0, crossings - (at <= radius ? 1 : 0))
}

const parked = { hours: 12, from: 5, to: 150 }
const quiet: { name: string; noise: Omit<Parked, 'seed'> }[] = [10, 60].flatMap(everySeconds => [
  {
    name: `accuracy told, fixes each ${everySeconds} s, each with an error of its own`,
    noise: { ...parked, everySeconds, tellsAccuracy: true, driftSeconds: 0 },
  },
  {
    name: `accuracy told, fixes each ${everySeconds} s, errors that last a minute`,
    noise: { ...parked, everySeconds, tellsAccuracy: true, driftSeconds: 60 },
  },
  {
    name: `no accuracy, fixes each ${everySeconds} s, each with an error of its own`,
    noise: { ...parked, everySeconds, tellsAccuracy: false, driftSeconds: 0 },
  },
])
const SEEDS = isLong ? [1, 2, 3] : [1]

for (const filter of ['vehicle', 'person'] as const) {
  for (const { name, noise } of quiet) {
    test(`parked for 12 hours, 5 to 150 m of noise, ${filter}: ${name}: no false crossing`, t => {
      let raw = 0
      for (const [radius, at] of PLACES) {
        for (const seed of SEEDS) {
          const fixes = parkedTrack(at, 0, { ...noise, seed })
          raw += falseCrossings(fixes, radius, at, {})
          assert.equal(falseCrossings(fixes, radius, at, { filter }), 0, `radius ${radius}, ${at} m east, seed ${seed}`)
        }
      }
      t.diagnostic(`${raw} false crossings without the filter`)
      assert.ok(raw > 1_000, 'the noise is noise')
    })
  }
}

/** What remains: errors that last for minutes and look like walking, of a device that does not say how exact it is. */
test('what a filter cannot tell from motion: slow drift without accuracy', t => {
  for (const driftSeconds of [60, 300]) {
    for (const everySeconds of [10, 60]) {
      let [raw, filtered] = [0, 0]
      for (const [radius, at] of PLACES) {
        const fixes = parkedTrack(at, 0, { ...parked, everySeconds, tellsAccuracy: false, driftSeconds, seed: 1 })
        raw += falseCrossings(fixes, radius, at, {})
        filtered += falseCrossings(fixes, radius, at, { filter: 'vehicle' })
      }
      t.diagnostic(`errors of ${driftSeconds} s, fixes each ${everySeconds} s: ${raw} raw, ${filtered} with vehicle`)
      assert.ok(filtered * 4 < raw)
    }
  }
})

interface Announced {
  readonly event: string
  readonly timestamp: number
  /** The fix that decided it. */
  readonly at: number
}

function announcements(city: City, filter: FenceProperties['filter']): Map<string, Announced[]> {
  const { fences, tracks } = loadCity(dataDir!, city)
  const index = new FenceIndex()
  for (const fence of fences) index.put({ ...fence, properties: { ...fence.properties, filter: filter! } })
  const found = new Map<string, Announced[]>()
  for (const [deviceId, fixes] of [...tracks].slice(0, MOST_DEVICES)) {
    let state = emptyState()
    for (const fix of fixes) {
      const evaluated = evaluateFix(unchanging({ org: 'truth', deviceId, groups: [] }, index), state, fix)
      state = evaluated.state
      for (const { event, fenceId, timestamp } of evaluated.events.filter(isGeofenceEvent)) {
        const key = `${deviceId} ${fenceId}`
        if (!found.has(key)) found.set(key, [])
        found.get(key)!.push({ event, timestamp, at: fix.timestamp })
      }
    }
  }
  return found
}

const quantile = (values: number[], share: number) =>
  values.sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(share * values.length))] ?? 0

for (const city of ['helsinki-phones', 'chicago-shuttle'] as const) {
  test(`${city}: how much later real crossings are announced with a filter`, { skip }, t => {
    const raw = announcements(city, 'none')
    for (const filter of ['vehicle', 'person'] as const) {
      const filtered = announcements(city, filter)
      const delays: Record<string, number[]> = { enter: [], exit: [] }
      const missed: number[] = []
      let [visits, longVisits, missedLong, announced] = [0, 0, 0, 0]
      for (const [key, truth] of raw) {
        const told = filtered.get(key) ?? []
        announced += told.length
        for (const { event, timestamp, at } of told) {
          const real = truth.findLast(crossing => crossing.event === event && crossing.timestamp <= timestamp)
          if (real !== undefined) delays[event]!.push((at - real.timestamp) / 1_000)
        }
        for (const [i, { event, timestamp }] of truth.entries()) {
          const left = truth[i + 1]?.timestamp
          if (event !== 'enter' || left === undefined) continue
          visits += 1
          const seconds = (left - timestamp) / 1_000
          if (seconds >= 120) longVisits += 1
          const isKnown = told.findLast(crossing => crossing.timestamp < left)?.event === 'enter'
          if (isKnown || told.some(crossing => crossing.timestamp >= timestamp && crossing.timestamp < left)) continue
          missed.push(seconds)
          if (seconds >= 120) missedLong += 1
        }
      }
      const show = (event: string) => `${quantile(delays[event]!, 0.5)} / ${quantile(delays[event]!, 0.95)} s`
      t.diagnostic(
        `${filter}: ${announced} announced; enter p50 / p95 ${show('enter')}, exit ${show('exit')}; ` +
          `of ${visits} visits ${missed.length} not told (their median ${quantile(missed, 0.5)} s), ` +
          `of ${longVisits} over 120 s ${missedLong}`,
      )
      assert.ok(quantile(delays.enter!, 0.5) <= 60 && quantile(delays.exit!, 0.5) <= 60)
      assert.ok(missedLong < longVisits / 3)
    }
  })
}
