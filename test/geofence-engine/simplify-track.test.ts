import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { geodesicMeters, geodesicPoints } from '../../geofence-engine/geometry/geodesy.ts'
import { simplifyTrack } from '../../geofence-engine/index.ts'

interface Place {
  readonly lat: number
  readonly lng: number
}

const wrapped = (lng: number) => ((((lng + 180) % 360) + 360) % 360) - 180
const meters = (a: Place, b: Place) => geodesicMeters(a.lng, a.lat, b.lng, b.lat)

/** How far a place is from the geodesic between two others: tried at every few metres of it. */
function metersFromWay(from: Place, to: Place, place: Place, step: number): number {
  let least = meters(from, place)
  if (meters(from, to) === 0) return least
  for (const [lng, lat] of geodesicPoints(from.lng, from.lat, to.lng, to.lat, step)) {
    least = Math.min(least, meters({ lng, lat }, place))
  }
  return least
}

const walk = fc
  .record({
    lat: fc.double({ min: -89.9, max: 89.9, noNaN: true }),
    lng: fc.constantFrom(0, 179.999, -179.9995, 25),
    steps: fc.array(fc.tuple(fc.integer({ min: -80, max: 80 }), fc.integer({ min: -80, max: 80 })), { maxLength: 40 }),
  })
  .map(({ lat, lng, steps }) => {
    const track: Place[] = [{ lat, lng }]
    for (const [north, east] of steps) {
      const last = track.at(-1)!
      const perLng = 111_000 * Math.max(0.001, Math.cos((last.lat * Math.PI) / 180))
      track.push({
        lat: Math.max(-90, Math.min(90, last.lat + north / 111_000)),
        lng: wrapped(last.lng + east / perLng),
      })
    }
    return track
  })

describe('simplifying a track', () => {
  test('no position is farther from the way that stays than the tolerance; first and last stay, in order', () => {
    fc.assert(
      fc.property(walk, fc.constantFrom(5, 20, 100), (track, tolerance) => {
        const kept = simplifyTrack(track, tolerance)
        assert.deepEqual([kept[0], kept.at(-1)], [0, track.length - 1])
        assert.deepEqual(
          kept,
          [...new Set(kept)].sort((a, b) => a - b),
        )
        const step = tolerance / 10
        for (const [i, first] of kept.entries()) {
          const last = kept[i + 1]
          if (last === undefined) continue
          for (let at = first + 1; at < last; at++) {
            const off = metersFromWay(track[first]!, track[last]!, track[at]!, step)
            assert.ok(off <= tolerance * 1.01, `${off} m at ${at} between ${first} and ${last}`)
          }
        }
      }),
      { numRuns: 150 },
    )
  })

  test('a straight way of many fixes is its two ends, over the date line too', () => {
    const track = Array.from({ length: 1_000 }, (_, i) => ({ lat: 10, lng: wrapped(179.99 + i * 2e-5) }))
    assert.deepEqual(simplifyTrack(track, 5), [0, 999])
  })

  test('a way there and back keeps its turn', () => {
    const out = Array.from({ length: 50 }, (_, i) => ({ lat: 0, lng: i * 1e-4 }))
    assert.deepEqual(simplifyTrack([...out, ...out.slice(0, -1).reverse()], 5), [0, 49, 98])
  })

  test('without a tolerance everything stays', () => {
    assert.deepEqual(
      simplifyTrack(
        [
          { lat: 0, lng: 0 },
          { lat: 0, lng: 0 },
          { lat: 0, lng: 0 },
        ],
        0,
      ),
      [0, 1, 2],
    )
    assert.deepEqual(simplifyTrack([], 5), [])
  })
})
