import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import {
  DEFAULT_TRIP_SETTINGS,
  type Fix,
  type Trip,
  TripFinder,
  type TripSettings,
} from '../../geofence-engine/index.ts'
import { parkedTrack } from '../support/parked-track.ts'

const T0 = 1_700_000_000_000
const METERS_PER_DEGREE = 111_194.9

function tripsOf(fixes: readonly Fix[], settings?: TripSettings): Trip[] {
  const finder = new TripFinder(settings)
  return [...fixes.map(fix => finder.push(fix)), finder.end()].filter(trip => trip !== null)
}

/** Rows of [seconds, speed in m/s, fix each so many seconds] along the equator, from second to second. */
function drive(rows: readonly (readonly [seconds: number, speed: number, every?: number])[], told = false): Fix[] {
  const fixes: Fix[] = []
  let [at, meters] = [0, 0]
  for (const [seconds, speed, every = 10] of rows) {
    for (let i = 0; i < seconds; i += every) {
      const location = { lat: 0, lng: meters / METERS_PER_DEGREE, ...(told && { speed }) }
      if (Number.isFinite(every)) fixes.push({ timestamp: T0 + at * 1_000, location })
      at += every
      meters += speed * every
    }
  }
  return fixes
}
const near = (value: number, expected: number, share: number) =>
  assert.ok(Math.abs(value - expected) <= expected * share, `${value}, not ${expected}`)
const secondOf = ({ timestamp }: { timestamp: number }) => (timestamp - T0) / 1_000

describe('trips', () => {
  test('a trip from stop to stop, with its length and speeds', () => {
    const [trip, ...more] = tripsOf(
      drive([
        [600, 0],
        [600, 15],
        [900, 0],
      ]),
    )
    assert.equal(more.length, 0)
    near(secondOf(trip!.start), 600, 0.05)
    near(secondOf(trip!.end), 1_200, 0.03)
    near(trip!.distanceMeters, 9_000, 0.02)
    near(trip!.maxSpeed, 15, 0.01)
    near(trip!.averageSpeed, 15, 0.05)
    assert.equal(trip!.ongoing, false)
  })

  const rows: readonly [string, Fix[], number[]][] = [
    [
      'a red light of four minutes is no end',
      drive([
        [300, 0],
        [600, 15],
        [240, 0],
        [600, 15],
        [600, 0],
      ]),
      [0],
    ],
    [
      'a stop of six minutes is',
      drive([
        [300, 0],
        [600, 15],
        [360, 0],
        [600, 15],
        [600, 0],
      ]),
      [0, 0],
    ],
    [
      'a walk is a trip',
      drive([
        [600, 0],
        [1_800, 1.2],
        [600, 0],
      ]),
      [0],
    ],
    [
      'what still drives is ongoing',
      drive([
        [600, 0],
        [600, 15],
      ]),
      [1],
    ],
    [
      'what drives from the first fix on',
      drive([
        [600, 15],
        [600, 0],
      ]),
      [0],
    ],
    [
      'a fix each five minutes',
      drive([
        [3_600, 0, 300],
        [3_600, 15, 300],
        [3_600, 0, 300],
      ]),
      [0],
    ],
    ['nothing but standing', drive([[86_400, 0, 60]]), []],
    ['one fix', drive([[10, 0]]), []],
    ['no fix', [], []],
  ]
  for (const [name, fixes, expected] of rows) {
    test(name, () =>
      assert.deepEqual(
        tripsOf(fixes).map(({ ongoing }) => Number(ongoing)),
        expected,
      ),
    )
  }

  test('a silence ends a trip where it was last heard', () => {
    const before = drive([
      [300, 0],
      [600, 15],
    ])
    const after = drive([
      [300, 0],
      [600, 15],
      [7_200, 10, 7_200],
      [600, 15],
      [600, 0],
    ]).filter(fix => secondOf(fix) >= 8_100)
    const [first, second, ...more] = tripsOf([...before, ...after])
    assert.equal(more.length, 0)
    assert.deepEqual([secondOf(first!.end), first!.ongoing], [890, false])
    assert.ok(secondOf(second!.start) >= 8_100)
  })

  test('a jump to another place and back is neither a trip nor a speed', () => {
    const fixes = drive([
      [1_200, 0],
      [600, 15],
      [1_200, 0],
    ]).map((fix, i) => (i === 50 || i === 150 || i === 151 ? { ...fix, location: { lat: 1, lng: 1 } } : fix))
    const trips = tripsOf(fixes)
    assert.equal(trips.length, 1)
    near(trips[0]!.maxSpeed, 15, 0.01)
    near(trips[0]!.distanceMeters, 9_000, 0.02)
  })

  test('the speed is what the device tells, where it does', () => {
    const fixes = drive(
      [
        [600, 0],
        [600, 15],
        [600, 0],
      ],
      true,
    )
    fixes[90] = { ...fixes[90]!, location: { ...fixes[90]!.location, speed: 33 } }
    assert.equal(tripsOf(fixes)[0]!.maxSpeed, 33)
  })

  test('two fixes of one time are no endless speed', () => {
    const fixes = drive([
      [600, 0],
      [600, 15],
      [600, 0],
    ]).flatMap(fix => [fix, fix])
    const [trip] = tripsOf(fixes)
    near(trip!.maxSpeed, 15, 0.01)
  })

  test('across the date line', () => {
    const fixes = drive([
      [600, 0],
      [600, 15],
      [600, 0],
    ]).map(({ timestamp, location }) => {
      const lng = 179.96 + location.lng
      return { timestamp, location: { lat: 0, lng: lng > 180 ? lng - 360 : lng } }
    })
    const trips = tripsOf(fixes)
    assert.equal(trips.length, 1)
    near(trips[0]!.distanceMeters, 9_000, 0.02)
  })

  for (const to of [30, 150]) {
    for (const tellsAccuracy of [true, false]) {
      test(`parked for 12 hours, errors of 5 to ${to} m, ${tellsAccuracy ? 'told' : 'untold'}: no trips`, () => {
        for (const driftSeconds of [0, 60, 300]) {
          for (const everySeconds of [10, 60]) {
            for (const seed of [1, 2, 3]) {
              const noise = { hours: 12, from: 5, to, tellsAccuracy, driftSeconds, everySeconds, seed }
              assert.deepEqual(tripsOf(parkedTrack(0, 0, noise)), [], JSON.stringify(noise))
            }
          }
        }
      })
    }
  }
})

const data = process.env.TRACKWIRE_TEST_DATA
const folder = join(data ?? '', 'traces')
for (const file of data === undefined ? [] : readdirSync(folder).filter(name => name.endsWith('.csv.gz'))) {
  test(`real tracks: ${file}`, t => {
    const lines = gunzipSync(readFileSync(join(folder, file)))
      .toString('utf8')
      .trimEnd()
      .split('\n')
    const columns = lines[0]!.split(',')
    const at = (name: string) => columns.indexOf(name)
    const byDevice = new Map<string, Fix[]>()
    for (const line of lines.slice(1)) {
      const cells = line.split(',')
      const fixes = byDevice.get(cells[at('device')]!) ?? []
      byDevice.set(cells[at('device')]!, fixes)
      const location = { lat: Number(cells[at('lat')]), lng: Number(cells[at('lon')]) }
      fixes.push({ timestamp: Number(cells[at('timestamp_ms')]), location })
    }
    let [trips, meters] = [0, 0]
    for (const fixes of byDevice.values()) {
      fixes.sort((a, b) => a.timestamp - b.timestamp)
      let last = Number.NEGATIVE_INFINITY
      for (const trip of tripsOf(fixes)) {
        assert.ok(trip.start.timestamp >= last, 'in order, one after the other')
        assert.ok(trip.end.timestamp > trip.start.timestamp)
        last = trip.end.timestamp
        assert.ok(trip.fixes >= 2 && Number.isFinite(trip.maxSpeed))
        // It leads 2.5 radii away from the mean of the stay; its first fix may be up to one radius from there.
        assert.ok(trip.distanceMeters >= 1.5 * DEFAULT_TRIP_SETTINGS.stopRadiusMeters, `${trip.distanceMeters} m`)
        trips += 1
        meters += trip.distanceMeters
      }
    }
    t.diagnostic(`${trips} trips of ${byDevice.size} devices, ${Math.round(meters / 1_000)} km`)
    assert.ok(trips > byDevice.size)
  })
}
