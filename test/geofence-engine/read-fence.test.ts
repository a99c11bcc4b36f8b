import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { TrackwireError } from '../../contract/index.ts'
import { MAX_VERTICES, readFence } from '../../geofence-engine/index.ts'
import { readFences } from '../support/geofence-truth.ts'

const dataDir = process.env.TRACKWIRE_TEST_DATA
const skip = dataDir === undefined ? 'TRACKWIRE_TEST_DATA is not set' : false

const SQUARE = [
  [0, 0],
  [10, 0],
  [10, 10],
  [0, 10],
  [0, 0],
]
const HOLE = [
  [4, 4],
  [6, 4],
  [6, 6],
  [4, 6],
  [4, 4],
]
const feature = (geometry: unknown, properties: unknown = {}) => ({ type: 'Feature', id: 'f', geometry, properties })
const polygon = (...coordinates: unknown[]) => feature({ type: 'Polygon', coordinates })
const multi = (...coordinates: unknown[]) => feature({ type: 'MultiPolygon', coordinates })
const circle = (properties: unknown, coordinates: unknown = [8, 50]) =>
  feature({ type: 'Point', coordinates }, properties)
const corridor = (coordinates: unknown, properties: unknown = { buffer: 50 }) =>
  feature({ type: 'LineString', coordinates }, properties)

const refused: { name: string; fence: unknown; message: RegExp; path: string; position?: [number, number] }[] = [
  { name: 'not an object', fence: 'fence', message: /GeoJSON Feature/, path: '/' },
  {
    name: 'a bare geometry',
    fence: { type: 'Polygon', coordinates: [SQUARE] },
    message: /type "Feature"/,
    path: '/type',
  },
  { name: 'no id', fence: { ...polygon(SQUARE), id: undefined }, message: /id of a fence/, path: '/id' },
  { name: 'a number for an id', fence: { ...polygon(SQUARE), id: 7 }, message: /string of 1 to 64/, path: '/id' },
  { name: 'an id with a slash', fence: { ...polygon(SQUARE), id: 'a/b' }, message: /"a\/b"/, path: '/id' },
  { name: 'no geometry', fence: feature(null), message: /no geometry/, path: '/geometry' },
  {
    name: 'a geometry that is no fence',
    fence: feature({ type: 'MultiPoint', coordinates: [] }),
    message: /not "MultiPoint"/,
    path: '/geometry/type',
  },
  {
    name: 'a property of the wrong type',
    fence: feature({ type: 'Polygon', coordinates: [SQUARE] }, { minFixes: 0 }),
    message: /minFixes/,
    path: '/properties/minFixes',
  },
  {
    name: 'repetitions of a dwell that is not asked for',
    fence: circle({ radius: 10, repeatSeconds: 60 }),
    message: /dwellSeconds is needed/,
    path: '/properties/repeatSeconds',
  },
  {
    name: 'a schedule for no day',
    fence: circle({ radius: 10, schedule: { days: [] } }),
    message: /days is empty/,
    path: '/properties/schedule/days',
  },
  {
    name: 'an eighth day',
    fence: circle({ radius: 10, schedule: { days: [8] } }),
    message: /days/,
    path: '/properties/schedule/days/0',
  },
  {
    name: 'a time that no clock shows',
    fence: circle({ radius: 10, schedule: { from: '24:00' } }),
    message: /from/,
    path: '/properties/schedule/from',
  },
  {
    name: 'an unknown time zone',
    fence: circle({ radius: 10, schedule: { timeZone: 'Europe/Atlantis' } }),
    message: /"Europe\/Atlantis" is not an IANA time zone/,
    path: '/properties/schedule/timeZone',
  },
  {
    name: 'an offset for a time zone',
    fence: circle({ radius: 10, schedule: { timeZone: '+02:00' } }),
    message: /IANA/,
    path: '/properties/schedule/timeZone',
  },
  {
    name: 'an expectation without a moment',
    fence: circle({ radius: 10, schedule: { expect: 'inside', days: [1] } }),
    message: /schedule.from is needed/,
    path: '/properties/schedule/expect',
  },
  {
    name: 'an event that does not exist',
    fence: feature({ type: 'Polygon', coordinates: [SQUARE] }, { events: ['leave'] }),
    message: /events/,
    path: '/properties/events/0',
  },
  {
    name: 'a NUL in a property',
    fence: feature({ type: 'Polygon', coordinates: [SQUARE] }, { note: 'a\0b' }),
    message: /NUL/,
    path: '/properties/note',
  },
  {
    name: 'properties that are a list',
    fence: feature({ type: 'Polygon', coordinates: [SQUARE] }, []),
    message: /properties/,
    path: '/properties',
  },
  { name: 'no rings', fence: polygon(), message: /too few rings/, path: '/geometry/coordinates' },
  { name: 'no polygons', fence: multi(), message: /too few polygons/, path: '/geometry/coordinates' },
  { name: 'rings that are numbers', fence: polygon(3), message: /array of positions/, path: '/geometry/coordinates/0' },
  {
    name: 'a ring of three positions',
    fence: polygon([
      [1, 2],
      [3, 4],
      [1, 2],
    ]),
    message: /too few positions: 3/,
    path: '/geometry/coordinates/0',
    position: [1, 2],
  },
  {
    name: 'a ring of two different points',
    fence: polygon([
      [1, 2],
      [3, 4],
      [3, 4],
      [1, 2],
    ]),
    message: /too few points: 2/,
    path: '/geometry/coordinates/0',
    position: [1, 2],
  },
  {
    name: 'an open ring',
    fence: polygon([
      [0, 0],
      [10, 0],
      [10, 10],
      [0, 10],
    ]),
    message: /not closed.*begins at \[0, 0\] and ends at \[0, 10\]/,
    path: '/geometry/coordinates/0/3',
    position: [0, 10],
  },
  {
    name: 'an open second ring',
    fence: polygon(SQUARE, [
      [4, 4],
      [6, 4],
      [6, 6],
      [4, 6],
    ]),
    message: /not closed/,
    path: '/geometry/coordinates/1/3',
    position: [4, 6],
  },
  {
    name: 'a position of one number',
    fence: polygon([[0], [10, 0], [10, 10], [0, 0]]),
    message: /not a position/,
    path: '/geometry/coordinates/0/0',
  },
  {
    name: 'a position with null',
    fence: polygon([
      [0, 0],
      [10, null],
      [10, 10],
      [0, 0],
    ]),
    message: /finite numbers/,
    path: '/geometry/coordinates/0/1',
  },
  {
    name: 'a position with infinity',
    fence: polygon([
      [0, 0],
      [10, Number.POSITIVE_INFINITY],
      [10, 10],
      [0, 0],
    ]),
    message: /finite/,
    path: '/geometry/coordinates/0/1',
  },
  {
    name: 'a position with text',
    fence: circle({ radius: 5 }, ['8', '50']),
    message: /finite numbers/,
    path: '/geometry/coordinates',
  },
  {
    name: 'latitude and longitude swapped',
    fence: circle({ radius: 5 }, [41, -91.5]),
    message: /latitude -91.5.*look swapped/,
    path: '/geometry/coordinates',
    position: [41, -91.5],
  },
  {
    name: 'a latitude out of range',
    fence: circle({ radius: 5 }, [100, 95]),
    message: /latitude 95 is not within ±90$/,
    path: '/geometry/coordinates',
    position: [100, 95],
  },
  {
    name: 'a longitude out of range',
    fence: polygon([
      [0, 0],
      [400, 0],
      [10, 10],
      [0, 0],
    ]),
    message: /longitude 400/,
    path: '/geometry/coordinates/0/1',
    position: [400, 0],
  },
  {
    name: 'a bow-tie',
    fence: polygon([
      [0, 0],
      [10, 10],
      [10, 0],
      [0, 10],
      [0, 0],
    ]),
    message: /crosses itself at \[5, 5\]/,
    path: '/geometry/coordinates/0/0',
    position: [5, 5],
  },
  {
    name: 'a ring that touches itself at a vertex',
    fence: polygon([
      [0, 0],
      [5, 5],
      [10, 0],
      [10, 10],
      [5, 5],
      [0, 10],
      [0, 0],
    ]),
    message: /touches itself at \[5, 5\]/,
    path: '/geometry/coordinates/0/0',
    position: [5, 5],
  },
  {
    name: 'a spike',
    fence: polygon([
      [0, 0],
      [10, 0],
      [10, 10],
      [10, 20],
      [10, 10],
      [0, 10],
      [0, 0],
    ]),
    message: /folds back/,
    path: '/geometry/coordinates/0/3',
    position: [10, 20],
  },
  {
    name: 'a ring without area',
    fence: polygon([
      [0, 0],
      [5, 5],
      [10, 10],
      [0, 0],
    ]),
    message: /folds back/,
    path: '/geometry/coordinates/0/0',
    position: [0, 0],
  },
  {
    name: 'a hole outside',
    fence: polygon(SQUARE, [
      [20, 20],
      [22, 20],
      [22, 22],
      [20, 20],
    ]),
    message: /hole 1 lies outside/,
    path: '/geometry/coordinates/1',
    position: [20, 20],
  },
  {
    name: 'a hole that crosses the outer ring',
    fence: polygon(SQUARE, [
      [8, 4],
      [12, 5],
      [8, 6],
      [8, 4],
    ]),
    message: /crosses hole 1 at \[10, 4.5\]/,
    path: '/geometry/coordinates/0/1',
    position: [10, 4.5],
  },
  {
    name: 'a hole that leaves through a vertex of the outer ring',
    fence: polygon(
      [
        [0, 0],
        [10, 0],
        [10, 5],
        [10, 10],
        [0, 10],
        [0, 0],
      ],
      [
        [8, 4],
        [10, 5],
        [12, 6],
        [8, 6],
        [8, 4],
      ],
    ),
    message: /the outer ring crosses hole 1 at \[10, 6\]/,
    path: '/geometry/coordinates/0/2',
    position: [10, 6],
  },
  {
    name: 'a hole larger than its shell',
    fence: polygon(HOLE, SQUARE),
    message: /hole 1 lies outside/,
    path: '/geometry/coordinates/1',
    position: [0, 0],
  },
  {
    name: 'a hole that shares an edge with the outer ring',
    fence: polygon(SQUARE, [
      [0, 4],
      [2, 4],
      [2, 6],
      [0, 6],
      [0, 4],
    ]),
    message: /runs along hole 1/,
    path: '/geometry/coordinates/0/3',
  },
  {
    name: 'the same ring twice',
    fence: polygon(SQUARE, SQUARE),
    message: /runs along hole 1/,
    path: '/geometry/coordinates/0/0',
    position: [0, 0],
  },
  {
    name: 'a hole in a hole',
    fence: polygon(
      SQUARE,
      [
        [1, 1],
        [9, 1],
        [9, 9],
        [1, 9],
        [1, 1],
      ],
      HOLE,
    ),
    message: /hole 2 lies in hole 1/,
    path: '/geometry/coordinates/2',
    position: [4, 4],
  },
  {
    name: 'a hole from border to border, which cuts the area in two',
    fence: polygon(SQUARE, [
      [0, 5],
      [5, 4],
      [10, 5],
      [5, 6],
      [0, 5],
    ]),
    message: /cuts the area in two/,
    path: '/geometry/coordinates/',
  },
  {
    name: 'two holes that together cut the area in two',
    fence: polygon(
      SQUARE,
      [
        [0, 5],
        [5, 4],
        [5, 6],
        [0, 5],
      ],
      [
        [10, 5],
        [5, 6],
        [5.5, 4],
        [10, 5],
      ],
    ),
    message: /hole 2 .*cuts the area in two/,
    path: '/geometry/coordinates/',
  },
  {
    name: 'a hole whose chord lies outside a concave outer ring',
    fence: polygon(
      [
        [0, 0],
        [10, 0],
        [5, 5],
        [10, 10],
        [0, 10],
        [0, 0],
      ],
      [
        [10, 0],
        [10, 10],
        [2, 5],
        [10, 0],
      ],
    ),
    message: /hole 1 lies outside/,
    path: '/geometry/coordinates/1',
  },
  {
    name: 'polygons that overlap',
    fence: multi(
      [SQUARE],
      [
        [
          [5, 5],
          [15, 5],
          [15, 15],
          [5, 15],
          [5, 5],
        ],
      ],
    ),
    message: /polygon 0 crosses the outer ring of polygon 1 at \[10, 5\]/,
    path: '/geometry/coordinates/0/0/1',
    position: [10, 5],
  },
  {
    name: 'a polygon in another',
    fence: multi([SQUARE], [HOLE]),
    message: /polygon 1 overlaps polygon 0 at \[4, 4\]/,
    path: '/geometry/coordinates/1/0',
    position: [4, 4],
  },
  {
    name: 'a ring wider than the earth',
    fence: polygon([
      ...[-200, -100, -20, 50, 100, 161].map(x => [x, 0]),
      ...[161, 100, 50, -20, -100, -200].map(x => [x, 10]),
      [-200, 0],
    ]),
    message: /361° wide/,
    path: '/geometry/coordinates/0',
  },
  {
    name: 'a ring around the equator that may mean either pole',
    fence: polygon([
      [-180, 10],
      [-90, -10],
      [0, 10],
      [90, -10],
      [180, 10],
      [-170, 10],
      [-180, 10],
    ]),
    message: /which pole/,
    path: '/geometry/coordinates/0',
  },
  {
    name: 'a circle without radius',
    fence: circle({}),
    message: /properties.radius is missing/,
    path: '/properties/radius',
  },
  {
    name: 'a circle with a radius of zero',
    fence: circle({ radius: 0 }),
    message: /radius/,
    path: '/properties/radius',
  },
  {
    name: 'a circle larger than the earth',
    fence: circle({ radius: 2.1e7 }),
    message: /half the earth/,
    path: '/properties/radius',
  },
  {
    name: 'a corridor without buffer',
    fence: corridor(
      [
        [0, 0],
        [1, 1],
      ],
      { radius: 5 },
    ),
    message: /properties.buffer is missing/,
    path: '/properties/buffer',
  },
  {
    name: 'a corridor of one position',
    fence: corridor([[0, 0]]),
    message: /too few positions/,
    path: '/geometry/coordinates',
    position: [0, 0],
  },
  {
    name: 'a corridor of one position twice',
    fence: corridor([
      [3, 4],
      [3, 4],
    ]),
    message: /2 different positions/,
    path: '/geometry/coordinates',
    position: [3, 4],
  },
]

for (const { name, fence, message, path, position } of refused) {
  test(`refused: ${name}`, () => {
    assert.throws(
      () => readFence(fence),
      (error: TrackwireError) => {
        assert.equal(error instanceof TrackwireError && error.code, 'fence_invalid', String(error))
        assert.match(error.message, message)
        assert.ok(String(error.details?.path).startsWith(path), `path ${error.details?.path}`)
        if (position !== undefined) assert.deepEqual(error.details?.position, position)
        return true
      },
    )
  })
}

const accepted: { name: string; fence: unknown }[] = [
  { name: 'null properties (RFC 7946 §3.2)', fence: feature({ type: 'Polygon', coordinates: [SQUARE] }, null) },
  {
    name: 'a hole that touches the outer ring at one point',
    fence: polygon(SQUARE, [
      [0, 5],
      [3, 4],
      [3, 6],
      [0, 5],
    ]),
  },
  {
    name: 'two holes that touch at one point',
    fence: polygon(
      SQUARE,
      [
        [2, 2],
        [5, 5],
        [2, 5],
        [2, 2],
      ],
      [
        [5, 5],
        [8, 8],
        [8, 5],
        [5, 5],
      ],
    ),
  },
  {
    name: 'a hole whose corner touches an edge of another hole',
    fence: polygon(
      SQUARE,
      [
        [2, 2],
        [5, 2],
        [5, 6],
        [2, 2],
      ],
      [
        [5, 4],
        [8, 4],
        [8, 6],
        [5, 4],
      ],
    ),
  },
  {
    name: 'polygons that touch at two points',
    fence: multi(
      [
        [
          [0, 0],
          [5, 2],
          [10, 0],
          [5, 5],
          [0, 0],
        ],
      ],
      [
        [
          [0, 0],
          [10, 0],
          [5, -5],
          [0, 0],
        ],
      ],
    ),
  },
  {
    name: 'a vertex in the middle of a straight edge',
    fence: polygon([
      [0, 0],
      [5, 0],
      [10, 0],
      [10, 10],
      [0, 10],
      [0, 0],
    ]),
  },
  {
    name: 'a radius on a polygon, which means nothing',
    fence: feature({ type: 'Polygon', coordinates: [SQUARE] }, { radius: 5 }),
  },
  {
    name: 'a corridor that crosses itself',
    fence: corridor([
      [0, 0],
      [1, 1],
      [1, 0],
      [0, 1],
    ]),
  },
]
for (const { name, fence } of accepted) test(`accepted: ${name}`, () => assert.ok(readFence(fence)))

test('a fence comes back with its known members, its own properties and no altitudes', () => {
  const raw = {
    ...polygon([
      [0, 0, 5],
      [10, 0, 5],
      [10, 0],
      [10, 10],
      [0, 10],
      [0, 0],
    ]),
    properties: { name: 'yard', owner: { team: 7 } },
    bbox: [0, 0, 10, 10],
    extra: true,
  }
  assert.deepEqual(readFence(raw), {
    type: 'Feature',
    id: 'f',
    geometry: { type: 'Polygon', coordinates: [SQUARE] },
    properties: { name: 'yard', owner: { team: 7 } },
  })
})

function wheel(vertices: number, radius: (i: number) => number): number[][] {
  const ring = [...Array(vertices).keys()].map(i => {
    const angle = (i / vertices) * 2 * Math.PI
    return [radius(i) * Math.cos(angle), radius(i) * Math.sin(angle)]
  })
  return [...ring, ring[0]!]
}

test('a ring of as many vertices as are allowed is read, one more is refused', () => {
  const star = (i: number) => (i % 2 === 0 ? 10 : 10.001)
  assert.ok(readFence(polygon(wheel(MAX_VERTICES - 1, star))))
  assert.throws(() => readFence(polygon(wheel(MAX_VERTICES, star))), /more than 100000 vertices/)
})

test('one crossing among 50,000 vertices is found', () => {
  const ring = wheel(50_000, () => 10)
  const [a, b] = [ring[20_000]!, ring[20_001]!]
  ring[20_000] = b
  ring[20_001] = a
  assert.throws(() => readFence(polygon(ring)), /crosses itself/)
})

test('every real polygon is accepted', { skip }, () => {
  let count = 0
  const folder = join(dataDir!, 'fences')
  for (const name of readdirSync(folder)) count += readFences(join(folder, name)).length
  assert.equal(count, 652)
})

test('every polygon that is invalid as published is refused with a position in its own area', { skip }, () => {
  const text = readFileSync(join(dataDir!, 'tricky', 'invalid-polygons-as-published.geojson'), 'utf8')
  const { features } = JSON.parse(text) as { features: { geometry: { coordinates: number[][][][] } }[] }
  assert.equal(features.length, 7)
  for (const invalid of features) {
    assert.throws(
      () => readFence(invalid),
      ({ code, details }: TrackwireError) => {
        const [lng, lat] = details!.position as [number, number]
        const vertices = invalid.geometry.coordinates.flat(2)
        return code === 'fence_invalid' && vertices.some(v => Math.hypot(v[0]! - lng, v[1]! - lat) < 0.02)
      },
    )
  }
})
