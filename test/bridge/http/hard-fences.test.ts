import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { FenceFeature } from '../../../contract/index.ts'
import { FenceIndex } from '../../../geofence-engine/index.ts'
import { readFences, readLines } from '../../support/geofence-truth.ts'
import { ADMIN, DISPATCHER, type HttpPlatform, startHttpPlatform } from './http-platform.ts'

const dataDir = process.env.TRACKWIRE_TEST_DATA
const skip = dataDir === undefined ? 'TRACKWIRE_TEST_DATA is not set' : false

type Position = readonly [number, number]
const box = (west: number, south: number, east: number, north: number): Position[] => [
  [west, south],
  [east, south],
  [east, north],
  [west, north],
  [west, south],
]
const polygon = (...coordinates: unknown[]) => ({ type: 'Polygon', coordinates })
const multi = (...coordinates: unknown[]) => ({ type: 'MultiPolygon', coordinates })
const SHELL = box(0, 0, 10, 10)

/** What people upload that cannot be a fence: the sentence they read, and where they are pointed to. */
const REFUSED: readonly [name: string, geometry: unknown, sentence: RegExp, position: Position | null][] = [
  [
    'a bow-tie',
    polygon([
      [0, 0],
      [2, 2],
      [2, 0],
      [0, 2],
      [0, 0],
    ]),
    /the outer ring crosses itself at \[1, 1\]/,
    [1, 1],
  ],
  [
    'three points',
    polygon([
      [3, 4],
      [5, 4],
      [3, 4],
    ]),
    /outer ring has too few positions: 3, at least 4/,
    [3, 4],
  ],
  [
    'one point three times',
    polygon([
      [3, 4],
      [3, 4],
      [3, 4],
      [3, 4],
    ]),
    /too few points: 1 different/,
    [3, 4],
  ],
  ['a ring that is not closed', polygon(SHELL.slice(0, 4)), /outer ring is not closed: it begins at \[0, 0\]/, [0, 10]],
  ['a hole outside', polygon(SHELL, box(20, 20, 21, 21)), /hole 1 lies outside the outer ring at \[20, 20\]/, [20, 20]],
  ['a hole half outside', polygon(SHELL, box(8, 8, 12, 9)), /outer ring crosses hole 1/, [10, 8]],
  ['a hole in a hole', polygon(SHELL, box(1, 1, 9, 9), box(4, 4, 5, 5)), /hole 2 lies in hole 1 at \[4, 4\]/, [4, 4]],
  ['a hole that is all of it', polygon(SHELL, SHELL), /outer ring runs along hole 1/, [0, 0]],
  [
    'a spike',
    polygon([
      [0, 0],
      [9, 0],
      [9, 9],
      [12, 12],
      [9, 9],
      [0, 9],
      [0, 0],
    ]),
    /folds back onto itself at \[12, 12\]/,
    [12, 12],
  ],
  [
    'no area',
    polygon([
      [0, 0],
      [5, 5],
      [9, 9],
      [0, 0],
    ]),
    /folds back onto itself/,
    [0, 0],
  ],
  [
    'a ring that touches itself',
    polygon([
      [0, 0],
      [2, 2],
      [4, 0],
      [4, 4],
      [2, 2],
      [0, 4],
      [0, 0],
    ]),
    /touches itself at \[2, 2\]/,
    [2, 2],
  ],
  ['overlapping polygons', multi([SHELL], [box(5, 5, 15, 15)]), /crosses the outer ring of polygon 1/, [10, 5]],
  ['a polygon in another', multi([SHELL], [box(5, 5, 6, 6)]), /outer ring of polygon 1 overlaps polygon 0/, [5, 5]],
  [
    'latitude first',
    polygon([
      [-33.8, 151.2],
      [-33.8, 151.3],
      [-33.9, 151.3],
      [-33.8, 151.2],
    ]),
    /these look swapped/,
    [-33.8, 151.2],
  ],
  [
    'a longitude beyond the earth',
    polygon([
      [0, 0],
      [500, 0],
      [500, 5],
      [0, 0],
    ]),
    /longitude 500 is not within/,
    [500, 0],
  ],
  [
    'text for numbers',
    polygon([
      ['1', '2'],
      [3, 4],
      [5, 6],
      ['1', '2'],
    ]),
    /vertex 0 of the outer ring is \["1","2"\]; .* finite numbers/,
    null,
  ],
  [
    'null for a position',
    polygon([[1, 2], null, [5, 6], [1, 2]]),
    /vertex 1 of the outer ring is not a position/,
    null,
  ],
  [
    'null for a latitude',
    multi(
      [SHELL],
      [
        [
          [1, 2],
          [3, null],
          [5, 6],
          [1, 2],
        ],
      ],
    ),
    /vertex 1 of the outer ring of polygon 1/,
    null,
  ],
  ['an empty polygon', polygon(), /the geometry has too few rings: 0/, null],
  ['an empty ring', polygon([]), /outer ring has too few positions: 0/, null],
  ['an empty multipolygon', multi(), /the geometry has too few polygons: 0/, null],
  ['an empty point', { type: 'Point', coordinates: [] }, /the centre is not a position/, null],
  ['a collection', { type: 'GeometryCollection', geometries: [polygon(SHELL)] }, /not "GeometryCollection"/, null],
  ['several points', { type: 'MultiPoint', coordinates: [[1, 2]] }, /not "MultiPoint"/, null],
  ['no coordinates', { type: 'Polygon' }, /the geometry is an array of rings, not nothing/, null],
  ['positions for rings', polygon(...SHELL), /outer ring has too few positions: 2/, null],
]

/** What people upload that looks odd and is right: positions inside and outside. */
const ACCEPTED: readonly [
  name: string,
  geometry: unknown,
  inside: readonly Position[],
  outside: readonly Position[],
][] = [
  [
    'wound the other way',
    polygon([...SHELL].reverse()),
    [
      [5, 5],
      [0, 0],
    ],
    [[11, 5]],
  ],
  ['altitudes', polygon(SHELL.map(([lng, lat]) => [lng, lat, 120])), [[5, 5]], [[5, 11]]],
  ['each vertex twice', polygon(SHELL.flatMap(vertex => [vertex, vertex])), [[5, 5]], [[-1, 5]]],
  [
    'a hole that touches its shell',
    polygon(SHELL, [
      [5, 0],
      [6, 3],
      [4, 3],
      [5, 0],
    ]),
    [
      [1, 1],
      [5, 0],
    ],
    [[5, 2]],
  ],
  [
    'an island in a hole',
    multi([SHELL, box(2, 2, 8, 8)], [box(4, 4, 6, 6)]),
    [
      [1, 1],
      [5, 5],
    ],
    [[3, 3]],
  ],
  [
    'polygons that touch at a corner',
    multi([SHELL], [box(10, 10, 12, 12)]),
    [
      [10, 10],
      [11, 11],
    ],
    [[11, 9]],
  ],
  [
    'across the antimeridian, cut',
    multi([box(170, -5, 180, 5)], [box(-180, -5, -170, 5)]),
    [
      [175, 0],
      [180, 0],
      [-180, 0],
      [-175, 0],
    ],
    [
      [165, 0],
      [0, 0],
    ],
  ],
  [
    'across the antimeridian, not cut',
    polygon([
      [170, -5],
      [-170, -5],
      [-170, 5],
      [170, 5],
      [170, -5],
    ]),
    [
      [175, 0],
      [180, 0],
      [-180, 0],
      [-175, 0],
    ],
    [
      [165, 0],
      [0, 0],
    ],
  ],
  [
    'across the antimeridian, running on',
    polygon(box(170, -5, 190, 5)),
    [
      [175, 0],
      [-175, 0],
    ],
    [
      [-165, 0],
      [0, 0],
    ],
  ],
  [
    'around the south pole',
    polygon([
      [-150, -60],
      [-50, -60],
      [50, -60],
      [150, -60],
      [-150, -60],
    ]),
    [
      [0, -90],
      [17, -61],
      [180, -75],
    ],
    [[0, -59]],
  ],
  [
    'around the south pole, cut along it',
    polygon(box(-180, -90, 180, -60)),
    [
      [0, -90],
      [17, -61],
      [-180, -75],
    ],
    [[0, -59]],
  ],
]

describe('hard fence files over HTTP', () => {
  let platform: HttpPlatform
  before(async () => {
    platform = await startHttpPlatform()
  })
  after(() => platform.close())

  const asFeature = (geometry: unknown) => ({ type: 'Feature', geometry, properties: {} })
  const collection = (...features: unknown[]) => ({ type: 'FeatureCollection', features })
  const good = { ...asFeature(polygon(SHELL)), id: 'good' }

  for (const [name, geometry, sentence, position] of REFUSED) {
    test(`${name} is refused by POST, PUT and import, with the place of the fault`, async () => {
      const feature = asFeature(geometry)
      const answers = [
        await platform.call('POST', '/api/v1/fences', { caller: DISPATCHER, body: feature }),
        await platform.call('PUT', '/api/v1/fences/hard', { caller: DISPATCHER, body: feature }),
        await platform.call('POST', '/api/v1/fences/import', { caller: DISPATCHER, body: collection(good, feature) }),
        await platform.call('POST', '/api/v1/replay', {
          caller: DISPATCHER,
          body: { deviceId: 'any', fences: collection(good, feature) },
        }),
      ]
      for (const { status, body } of answers) {
        assert.deepEqual([status, body.code], [422, 'fence_invalid'], body.detail)
        assert.match(body.detail, sentence)
        assert.match(body.path, /^\/geometry/)
        assert.deepEqual(body.position ?? null, position)
      }
      assert.equal(answers[2]!.body.index, 1)
      const { body } = await platform.call('GET', '/api/v1/fences', { caller: ADMIN })
      assert.deepEqual(body.items, [], 'nothing was stored, of the import neither')
    })
  }

  test('numbers that JSON does not have are refused as no JSON, those beyond a double by their place', async () => {
    const text = (number: string) =>
      `{"type":"Feature","properties":{},"geometry":{"type":"Polygon","coordinates":[[[0,0],[${number},0],[1,1],[0,0]]]}}`
    for (const [number, code] of [
      ['NaN', 'payload_not_json'],
      ['Infinity', 'payload_not_json'],
      ['1e999', 'payload_invalid'],
    ]) {
      const answer = await platform.call('POST', '/api/v1/fences', { caller: DISPATCHER, body: text(number!) })
      assert.deepEqual([answer.status, answer.body.code], [400, code])
    }
  })

  for (const [name, geometry, inside, outside] of ACCEPTED) {
    test(`${name} is accepted and covers what it should`, async () => {
      const made = await platform.call('PUT', '/api/v1/fences/odd', { caller: DISPATCHER, body: asFeature(geometry) })
      assert.ok(made.status === 201 || made.status === 200, made.body.detail)
      const index = new FenceIndex()
      index.put((await platform.call('GET', '/api/v1/fences/odd', { caller: ADMIN })).body)
      for (const at of inside) assert.equal(index.covering(...at).length, 1, `${at} is inside`)
      for (const at of outside) assert.equal(index.covering(...at).length, 0, `${at} is outside`)
      await platform.call('DELETE', '/api/v1/fences/odd', { caller: ADMIN })
    })
  }

  test('countries across the antimeridian and over the poles, cut and not cut, hold what PostGIS says', {
    skip,
  }, async () => {
    // Each file on its own, as an import of its own organisation.
    for (const [org, file] of [
      ['cut', join('fences', 'world-countries-50m.geojson.gz')],
      ['uncut', join('tricky', 'antimeridian-uncut.geojson')],
    ] as const) {
      const caller = { role: 'admin' as const, org }
      const sent = await platform.call('POST', '/api/v1/fences/import', {
        caller,
        body: collection(...readFences(join(dataDir!, file))),
      })
      assert.equal(sent.status, 200, sent.body.detail)
      const index = new FenceIndex()
      for (let cursor = ''; ; ) {
        const { body } = await platform.call('GET', `/api/v1/fences?limit=50${cursor}`, { caller })
        for (const fence of body.items as FenceFeature[]) index.put(fence)
        if (body.next === null) break
        cursor = `&cursor=${body.next}`
      }
      let scored = 0
      for (const line of readLines(join(dataDir!, 'geofence-truth', 'world-points.jsonl.gz'))) {
        const { lat, lon, inside, ambiguous } = JSON.parse(line)
        if (ambiguous) continue
        const wanted = (inside as string[]).filter(id => index.get(id) !== undefined).sort()
        const found = index.covering(lon, lat).map(({ feature }) => feature.id)
        assert.deepEqual(found.sort(), wanted, `${org}: [${lon}, ${lat}]`)
        scored += 1
      }
      assert.ok(scored > 4_000)
    }
  })

  test('polygons that a city published invalid are refused where they were mended', { skip }, async () => {
    const published = JSON.parse(
      readFileSync(join(dataDir!, 'tricky', 'invalid-polygons-as-published.geojson'), 'utf8'),
    ).features as { id: string; geometry: { coordinates: number[][][][] } }[]
    const mended = new Map(
      ['chicago-neighborhoods', 'chicago-parks']
        .flatMap(name => readFences(join(dataDir!, 'fences', `${name}.geojson`)))
        .map(fence => [fence.id, verticesOf(fence.geometry.coordinates)]),
    )
    for (const feature of published) {
      const answer = await platform.call('POST', '/api/v1/fences', { caller: DISPATCHER, body: feature })
      assert.deepEqual([answer.status, answer.body.code], [422, 'fence_invalid'])
      const [lng, lat] = answer.body.position as Position
      const before = verticesOf(feature.geometry.coordinates)
      const after = mended.get(feature.id)!
      const changed = [...before].filter(vertex => !after.has(vertex)).concat([...after].filter(v => !before.has(v)))
      // Where mending changed no vertex it changed their order, at a vertex.
      const places = changed.length > 0 ? changed : [...before]
      const nearest = Math.min(...places.map(text => distance(text, lng, lat)))
      assert.ok(
        nearest < 1e-3,
        `${feature.id}: [${lng}, ${lat}] is ${nearest}° from what was mended: ${answer.body.detail}`,
      )
    }
  })
})

function verticesOf(coordinates: unknown): Set<string> {
  if (!Array.isArray(coordinates)) return new Set()
  if (typeof coordinates[0] === 'number') return new Set([`${coordinates[0]},${coordinates[1]}`])
  return new Set(coordinates.flatMap(inner => [...verticesOf(inner)]))
}

function distance(vertex: string, lng: number, lat: number): number {
  const [x, y] = vertex.split(',').map(Number)
  return Math.hypot(x! - lng, y! - lat)
}
