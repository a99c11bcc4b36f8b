import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import geodesic from 'geographiclib-geodesic'
import { type LocationUpdate, type ShareScope, sharedFix, sharedStatus, snapToGrid } from '../../contract/index.ts'

const FROM = 1_700_000_000_000
const UNTIL = FROM + 3_600_000
const share: ShareScope = { devices: ['truck-7'], from: FROM, until: UNTIL }
const EVERYWHERE = () => true
const NOWHERE = () => false
const FIX: LocationUpdate = {
  deviceId: 'truck-7',
  userId: 'ann',
  timestamp: FROM + 1_000,
  location: { lat: 41.1496, lng: -8.6109, accuracy: 6, speed: 13.9, heading: 270, altitude: 92 },
  metadata: { battery: 81, activity: 'driving' },
  attributes: { ignition: true, cargo: 'gold' },
}
const metersBetween = (a: { lat: number; lng: number }, b: { lat: number; lng: number }): number =>
  geodesic.Geodesic.WGS84.Inverse(a.lat, a.lng, b.lat, b.lng).s12!

const windows: [what: string, timestamp: number, shown: boolean][] = [
  ['a millisecond before from', FROM - 1, false],
  ['at from', FROM, true],
  ['a millisecond before until', UNTIL - 1, true],
  ['at until', UNTIL, false],
]
for (const [what, timestamp, shown] of windows) {
  test(`a fix ${what} is ${shown ? 'shown' : 'withheld'}`, () => {
    assert.equal(sharedFix(share, 'truck-7', { ...FIX, timestamp }, EVERYWHERE) !== null, shown)
  })
}

test('a fix shows where and when, and nothing of who, what and with how much battery', () => {
  assert.deepEqual(sharedFix(share, 'truck-7', FIX, EVERYWHERE), {
    deviceId: 'truck-7',
    timestamp: FIX.timestamp,
    location: FIX.location,
  })
})

test('a device that is not part of the link shows nothing', () => {
  assert.equal(sharedFix(share, 'truck-8', FIX, EVERYWHERE), null)
  assert.equal(sharedStatus(share, 'truck-8', { state: 'online' }), null)
})

test('outside of its area a link shows nothing; the true position decides, not the rounded one', () => {
  const asked: [number, number][] = []
  const inside = (lng: number, lat: number) => asked.push([lng, lat]) > 0
  const narrow: ShareScope = { ...share, area: [-9, 41, -8, 42], precisionMeters: 5_000 }
  assert.equal(sharedFix(narrow, 'truck-7', FIX, NOWHERE), null)
  assert.notEqual(sharedFix(narrow, 'truck-7', FIX, inside), null)
  assert.deepEqual(asked, [[-8.6109, 41.1496]])
})

test('a rounded fix has no speed, course or altitude, which would tell where in its cell it is', () => {
  const { location } = sharedFix({ ...share, precisionMeters: 500 }, 'truck-7', FIX, EVERYWHERE)!
  assert.deepEqual(Object.keys(location).sort(), ['accuracy', 'lat', 'lng'])
})

test('a status shows whether the device is connected; since when only within the window', () => {
  const status = {
    state: 'online',
    since: FROM + 5,
    battery: 7,
    network: 'lte',
    firmware: '1.2',
    connection: 'tcp',
  } as const
  assert.deepEqual(sharedStatus(share, 'truck-7', status), { state: 'online', since: FROM + 5 })
  assert.deepEqual(sharedStatus(share, 'truck-7', { ...status, since: FROM - 5 }), { state: 'online' })
})

const latitude = fc.double({ min: -90, max: 90, noNaN: true })
const longitude = fc.double({ min: -180, max: 180, noNaN: true })
const meters = fc.double({ min: 1, max: 100_000, noNaN: true })

test('property: a position is never further from its point than the accuracy says', () => {
  fc.assert(
    fc.property(latitude, longitude, meters, (lat, lng, precision) => {
      const snapped = snapToGrid({ lat, lng }, precision)
      assert.ok(Math.abs(snapped.lat) <= 90 && Math.abs(snapped.lng) <= 180)
      // The seventh decimal is a centimetre.
      assert.ok(metersBetween({ lat, lng }, snapped) <= snapped.accuracy! + 0.02)
    }),
    { numRuns: 3_000 },
  )
})

test('property: a point is the point of its own cell, so rounding twice changes nothing', () => {
  fc.assert(
    fc.property(latitude, longitude, meters, (lat, lng, precision) => {
      const once = snapToGrid({ lat, lng }, precision)
      assert.deepEqual(snapToGrid(once, precision), once)
    }),
    { numRuns: 3_000 },
  )
})

test('property: everything within a third of the width of a point is that point, in every direction', () => {
  fc.assert(
    fc.property(
      fc.double({ min: -89, max: 89, noNaN: true }),
      longitude,
      fc.double({ min: 10, max: 20_000, noNaN: true }),
      fc.double({ min: 0, max: 360, noNaN: true }),
      fc.double({ min: 0, max: 0.33, noNaN: true }),
      (lat, lng, precision, bearing, part) => {
        const point = snapToGrid({ lat, lng }, precision)
        const { lat2, lon2 } = geodesic.Geodesic.WGS84.Direct(point.lat, point.lng, bearing, precision * part)
        // A cell is at least so wide and so high, so whatever moves in its middle moves nothing that is shown.
        assert.deepEqual(snapToGrid({ lat: lat2!, lng: lon2! }, precision), point)
      },
    ),
    { numRuns: 3_000 },
  )
})

test('jitter around a parked vehicle cannot be averaged out: all of its fixes are a few fixed points', () => {
  const points = new Set<string>()
  for (let i = 0; i < 10_000; i += 1) {
    const lat = 41.15 + Math.sin(i * 12.9898) * 0.0002
    const lng = -8.61 + Math.cos(i * 78.233) * 0.0002
    points.add(JSON.stringify(snapToGrid({ lat, lng }, 1_000)))
  }
  assert.ok(points.size <= 4, `${points.size} points`)
})

test('the same place by either name of the antimeridian is one point', () => {
  assert.deepEqual(snapToGrid({ lat: 10, lng: 180 }, 1_000), snapToGrid({ lat: 10, lng: -180 }, 1_000))
})
