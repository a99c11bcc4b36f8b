import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  createRoute,
  type DriveOptions,
  drive,
  kmh,
  type Position,
  type TimedPoint,
  VEHICLES,
  type Vehicle,
} from '../../firmware-sim/index.ts'

const METERS_PER_DEGREE = 111_195
const START_MS = 1_700_000_000_000

/** A polyline of segments of 5 to 400 m with any turn between them. */
const routes = fc
  .array(fc.tuple(fc.integer({ min: 5, max: 400 }), fc.integer({ min: 0, max: 359 })), { minLength: 2, maxLength: 12 })
  .map(segments => {
    const positions: Position[] = [[-8.61, 41.15]]
    for (const [meters, bearing] of segments) {
      const [lng, lat] = positions.at(-1)!
      const radians = (bearing * Math.PI) / 180
      positions.push([
        lng + (meters * Math.sin(radians)) / (METERS_PER_DEGREE * Math.cos((41.15 * Math.PI) / 180)),
        lat + (meters * Math.cos(radians)) / METERS_PER_DEGREE,
      ])
    }
    return positions
  })
const vehicles = fc.constantFrom<Vehicle>(...Object.values(VEHICLES))

const drives = fc.record({
  positions: routes,
  closed: fc.boolean(),
  vehicle: vehicles,
  seed: fc.integer(),
  speedLimit: fc.integer({ min: 10, max: 120 }).map(kmh),
  intervalSeconds: fc.constantFrom(0.1, 0.5, 1, 1.7, 5),
})

function take(options: DriveOptions, count: number): TimedPoint[] {
  const points: TimedPoint[] = []
  for (const point of drive(options)) {
    points.push(point)
    if (points.length >= count) break
  }
  return points
}

function meters(a: TimedPoint, b: TimedPoint): number {
  const east = (b.lng - a.lng) * Math.cos((a.lat * Math.PI) / 180)
  return METERS_PER_DEGREE * Math.hypot(east, b.lat - a.lat)
}

const straight = createRoute([
  [-8.62, 41.15],
  [-8.6, 41.15],
])
const plain = { route: straight, vehicle: VEHICLES.car, seed: 1, startMs: START_MS, noiseMeters: 0 } as const

describe('a drive without noise', () => {
  test('keeps to its limits of speed, acceleration and braking on any route, and never goes back in time', () => {
    fc.assert(
      fc.property(drives, ({ positions, closed, vehicle, seed, speedLimit, intervalSeconds }) => {
        const route = createRoute(positions, closed)
        const options = { route, vehicle, seed, speedLimit, intervalSeconds, startMs: START_MS, noiseMeters: 0 }
        const points = take(options, 150)
        for (const [i, point] of points.entries()) {
          const speed = point.speed!
          assert.ok(speed <= Math.min(vehicle.topSpeed, speedLimit) + 0.01, `${speed} m/s`)
          const before = points[i - 1]
          if (before === undefined) continue
          const seconds = (point.timestampMs - before.timestampMs) / 1_000
          assert.ok(seconds > 0)
          const change = speed - before.speed!
          // The motion moves in steps of 0.25 s, so one step may belong to the interval before.
          assert.ok(
            change <= vehicle.acceleration * (seconds + 0.25) + 0.02,
            `accelerates by ${change} in ${seconds} s`,
          )
          const halts = speed === 0 ? 1 : 0
          assert.ok(
            -change <= vehicle.braking * (seconds + 0.25) + 0.02 + halts,
            `brakes by ${-change} in ${seconds} s`,
          )
          const fastest = Math.max(vehicle.topSpeed, 0.1)
          assert.ok(meters(before, point) <= fastest * (seconds + 0.25) + 0.6, 'no jump')
        }
      }),
      { numRuns: 120 },
    )
  })

  test('covers the distance that its speed says', () => {
    const points = take(plain, 90)
    const driven = points.slice(1).reduce((sum, point, i) => sum + meters(points[i]!, point), 0)
    const spoken = points.slice(1).reduce((sum, point, i) => sum + (points[i]!.speed! + point.speed!) / 2, 0)
    assert.ok(Math.abs(driven - spoken) < driven * 0.02, `${driven} m driven, ${spoken} m by speed`)
  })

  test('reaches the end of an open route, stops there and ends', () => {
    const points = take(plain, 10_000)
    const last = points.at(-1)!
    assert.ok(points.length < 10_000)
    assert.equal(last.speed, 0)
    assert.equal(last.lng, -8.6)
  })

  test('turns back at the end of an open route when told to, and heads the other way', () => {
    const points = take({ ...plain, atEnd: 'turn-back' }, 600)
    assert.equal(points.length, 600)
    const headings = new Set(points.map(({ heading }) => Math.round(heading!)))
    assert.deepEqual([...headings].sort(), [270, 90])
  })

  test('goes round a closed route again and again', () => {
    const square = createRoute([
      [-8.62, 41.15],
      [-8.618, 41.15],
      [-8.618, 41.152],
      [-8.62, 41.152],
      [-8.62, 41.15],
    ])
    const points = take({ ...plain, route: square }, 1_000)
    const nearStart = points.filter(point => meters(point, points[0]!) < 15).length
    assert.equal(points.length, 1_000)
    assert.ok(nearStart > 5)
  })

  test('brakes for a corner', () => {
    const corner = createRoute(
      [
        [-8.62, 41.15],
        [-8.615, 41.15],
        [-8.615, 41.155],
      ],
      false,
    )
    const points = take({ ...plain, route: corner }, 1_000)
    const atCorner = points.filter(({ lng, lat }) => Math.abs(lng + 8.615) < 0.00008 && Math.abs(lat - 41.15) < 0.00006)
    assert.ok(Math.max(...points.map(({ speed }) => speed!)) > kmh(48))
    assert.ok(atCorner.length > 0 && atCorner.every(({ speed }) => speed! < kmh(30)))
  })

  test('makes a stop for as long as it was told, and no red light when the chance is nil', () => {
    const halt = { atMeters: 500, seconds: [20, 20] } as const
    const calm = { ...VEHICLES.car, redLightChance: 0 }
    const standing = (kind: 'stop' | 'light') =>
      take({ ...plain, vehicle: calm, halts: [{ ...halt, kind }] }, 10_000)
        .slice(1, -1)
        .filter(({ speed }) => speed === 0).length
    assert.ok(Math.abs(standing('stop') - 20) <= 1, `stands ${standing('stop')} s`)
    assert.equal(standing('light'), 0)
  })

  test('keeps to the limit of a zone, having braked before it', () => {
    const zone = { fromMeters: 600, toMeters: 900, limit: kmh(30) }
    const points = take({ ...plain, zones: [zone] }, 10_000)
    const start = { ...points[0]!, lng: -8.62 }
    const inZone = points.filter(point => meters(start, point) > 602 && meters(start, point) < 898)
    assert.ok(inZone.length > 20)
    assert.ok(inZone.every(({ speed }) => speed! <= kmh(30) + 0.05))
  })
})

describe('chance is an input', () => {
  const options = { ...plain, noiseMeters: 5, halts: [{ atMeters: 300, kind: 'light', seconds: [5, 30] }] } as const

  test('the same seed gives the same track', () => {
    assert.deepEqual(take({ ...options, seed: 'a' }, 300), take({ ...options, seed: 'a' }, 300))
  })

  test('another seed gives another track', () => {
    assert.notDeepEqual(take({ ...options, seed: 'a' }, 300), take({ ...options, seed: 'b' }, 300))
  })

  test('the start time moves the times and nothing else', () => {
    const moved = take({ ...options, startMs: START_MS + 5_000 }, 100)
    const back = moved.map(point => ({ ...point, timestampMs: point.timestampMs - 5_000 }))
    assert.deepEqual(back, take(options, 100))
  })
})

describe('the receiver errs believably', () => {
  const standing = { ...plain, halts: [{ atMeters: 0.6, kind: 'stop', seconds: [1e9, 1e9] }], noiseMeters: 5 } as const
  const truth = { lng: -8.62, lat: 41.15 } as TimedPoint
  const points = Array.from({ length: 30 }, (_, seed) => take({ ...standing, seed, intervalSeconds: 10 }, 200)).flat()

  test('about 68 % of its fixes are nearer to the truth than the accuracy it gives', () => {
    const within = points.filter(point => meters(truth, point) <= point.accuracy!).length / points.length
    assert.ok(within > 0.63 && within < 0.73, `${within}`)
  })

  test('the typical accuracy is the one asked for', () => {
    const accuracies = points.map(({ accuracy }) => accuracy!).sort((a, b) => a - b)
    const median = accuracies[accuracies.length >> 1]!
    assert.ok(median > 4.4 && median < 5.6, `${median} m`)
  })

  test('the error wanders: from one second to the next it changes much less than it is large', () => {
    const track = take({ ...standing, seed: 3 }, 2_000)
    const steps = track.slice(1).map((point, i) => meters(track[i]!, point) ** 2)
    const rmsStep = Math.sqrt(steps.reduce((sum, step) => sum + step, 0) / steps.length)
    const rmsError = Math.sqrt(track.reduce((sum, point) => sum + meters(truth, point) ** 2, 0) / track.length)
    assert.ok(rmsStep < rmsError / 2, `step ${rmsStep} m, error ${rmsError} m`)
  })

  test('a battery drains in use and charges when it was plugged in', () => {
    const battery = { startPercent: 10, drainPerHour: 60, chargePerHour: 60, plugInAtPercent: 5 }
    const charge = take({ ...standing, battery, intervalSeconds: 60 }, 60).map(point => point.battery!)
    assert.equal(charge[0], 10)
    assert.equal(Math.min(...charge), 5)
    assert.ok(charge.at(-1)! > 30)
  })
})
