import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DeviceEvent, FenceProperties, RuleSettings } from '../../contract/index.ts'
import {
  type Device,
  type DeviceState,
  deviceEventId,
  emptyState,
  episodeId,
  evaluateFix,
  FenceIndex,
  type Fix,
  isGeofenceEvent,
  readFence,
  type Surroundings,
  unchanging,
} from '../../geofence-engine/index.ts'

const device: Device = { org: 'acme', deviceId: 'truck-7', groups: ['trucks'] }
const METERS_PER_DEGREE = 111_319.490_793
const east = (meters: number) => meters / METERS_PER_DEGREE

/** Seconds, metres east on the equator, what else the fix says, and the events that come of it. */
type Step = readonly [seconds: number, at: number, more: More, ...events: string[]]
interface More {
  readonly speed?: number
  readonly accuracy?: number
  readonly ignition?: boolean
  readonly battery?: number
  /** From this fix on. */
  readonly rules?: RuleSettings
}

const fixOf = ([seconds, at, { ignition, battery, speed, accuracy }]: Step): Fix => ({
  timestamp: seconds * 1_000,
  location: {
    lat: 0,
    lng: east(at),
    ...(speed !== undefined && { speed }),
    ...(accuracy !== undefined && { accuracy }),
  },
  ...(ignition !== undefined && { ignition }),
  ...(battery !== undefined && { battery }),
})

const round = (value: number) => Math.round(value * 10) / 10

/** `overspeed begin 10 v25 l20`, `overspeed end 30 max30 20s`: times in seconds. */
function shown(event: DeviceEvent): string {
  const { event: kind, phase, timestamp, value, limit, maximum, seconds, fenceId } = event
  return [
    kind,
    phase,
    timestamp / 1_000,
    value === undefined ? '' : `v${round(value)}`,
    limit === undefined ? '' : `l${round(limit)}`,
    maximum === undefined ? '' : `max${round(maximum)}`,
    seconds === undefined ? '' : `${round(seconds)}s`,
    fenceId === undefined ? '' : `in ${fenceId}`,
  ]
    .filter(part => part !== '')
    .join(' ')
}

/** A band across the equator from 0 to so many metres east. */
const band = (id: string, meters: number, properties: FenceProperties) =>
  readFence({
    type: 'Feature',
    id,
    geometry: {
      type: 'Polygon',
      coordinates: [
        [
          [0, -1],
          [east(meters), -1],
          [east(meters), 1],
          [0, 1],
          [0, -1],
        ],
      ],
    },
    properties,
  })
const fences = new FenceIndex()
fences.put(band('town', 1_000, { speedLimit: 14, events: [] }))
fences.put(band('school', 500, { speedLimit: 8, events: [] }))
fences.put(band('works', 900, { speedLimit: 5, events: [], schedule: { from: '08:00', to: '17:00' } }))
fences.put(band('elsewhere', 1_000, { speedLimit: 1, events: [], appliesTo: { groups: ['cars'] } }))
fences.put(
  readFence({
    type: 'Feature',
    id: 'road',
    geometry: {
      type: 'LineString',
      coordinates: [
        [0, -0.5],
        [0, 0.5],
      ],
    },
    properties: { buffer: 50, events: [] },
  }),
)

function run(steps: readonly Step[], rules: RuleSettings, surroundings: Partial<Surroundings> = {}) {
  let state: DeviceState = emptyState()
  let inForce = rules
  const events: DeviceEvent[] = []
  const decisions: string[] = []
  for (const step of steps) {
    const [seconds, , more, ...expected] = step
    inForce = more.rules ?? inForce
    const result = evaluateFix(
      { ...unchanging(device, fences, inForce), ...surroundings },
      JSON.parse(JSON.stringify(state)),
      fixOf(step),
    )
    state = result.state
    const announced = result.events.filter(event => !isGeofenceEvent(event))
    assert.deepEqual(announced.map(shown), expected, `at ${seconds} s`)
    events.push(...announced)
    decisions.push(...result.decisions.map(({ event, outcome, reason }) => `${event} ${outcome} ${reason}`))
  }
  return { state, events, decisions }
}

/** Farther east than any fence. */
const FAR = 10_000
const limit20 = { overspeed: { limit: 20 } }
const at = (seconds: number, speed: number, ...events: string[]): Step => [seconds, FAR, { speed }, ...events]

const tables: Record<string, { name: string; rules: RuleSettings; steps: Step[] }[]> = {
  overspeed: [
    {
      name: 'two fixes begin it, two end it; the first of each bears it; the end has the maximum',
      rules: limit20,
      steps: [
        at(0, 10),
        at(10, 25),
        at(20, 31, 'overspeed begin 10 v25 l20'),
        at(30, 24),
        at(40, 18),
        at(50, 15, 'overspeed end 40 l20 max31 30s'),
      ],
    },
    {
      name: 'one bad fix neither begins nor ends it; the limit itself is not too fast',
      rules: limit20,
      steps: [
        at(0, 10),
        at(10, 90),
        at(20, 20),
        at(30, 25),
        at(40, 26, 'overspeed begin 30 v25 l20'),
        at(50, 0),
        at(60, 25),
        at(70, 0),
        at(80, 0, 'overspeed end 70 l20 max26 40s'),
      ],
    },
    {
      name: 'one fix is enough where it is told so',
      rules: { overspeed: { limit: 20, minFixes: 1 } },
      steps: [at(0, 21, 'overspeed begin 0 v21 l20'), at(5, 20, 'overspeed end 5 l20 max21 5s')],
    },
    {
      name: 'seconds alone, then whichever comes first',
      rules: { overspeed: { limit: 20, minSeconds: 10 } },
      steps: [
        at(0, 21),
        at(4, 22),
        at(8, 23),
        at(10, 22, 'overspeed begin 0 v21 l20'),
        [11, FAR, { speed: 1, rules: { overspeed: { limit: 20, minSeconds: 10, minFixes: 3 } } }],
        at(12, 1),
        at(13, 1, 'overspeed end 11 l20 max23 11s'),
      ],
    },
    {
      name: 'tolerance is on top of the limit',
      rules: { overspeed: { limit: 20, tolerance: 2, minFixes: 1 } },
      steps: [at(0, 22), at(1, 22.1, 'overspeed begin 1 v22.1 l20'), at(2, 21.9, 'overspeed end 2 l20 max22.1 1s')],
    },
    {
      name: 'the lowest limit of the device and the fences that concern it applies, and its fence is named',
      rules: { overspeed: { limit: 12, minFixes: 1 } },
      steps: [
        [0, 800, { speed: 11 }],
        [1, 400, { speed: 11 }, 'overspeed begin 1 v11 l8 in school'],
        [2, 450, { speed: 7 }, 'overspeed end 2 l8 max11 1s in school'],
        [3, 800, { speed: 13 }, 'overspeed begin 3 v13 l12'],
        [4, 2_000, { speed: 12 }, 'overspeed end 4 l12 max13 1s'],
      ],
    },
    {
      name: 'the limit of a fence counts without settings, and ends with the fence',
      rules: {},
      steps: [
        [0, 800, { speed: 15 }],
        [10, 900, { speed: 15 }, 'overspeed begin 0 v15 l14 in town'],
        [20, 2_000, { speed: 15 }],
        [30, 2_200, { speed: 15 }, 'overspeed end 20 l14 max15 20s in town'],
      ],
    },
    {
      name: 'the limit of a fence counts in the hours of its schedule',
      rules: { overspeed: { minFixes: 1 } },
      steps: [
        [28_799, 800, { speed: 6 }],
        [28_800, 800, { speed: 6 }, 'overspeed begin 28800 v6 l5 in works'],
        [61_199, 800, { speed: 3 }, 'overspeed end 28800 l5 max6 0s in works'],
        [61_200, 800, { speed: 6 }],
      ],
    },
    {
      name: 'null switches the limits of fences off too',
      rules: { overspeed: null },
      steps: [
        [0, 800, { speed: 15 }],
        [10, 900, { speed: 15 }],
      ],
    },
    {
      name: 'without a speed the way between positions tells, and one position that jumps does not',
      rules: limit20,
      steps: [
        [0, FAR, {}],
        [10, FAR + 100, {}],
        [20, FAR + 1_000, {}],
        [30, FAR + 300, {}],
        [40, FAR + 400, {}],
        [50, FAR + 650, {}],
        [60, FAR + 900, {}, 'overspeed begin 50 v25 l20'],
        [70, FAR + 900, {}],
        [80, FAR + 900, {}, 'overspeed end 70 l20 max25 20s'],
      ],
    },
    {
      name: 'no speed is made of implausible jumps, bad positions or less than a second',
      rules: { overspeed: { limit: 20, minFixes: 1 } },
      steps: [
        [0, FAR, {}],
        [10, FAR + 5_000, {}],
        [20, FAR + 10_000, {}],
        [30, FAR + 10_400, { accuracy: 80 }],
        [40, FAR + 10_800, { accuracy: 80 }],
        [40.5, FAR + 10_830, {}],
      ],
    },
    {
      name: 'an episode ends where the fixes end, when they are silent for more than ten minutes',
      rules: limit20,
      steps: [
        at(0, 25),
        at(10, 25, 'overspeed begin 0 v25 l20'),
        at(20, 28),
        at(700, 25, 'overspeed end 20 l20 max28 20s'),
        at(710, 25, 'overspeed begin 700 v25 l20'),
      ],
    },
    {
      name: 'switched off while it lasts, it ends with the next fix',
      rules: limit20,
      steps: [
        at(0, 25),
        at(10, 25, 'overspeed begin 0 v25 l20'),
        [20, FAR, { speed: 25, rules: { overspeed: null } }, 'overspeed end 20 l20 max25 20s'],
        at(30, 25),
      ],
    },
  ],
  idle: [
    {
      name: 'begins with the stand, once it has lasted; ends with the first of two moving fixes',
      rules: { idle: { seconds: 60 } },
      steps: [
        [0, 0, { ignition: true, speed: 10 }],
        [10, 100, { ignition: true, speed: 0 }],
        [40, 100, { ignition: true, speed: 0.4 }],
        [70, 100, { ignition: true, speed: 0 }, 'idle begin 10 v60 l60'],
        [100, 100, { ignition: true, speed: 0 }],
        [110, 110, { ignition: true, speed: 8 }],
        [120, 190, { ignition: true, speed: 8 }, 'idle end 110 l60 100s'],
      ],
    },
    {
      name: 'ends with the ignition; a fix that does not tell it leaves it',
      rules: { idle: { seconds: 60 } },
      steps: [
        [0, 0, { ignition: true }],
        [60, 0, {}, 'idle begin 0 v60 l60'],
        [90, 0, { ignition: false }, 'idle end 90 l60 90s'],
        [200, 0, {}],
      ],
    },
    {
      name: 'not with the ignition off or unknown, not in stop and go; one bad fix does not interrupt it',
      rules: { idle: { seconds: 60 } },
      steps: [
        [0, 0, {}],
        [100, 0, {}],
        [200, 0, { ignition: false }],
        [300, 0, { ignition: false }],
        [400, 0, { ignition: true, speed: 0 }],
        [430, 0, { ignition: true, speed: 5 }],
        [440, 50, { ignition: true, speed: 5 }],
        [450, 100, { ignition: true, speed: 0 }],
        [480, 100, { ignition: true, speed: 9 }],
        [500, 100, { ignition: true, speed: 0 }],
        [510, 100, { ignition: true, speed: 0 }, 'idle begin 450 v60 l60'],
      ],
    },
    {
      name: 'without a speed the distance tells, the accuracy beside it',
      rules: { idle: { seconds: 60, radiusMeters: 50 } },
      steps: [
        [0, 0, { ignition: true }],
        [60, 40, {}, 'idle begin 0 v60 l60'],
        [70, 120, { accuracy: 100 }],
        [80, 60, {}],
        [90, 200, {}, 'idle end 80 l60 80s'],
      ],
    },
  ],
  motion: [
    {
      name: 'found standing is no change; then one event for each change',
      rules: { overspeed: null, motion: { distanceMeters: 100, seconds: 60 } },
      steps: [
        [0, 0, {}],
        [60, 10, {}],
        [120, 0, {}],
        [130, 150, {}],
        [140, 300, {}, 'moving begin 130 v299.7 l100'],
        [150, 450, {}],
        [160, 600, {}],
        [170, 750, {}],
        [180, 760, {}],
        [220, 755, {}],
        [235, 750, {}, 'stationary begin 170 v65 l60'],
        [300, 755, {}],
      ],
    },
    {
      name: 'drift of a parked device is neither: one far fix, and far ones that say how bad they are',
      rules: { overspeed: null, motion: { distanceMeters: 100, seconds: 60 } },
      steps: [
        [0, 0, {}],
        [60, 5, {}],
        [70, 400, {}],
        [80, 0, {}],
        [90, 300, { accuracy: 250 }],
        [100, 310, { accuracy: 250 }],
        [110, 0, {}],
      ],
    },
    {
      name: 'a bad fix in a stop does not delay it, a short stop is none',
      rules: { overspeed: null, motion: { distanceMeters: 100, seconds: 60 } },
      steps: [
        [0, 0, {}],
        [10, 200, {}],
        [20, 400, {}, 'moving begin 10 v399.6 l100'],
        [50, 410, {}],
        [60, 600, {}],
        [70, 800, {}],
        [90, 800, {}],
        [100, 2_000, {}],
        [110, 810, {}],
        [130, 800, {}, 'stationary begin 70 v60 l60'],
      ],
    },
  ],
  tow: [
    {
      name: 'away with the ignition off, on two fixes; over when it stands again',
      rules: { overspeed: null, tow: { distanceMeters: 100, seconds: 60 } },
      steps: [
        [0, -500, { ignition: true }],
        [10, 0, { ignition: false }],
        [100, 20, { ignition: false }],
        [200, 150, { ignition: false }],
        [210, 300, {}, 'tow begin 200 v299.7 l100'],
        [220, 900, { ignition: false }],
        [240, 1_000, { ignition: false }],
        [300, 995, { ignition: false }, 'tow end 220 l100 max998.9 20s'],
        [400, 1_020, { ignition: false }],
        [410, 2_000, { ignition: false }],
        [420, 2_500, { ignition: true }],
      ],
    },
    {
      name: 'over when the ignition is on; nothing while it is on or unknown',
      rules: { overspeed: null, tow: { distanceMeters: 100 } },
      steps: [
        [0, 0, {}],
        [10, 1_000, {}],
        [20, 1_000, { ignition: false }],
        [30, 1_200, {}],
        [40, 1_400, {}, 'tow begin 30 v399.6 l100'],
        [50, 1_600, { ignition: true }, 'tow end 50 l100 max399.6 20s'],
        [60, 3_000, { ignition: true }],
        [70, 5_000, { ignition: true }],
      ],
    },
    {
      name: 'one far fix, and far ones within their accuracy, are no tow',
      rules: { overspeed: null, tow: { distanceMeters: 100 } },
      steps: [
        [0, 0, { ignition: false }],
        [10, 900, { ignition: false }],
        [20, 0, { ignition: false }],
        [30, 300, { ignition: false, accuracy: 300 }],
        [40, 300, { ignition: false, accuracy: 300 }],
      ],
    },
  ],
  'low battery': [
    {
      name: 'below the limit it begins, the hysteresis above it ends; the end has the lowest',
      rules: { lowBattery: { limit: 20 } },
      steps: [
        [0, 0, { battery: 20 }],
        [10, 0, { battery: 19 }, 'low-battery begin 10 v19 l20'],
        [20, 0, { battery: 12 }],
        [30, 0, {}],
        [40, 0, { battery: 24 }],
        [50, 0, { battery: 25 }, 'low-battery end 50 l20 max12 40s'],
        [60, 0, { battery: 21 }],
      ],
    },
    {
      name: 'a limit near full ends at full',
      rules: { lowBattery: { limit: 98, hysteresis: 10 } },
      steps: [
        [0, 0, { battery: 90 }, 'low-battery begin 0 v90 l98'],
        [10, 0, { battery: 99 }],
        [20, 0, { battery: 100 }, 'low-battery end 20 l98 max90 20s'],
      ],
    },
  ],
  'off route': [
    {
      name: 'outside its corridor for two fixes it is off, well inside for two it is back',
      rules: {
        offRoute: {
          route: [
            [0, -0.5],
            [0, 0.5],
          ],
          bufferMeters: 50,
        },
      },
      steps: [
        [0, 0, {}],
        [10, 60, {}],
        [20, 0, {}],
        [30, 60, {}],
        [40, 100, {}, 'off-route begin 30 v60 l50'],
        [50, 45, {}],
        [60, 30, {}],
        [70, 60, {}],
        [80, 30, {}],
        [90, 0, {}, 'off-route end 80 l50 max100 50s'],
      ],
    },
    {
      name: 'the corridor may be a fence; the accuracy has to be clear of it',
      rules: { offRoute: { fenceId: 'road', minFixes: 1 } },
      steps: [
        [0, 90, { accuracy: 60 }],
        [10, 90, { accuracy: 10 }, 'off-route begin 10 v90 l50 in road'],
        [20, 10, {}, 'off-route end 20 l50 max90 10s in road'],
      ],
    },
    {
      name: 'a corridor that is gone ends it, one that never was says nothing',
      rules: { offRoute: { fenceId: 'road', minFixes: 1 } },
      steps: [
        [0, 90, {}, 'off-route begin 0 v90 l50 in road'],
        [10, 90, { rules: { offRoute: { fenceId: 'gone' } } }, 'off-route end 10 l50 max90 10s in road'],
        [20, 90, {}],
      ],
    },
  ],
}

for (const [rule, cases] of Object.entries(tables)) {
  for (const { name, rules, steps } of cases) test(`${rule}: ${name}`, () => void run(steps, rules))
}

test('ids are of the device, the event, its phase and its time; begin and end share the episode; severity is passed on', () => {
  const { events } = run([at(1, 25, 'overspeed begin 1 v25 l20'), at(2, 5, 'overspeed end 2 l20 max25 1s')], {
    overspeed: { limit: 20, minFixes: 1, severity: 'high' },
  })
  const episode = episodeId('acme', 'truck-7', 'overspeed', 1_000)
  assert.deepEqual(events, [
    {
      id: deviceEventId('acme', 'truck-7', 'overspeed', 'begin', 1_000),
      event: 'overspeed',
      phase: 'begin',
      episode,
      deviceId: 'truck-7',
      timestamp: 1_000,
      location: { lat: 0, lng: east(FAR), speed: 25 },
      value: 25,
      limit: 20,
      severity: 'high',
    },
    {
      id: deviceEventId('acme', 'truck-7', 'overspeed', 'end', 2_000),
      event: 'overspeed',
      phase: 'end',
      episode,
      deviceId: 'truck-7',
      timestamp: 2_000,
      location: { lat: 0, lng: east(FAR), speed: 5 },
      limit: 20,
      maximum: 25,
      seconds: 1,
      severity: 'high',
    },
  ])
})

test('every event has its reason, and what was not announced has one too', () => {
  const steps = [at(0, 25), at(10, 5), at(20, 25), at(30, 25, 'overspeed begin 20 v25 l20')]
  assert.deepEqual(run(steps, limit20).decisions, [
    'overspeed suppressed unconfirmed',
    'overspeed suppressed not_confirmed',
    'overspeed suppressed unconfirmed',
    'overspeed announced begun',
  ])
})

test('without rules nothing is remembered, and nothing after an episode either', () => {
  assert.equal('rules' in run([at(0, 25), at(1, 30)], {}).state, false)
  const over = run([at(0, 25, 'overspeed begin 0 v25 l20'), at(1, 5, 'overspeed end 1 l20 max25 1s')], {
    overspeed: { limit: 20, minFixes: 1 },
  })
  assert.equal('rules' in over.state, false)
})

test('what is settled is not evaluated again, and the memory waits', () => {
  const settled = { epoch: 3, settledUntil: (epoch: number) => (epoch === 3 ? 10_000 : -1) }
  const steps = [at(0, 25), at(10, 25), at(20, 25), at(30, 25, 'overspeed begin 20 v25 l20')]
  run(steps, limit20, settled)
})

test('what a fence had to do with is settled up to the change of the fence', () => {
  const changed = new FenceIndex()
  changed.put(band('town', 1_000, { speedLimit: 14, events: [] }), 7)
  const settled = { fences: changed, settledUntil: (epoch: number) => (epoch === 7 ? 25_000 : -1) }
  const steps: Step[] = [
    [0, 800, { speed: 20 }],
    [10, 800, { speed: 20 }],
    [20, 800, { speed: 10 }],
    [30, 800, { speed: 10 }, 'overspeed end 20 l14 max20 20s in town'],
  ]
  run(steps, {}, settled)
})
