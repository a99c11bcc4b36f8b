import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FenceFeature } from '../../contract/index.ts'
import {
  compileFence,
  emptyState,
  evaluateFix,
  isGeofenceEvent,
  readFence,
  unchanging,
} from '../../geofence-engine/index.ts'
import { device, indexOf, show, testTimelines } from '../support/fence-timeline.ts'

testTimelines([
  {
    name: 'both fixes outside, the way between them inside: enter and exit with the times of even motion',
    properties: { cross: true },
    steps: [
      [0, -1_000, 5],
      [30, 2_000, 5, 'enter 10 interpolated', 'exit 20 interpolated'],
    ],
    reasons: ['crossed_between', 'crossed_between'],
  },
  {
    name: 'without cross nothing is told',
    properties: {},
    steps: [
      [0, -1_000, 5],
      [30, 2_000, 5],
    ],
  },
  {
    name: 'a plain change of side stays at the fix',
    properties: { cross: true },
    steps: [
      [0, -1_000, 5],
      [30, 500, 5, 'enter 30'],
      [60, 2_000, 5, 'exit 60'],
    ],
  },
  {
    name: 'after a long silence the straight line says nothing',
    properties: { cross: true },
    steps: [
      [0, -1_000, 5],
      [301, 2_000, 5],
    ],
  },
  {
    name: 'nor does a line that nothing could have travelled',
    properties: { cross: true },
    steps: [
      [0, -1_000, 5],
      [10, 2_000, 5],
    ],
  },
  {
    name: 'maxSpeed is the limit where the fence has one',
    properties: { cross: true, maxSpeed: 50 },
    steps: [
      [0, -1_000, 5],
      [30, 2_000, 5],
    ],
  },
  {
    name: 'minFixes does not apply: a visit between two fixes is all there is',
    properties: { cross: true, minFixes: 3 },
    steps: [
      [0, -1_000, 5],
      [30, 2_000, 5, 'enter 10 interpolated', 'exit 20 interpolated'],
    ],
  },
  {
    name: 'marginMeters does: the middle of the visit has to be that deep',
    properties: { cross: true, marginMeters: 501 },
    steps: [
      [0, -1_000, 5],
      [30, 2_000, 5],
    ],
  },
  {
    name: 'a fix that is ignored is not the end of a line',
    properties: { cross: true, maxAccuracy: 20 },
    steps: [
      [0, -1_000, 5],
      [10, 500, 99],
      [30, 2_000, 5, 'enter 10 interpolated', 'exit 20 interpolated'],
    ],
  },
  {
    name: 'a visit between two fixes may dwell',
    properties: { cross: true, dwellSeconds: 60 },
    steps: [
      [0, -1_000, 5],
      [240, 2_000, 5, 'enter 80 interpolated', 'dwell 140 interpolated inferred 60s', 'exit 160 interpolated'],
    ],
  },
])

const ringAt = (west: number, east: number, south: number, north: number) => [
  [west, south],
  [east, south],
  [east, north],
  [west, north],
  [west, south],
]

const places: { name: string; fence: unknown; from: [number, number]; to: [number, number]; events: string[] }[] = [
  {
    name: 'across the antimeridian',
    fence: { geometry: { type: 'Polygon', coordinates: [ringAt(179.99, 180.01, -1, 1)] }, properties: {} },
    from: [179.97, 0],
    to: [-179.97, 0],
    events: ['enter 40 interpolated', 'exit 80 interpolated'],
  },
  {
    name: 'a circle on the antimeridian, westwards',
    fence: { geometry: { type: 'Point', coordinates: [-180, 0] }, properties: { radius: 1_113.195 } },
    from: [-179.97, 0],
    to: [179.97, 0],
    events: ['enter 40 interpolated', 'exit 80 interpolated'],
  },
  {
    name: 'a corridor, right through',
    fence: {
      geometry: {
        type: 'LineString',
        coordinates: [
          [0, -1],
          [0, 1],
        ],
      },
      properties: { buffer: 1_113.195 },
    },
    from: [-0.03, 0],
    to: [0.03, 0],
    events: ['enter 40 interpolated', 'exit 80 interpolated'],
  },
  {
    name: 'into a hole and out of it: away and back between two fixes inside',
    fence: {
      geometry: { type: 'Polygon', coordinates: [ringAt(-1, 1, -1, 1), ringAt(-0.01, 0.01, -0.01, 0.01)] },
      properties: {},
    },
    from: [-0.03, 0],
    to: [0.03, 0],
    events: ['exit 40 interpolated', 'enter 80 interpolated'],
  },
  {
    name: 'two parts of one fence are two visits',
    fence: {
      geometry: {
        type: 'MultiPolygon',
        coordinates: [[ringAt(-0.02, -0.01, -1, 1)], [ringAt(0.01, 0.02, -1, 1)]],
      },
      properties: {},
    },
    from: [-0.03, 0],
    to: [0.03, 0],
    events: ['enter 20 interpolated', 'exit 40 interpolated', 'enter 80 interpolated', 'exit 100 interpolated'],
  },
  {
    name: 'along an edge and past a corner',
    fence: { geometry: { type: 'Polygon', coordinates: [ringAt(-0.01, 0.01, 0, 1)] }, properties: {} },
    from: [-0.03, -0.01],
    to: [0.01, -0.01],
    events: [],
  },
]

for (const { name, fence, from, to, events } of places) {
  test(name, () => {
    const { geometry, properties } = fence as FenceFeature
    const feature = readFence({ type: 'Feature', id: 'f', geometry, properties: { ...properties, cross: true } })
    const surroundings = unchanging(device, indexOf(feature))
    const at = (seconds: number, [lng, lat]: [number, number]) => ({
      timestamp: seconds * 1_000,
      location: { lng, lat },
    })
    const { state } = evaluateFix(surroundings, emptyState(), at(0, from))
    const told = evaluateFix(surroundings, state, at(120, to)).events.filter(isGeofenceEvent)
    const nearSeconds = told.map(event => show({ ...event, timestamp: Math.round(event.timestamp / 100) * 100 }))
    assert.deepEqual(nearSeconds, events)
    for (const { location } of told) assert.ok(Math.abs(location.lng) <= 180)
  })
}

const near = fc
  .tuple(fc.integer({ min: -20, max: 20 }), fc.integer({ min: -20, max: 20 }))
  .map(([x, y]) => [x / 10, y / 10])
const anyFence = fc
  .oneof(
    fc
      .tuple(near, fc.array(fc.double({ min: 0.1, max: 2, noNaN: true }), { minLength: 3, maxLength: 60 }))
      .map(([[x, y], radii]) => {
        const ring = radii.map((radius, i) => {
          const angle = (i / radii.length) * 2 * Math.PI
          return [x! + radius * Math.cos(angle), y! + radius * Math.sin(angle)]
        })
        return { geometry: { type: 'Polygon', coordinates: [[...ring, ring[0]]] }, properties: {} }
      }),
    fc
      .tuple(near, fc.double({ min: 1_000, max: 200_000, noNaN: true }))
      .map(([coordinates, radius]) => ({ geometry: { type: 'Point', coordinates }, properties: { radius } })),
    fc
      .tuple(
        fc.uniqueArray(near, { minLength: 2, maxLength: 4, selector: String }),
        fc.double({ min: 1_000, max: 100_000, noNaN: true }),
      )
      .map(([coordinates, buffer]) => ({ geometry: { type: 'LineString', coordinates }, properties: { buffer } })),
  )
  .map(fence => readFence({ type: 'Feature', id: 'f', ...fence }))

test('where an area covers a segment is where a dense sampling finds it', () => {
  fc.assert(
    fc.property(anyFence, near, near, fc.constantFrom(0, 180), (feature, from, to, shift) => {
      const fence = compileFence(shifted(feature, shift))
      const wrap = (lng: number) => (lng > 180 ? lng - 360 : lng)
      const segment = { lng1: from[0]! + shift, lat1: from[1]!, lng2: to[0]! + shift, lat2: to[1]! }
      const spans = fence.coveredAlong(segment)
      for (let i = 1; i < spans.length; i++) assert.ok(spans[i - 1]![1] < spans[i]![0])
      for (let i = 0; i <= 500; i++) {
        const t = i / 500
        // Positions at a border may be on either side of it.
        if (spans.some(span => span.some(end => Math.abs(end - t) < 1e-4))) continue
        const lng = wrap(segment.lng1 + t * (segment.lng2 - segment.lng1))
        const lat = segment.lat1 + t * (segment.lat2 - segment.lat1)
        const found = spans.some(([first, last]) => t >= first && t <= last)
        if (fence.covers(lng, lat) === found || fence.boundaryMeters(lng, lat) < 300) continue
        assert.fail(`[${lng}, ${lat}] at ${t} is ${found ? '' : 'not '}in the spans ${JSON.stringify(spans)}`)
      }
    }),
    { numRuns: 300 },
  )
})

function shifted(feature: FenceFeature, degrees: number): FenceFeature {
  const move = (value: unknown): unknown =>
    Array.isArray(value) && typeof value[0] === 'number'
      ? [value[0] + degrees, value[1]]
      : (value as unknown[]).map(move)
  const geometry = { ...feature.geometry, coordinates: move(feature.geometry.coordinates) }
  return readFence({ ...feature, geometry })
}
