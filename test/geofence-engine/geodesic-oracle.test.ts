import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import geodesic from 'geographiclib-geodesic'
import { FenceIndex, readFence } from '../../geofence-engine/index.ts'

/*
 * Circles and corridors against Karney's geodesics, anywhere on earth: at the poles, across ±180, from a metre to half the earth.
 * The contract allows 0.5 %; what is asked here is a hundredth of that and 2 cm.
 */

const { WGS84 } = geodesic.Geodesic
const TOLERANCE = 0.000_05
const TOLERANCE_METERS = 0.02

type Place = [lng: number, lat: number]

const anywhere: fc.Arbitrary<Place> = fc.oneof(
  fc.tuple(fc.double({ min: -180, max: 180, noNaN: true }), fc.double({ min: -90, max: 90, noNaN: true })),
  fc.tuple(fc.double({ min: 179.99, max: 180, noNaN: true }), fc.double({ min: -89, max: 89, noNaN: true })),
  fc.tuple(fc.double({ min: -180, max: 180, noNaN: true }), fc.constantFrom(90, -90, 89.999, -89.999, 0)),
)
/** Metres of every order of magnitude. */
const meters = (most: number) => fc.double({ min: 0, max: Math.log10(most), noNaN: true }).map(power => 10 ** power)
const azimuth = fc.double({ min: -180, max: 180, noNaN: true })

function go([lng, lat]: Place, towards: number, distance: number): Place {
  const { lon2, lat2 } = WGS84.Direct(lat, lng, towards, distance)
  return [Math.max(-180, Math.min(180, lon2!)), lat2!]
}

const between = (a: Place, b: Place) => WGS84.Inverse(a[1], a[0], b[1], b[0]).s12!

test('circles: the last hundred-thousandth of the radius is inside, the next one outside', () => {
  fc.assert(
    fc.property(anywhere, meters(19_900_000), azimuth, (centre, radius, towards) => {
      const index = new FenceIndex()
      const properties = { radius }
      index.put(readFence({ type: 'Feature', id: 'c', geometry: { type: 'Point', coordinates: centre }, properties }))
      // Near the antipode one goes past the farthest point: the oracle says how far it really is.
      for (const factor of [1 - 1e-5, 1 + 1e-5]) {
        const place = go(centre, towards, radius * factor)
        const distance = between(centre, place)
        if (Math.abs(distance - radius) < 1e-6) continue
        assert.equal(index.covering(...place).length === 1, distance <= radius, `${place} is ${distance} m away`)
      }
    }),
    { numRuns: 2_000 },
  )
})

/** The least distance to a geodesic line, by looking everywhere along it. */
function distanceToLine(line: readonly Place[], place: Place): number {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i + 1 < line.length; i++) {
    const [a, b] = [line[i]!, line[i + 1]!]
    const { s12, azi1 } = WGS84.Inverse(a[1], a[0], b[1], b[0])
    const at = (t: number) => between(go(a, azi1!, s12! * t), place)
    const samples = [...Array(65).keys()].map(k => k / 64)
    const best = samples.reduce((x, y) => (at(y) < at(x) ? y : x))
    let [low, high] = [Math.max(0, best - 1 / 64), Math.min(1, best + 1 / 64)]
    for (let step = 0; step < 60; step++) {
      const [x, y] = [low + (high - low) / 3, high - (high - low) / 3]
      if (at(x) < at(y)) high = y
      else low = x
    }
    least = Math.min(least, at((low + high) / 2), at(0), at(1))
  }
  return least
}

test('corridors: segments are geodesics, from a metre to 3,000 km', () => {
  const legs = fc.array(fc.tuple(azimuth, meters(3_000_000)), { minLength: 1, maxLength: 3 })
  fc.assert(
    fc.property(
      anywhere,
      legs,
      fc.double({ min: 0, max: 1, noNaN: true }),
      azimuth,
      meters(300_000),
      (start, route, t, aside, away) => {
        const line = [start]
        for (const [towards, length] of route) line.push(go(line.at(-1)!, towards, length))
        const { s12, azi1 } = WGS84.Inverse(line[0]![1], line[0]![0], line[1]![1], line[1]![0])
        const place = go(go(line[0]!, azi1!, s12! * t), aside, away)
        const distance = distanceToLine(line, place)
        const slack = distance * TOLERANCE + TOLERANCE_METERS
        for (const [buffer, inside] of [
          [distance + slack, true],
          [distance - slack, false],
        ] as const) {
          if (buffer <= 0) continue
          const properties = { buffer }
          const fence = readFence({
            type: 'Feature',
            id: 'l',
            geometry: { type: 'LineString', coordinates: line },
            properties,
          })
          const index = new FenceIndex()
          const { boundaryMeters } = index.put(fence)
          assert.equal(
            index.covering(...place).length === 1,
            inside,
            `${place} is ${distance} m away, the buffer is ${buffer} m`,
          )
          assert.ok(
            Math.abs(boundaryMeters(...place) - slack) <= slack,
            `${boundaryMeters(...place)} m to the boundary`,
          )
        }
      },
    ),
    { numRuns: 150 },
  )
})
