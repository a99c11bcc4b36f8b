import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { OfflineSettings, ProximityRule } from '../../contract/index.ts'
import { type Connectivity, type ProximityState, stepConnectivity, stepProximity } from '../../geofence-engine/index.ts'

/** A degree of longitude at the equator is 111,319.49 m. */
const east = (meters: number) => ({ lat: 0, lng: meters / 111_319.49 })

describe('proximity', () => {
  const RULE: ProximityRule = { devices: ['a', 'b'], nearMeters: 100, farMeters: 150, maxAgeSeconds: 60 }
  /** `[second of a, second of b, metres between]` */
  const CASES: readonly [string, Partial<ProximityRule>, readonly [number, number, number][], readonly string[]][] = [
    [
      'near at the distance, far beyond the greater one',
      {},
      [
        [1, 1, 200],
        [2, 1, 99.9],
        [3, 3, 140],
        [4, 4, 151],
      ],
      ['near@2', 'far@4'],
    ],
    [
      'in between nothing changes',
      {},
      [
        [1, 1, 120],
        [2, 2, 149],
        [3, 3, 101],
      ],
      [],
    ],
    [
      'flapping around the near distance is one time',
      {},
      [
        [1, 1, 99],
        [2, 2, 101],
        [3, 3, 99],
        [4, 4, 101],
      ],
      ['near@1'],
    ],
    [
      'a position that is too old says nothing',
      {},
      [
        [100, 30, 10],
        [101, 45, 10],
      ],
      ['near@101'],
    ],
    [
      'it has to last',
      { minSeconds: 10 },
      [
        [1, 1, 50],
        [5, 5, 50],
        [6, 6, 120],
        [7, 7, 50],
        [16, 16, 50],
        [17, 17, 50],
      ],
      ['near@17'],
    ],
    [
      'the far distance by default is a quarter more',
      { farMeters: undefined } as never,
      [
        [1, 1, 90],
        [2, 2, 124],
        [3, 3, 126],
      ],
      ['near@1', 'far@3'],
    ],
  ]
  for (const [name, more, positions, expected] of CASES) {
    test(name, () => {
      let state: ProximityState | null = null
      const changes: string[] = []
      for (const [first, second, meters] of positions) {
        const a = { timestamp: first * 1_000, location: east(0) }
        const b = { timestamp: second * 1_000, location: east(meters) }
        const nowMs = Math.max(first, second) * 1_000
        const step = stepProximity({ ...RULE, ...more }, state, { a, b, nowMs })
        state = JSON.parse(JSON.stringify(step.state)) as ProximityState | null
        if (step.change !== undefined) changes.push(`${step.change.event}@${step.change.at / 1_000}`)
      }
      assert.deepEqual(changes, expected)
    })
  }
})

describe('connectivity', () => {
  const SILENCE: OfflineSettings = { silenceSeconds: 60 }
  const GRACE: OfflineSettings = { silenceSeconds: 600, graceSeconds: 10 }
  const state = (heard: number, ended: number | null = null, offline: number | null = null): Connectivity => ({
    heardAt: heard * 1_000,
    sessionEndedAt: ended === null ? null : ended * 1_000,
    offlineSince: offline === null ? null : offline * 1_000,
  })
  const CASES: readonly {
    name: string
    before: Connectivity
    settings: OfflineSettings | null
    now: number
    started?: number
    change?: string
    due: number | null
  }[] = [
    { name: 'heard lately', before: state(100), settings: SILENCE, now: 159, due: 160 },
    {
      name: 'silent for long enough',
      before: state(100),
      settings: SILENCE,
      now: 160,
      change: 'offline@160 60 s',
      due: null,
    },
    { name: 'looked at late', before: state(100), settings: SILENCE, now: 500, change: 'offline@160 60 s', due: null },
    { name: 'we were down', before: state(100), settings: SILENCE, now: 500, started: 499, due: 559 },
    {
      name: 'heard again',
      before: state(300, null, 160),
      settings: SILENCE,
      now: 301,
      change: 'online@300 140 s',
      due: 360,
    },
    { name: 'still offline', before: state(100, null, 160), settings: SILENCE, now: 900, due: null },
    { name: 'its session ended', before: state(100, 105), settings: GRACE, now: 106, due: 115 },
    {
      name: 'and did not come back',
      before: state(100, 105),
      settings: GRACE,
      now: 115,
      change: 'offline@115 10 s',
      due: null,
    },
    { name: 'or did, over whatever way', before: state(107, 105), settings: GRACE, now: 200, due: 707 },
    { name: 'sessions do not matter without a grace', before: state(100, 105), settings: SILENCE, now: 120, due: 160 },
    { name: 'no rule', before: state(100), settings: null, now: 9_000, due: null },
    { name: 'no rule any more, and heard again', before: state(300, null, 160), settings: null, now: 301, due: null },
    { name: 'no rule any more, and not heard', before: state(100, null, 160), settings: null, now: 301, due: null },
  ]
  for (const { name, before, settings, now, started = 0, change, due } of CASES) {
    test(name, () => {
      const step = stepConnectivity(before, settings, { nowMs: now * 1_000, startedAt: started * 1_000 })
      const told = step.change && `${step.change.event}@${step.change.at / 1_000} ${step.change.seconds} s`
      assert.deepEqual([told, step.dueAt], [change, due === null ? null : due * 1_000])
      assert.equal(step.state.offlineSince !== null, change?.startsWith('offline') === true || name === 'still offline')
    })
  }
})
