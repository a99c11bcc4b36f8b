import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FenceFeature } from '../../contract/index.ts'
import { FenceIndex, readFence } from '../../geofence-engine/index.ts'

type Place = readonly [lng: number, lat: number]

/** A fence, places that it covers, places that it does not. */
interface Row {
  readonly name: string
  readonly geometry: unknown
  readonly properties?: Record<string, unknown>
  readonly inside: readonly Place[]
  readonly outside: readonly Place[]
}

const box = (west: number, south: number, east: number, north: number): Place[] => [
  [west, south],
  [east, south],
  [east, north],
  [west, north],
  [west, south],
]
const polygon = (...rings: Place[][]) => ({ type: 'Polygon', coordinates: rings })
/** A ring around a pole at one latitude, uncut, a vertex each 30°. */
const around = (lat: number): Place[] => [...Array(13).keys()].map(i => [((i * 30 + 180) % 360) - 180, lat])

const rows: Row[] = [
  {
    name: 'a box covers its middle, its edges and its corners',
    geometry: polygon(box(0, 0, 10, 10)),
    inside: [
      [5, 5],
      [0, 5],
      [10, 5],
      [5, 0],
      [5, 10],
      [0, 0],
      [10, 10],
      [0, 10],
      [10, 0],
    ],
    outside: [
      [10.000_000_1, 5],
      [-0.000_000_1, 5],
      [5, 10.000_000_1],
      [5, -0.000_000_1],
      [20, 0],
      [-20, 10],
    ],
  },
  {
    name: 'a ring may run either way round',
    geometry: polygon(box(0, 0, 10, 10).reverse()),
    inside: [
      [5, 5],
      [0, 0],
    ],
    outside: [[11, 5]],
  },
  {
    name: 'a slanted edge is met exactly: 0.1 + 0.2 is not 0.3',
    geometry: polygon([
      [0, 0],
      [3, 3],
      [0, 6],
      [0, 0],
    ]),
    inside: [
      [0.3, 0.3],
      [1.5, 4.5],
      [0.1, 0.1],
    ],
    outside: [
      [0.300_000_000_000_000_04, 0.3],
      [1.5, 4.500_000_000_000_001],
    ],
  },
  {
    name: 'a hole is outside, its border inside',
    geometry: polygon(box(0, 0, 10, 10), box(4, 4, 6, 6)),
    inside: [
      [1, 1],
      [4, 5],
      [6, 6],
      [5, 4],
    ],
    outside: [
      [5, 5],
      [4.000_001, 5],
    ],
  },
  {
    name: 'a hole may touch the outer ring at one point',
    geometry: polygon(box(0, 0, 10, 10), [
      [0, 5],
      [3, 4],
      [3, 6],
      [0, 5],
    ]),
    inside: [
      [0, 5],
      [0.1, 0.1],
      [3, 5],
    ],
    outside: [[2, 5]],
  },
  {
    name: 'a polygon in the hole of another belongs to the fence',
    geometry: { type: 'MultiPolygon', coordinates: [[box(0, 0, 10, 10), box(2, 2, 8, 8)], [box(4, 4, 6, 6)]] },
    inside: [
      [1, 1],
      [5, 5],
      [4, 4],
    ],
    outside: [
      [3, 3],
      [11, 11],
    ],
  },
  {
    name: 'two polygons may touch at a corner',
    geometry: { type: 'MultiPolygon', coordinates: [[box(0, 0, 5, 5)], [box(5, 5, 10, 10)]] },
    inside: [
      [5, 5],
      [1, 1],
      [9, 9],
    ],
    outside: [
      [6, 4],
      [4, 6],
    ],
  },
  {
    name: 'horizontal edges at the height of the position are not counted twice',
    geometry: polygon([
      [0, 0],
      [4, 0],
      [4, 2],
      [6, 2],
      [6, 0],
      [10, 0],
      [10, 4],
      [0, 4],
      [0, 0],
    ]),
    inside: [
      [5, 2],
      [4, 1],
      [6, 1],
      [1, 2],
      [9, 2],
      [5, 3],
    ],
    outside: [
      [5, 1],
      [-1, 2],
      [11, 2],
      [5, 0],
      [-1, 0],
      [11, 4],
    ],
  },
  {
    name: 'a position level with a peak is outside next to it',
    geometry: polygon([
      [0, 0],
      [10, 0],
      [5, 5],
      [0, 0],
    ]),
    inside: [[5, 5]],
    outside: [
      [0, 5],
      [10, 5],
      [4, 5],
    ],
  },
  {
    name: 'altitudes and repeated vertices change nothing',
    geometry: polygon([
      [0, 0, 7],
      [10, 0],
      [10, 0, 3],
      [10, 10],
      [0, 10],
      [0, 0],
    ] as unknown as Place[]),
    inside: [[5, 5]],
    outside: [[11, 5]],
  },
  {
    name: 'cut at the antimeridian (RFC 7946 §3.1.9)',
    geometry: { type: 'MultiPolygon', coordinates: [[box(170, -10, 180, 10)], [box(-180, -10, -170, 10)]] },
    inside: [
      [175, 0],
      [-175, 0],
      [180, 0],
      [-180, 0],
      [170, 10],
      [-170, -10],
    ],
    outside: [
      [169, 0],
      [-169, 0],
      [0, 0],
      [180, 11],
    ],
  },
  {
    name: 'not cut: from 170 to -170 is 20 degrees',
    geometry: polygon(box(170, -10, -170, 10)),
    inside: [
      [175, 0],
      [-175, 0],
      [180, 0],
      [-180, 0],
      [170, 10],
      [-170, -10],
    ],
    outside: [
      [169, 0],
      [-169, 0],
      [0, 0],
      [180, 11],
    ],
  },
  {
    name: 'not cut, with vertices on both 180 and -180',
    geometry: polygon([
      [170, -10],
      [180, -10],
      [-180, -10],
      [-170, -10],
      [-170, 10],
      [-180, 10],
      [180, 10],
      [170, 10],
      [170, -10],
    ]),
    inside: [
      [175, 0],
      [-175, 0],
      [180, 0],
      [-180, 0],
      [180, 10],
    ],
    outside: [
      [169, 0],
      [-169, 0],
      [0, 0],
    ],
  },
  {
    name: 'running on beyond 180',
    geometry: polygon(box(170, -10, 190, 10)),
    inside: [
      [175, 0],
      [-175, 0],
      [180, 0],
      [-180, 0],
      [-170, 0],
    ],
    outside: [
      [169, 0],
      [-169, 0],
      [0, 0],
    ],
  },
  {
    name: 'running on beyond -180',
    geometry: polygon(box(-190, -10, -170, 10)),
    inside: [
      [175, 0],
      [-175, 0],
      [180, 0],
      [170, 0],
    ],
    outside: [
      [169, 0],
      [-169, 0],
    ],
  },
  {
    name: 'a hole across the antimeridian, written on the other side than its shell',
    geometry: polygon(box(170, -10, 190, 10), box(-179, -5, -175, 5)),
    inside: [
      [175, 0],
      [-173, 0],
      [-180, 0],
      [-179, 0],
    ],
    outside: [
      [-177, 0],
      [169, 0],
    ],
  },
  {
    name: 'the whole world',
    geometry: polygon(box(-180, -90, 180, 90)),
    inside: [
      [0, 0],
      [180, 0],
      [-180, 90],
      [12, -90],
    ],
    outside: [],
  },
  {
    name: 'a cap around the north pole, uncut',
    geometry: polygon(around(70)),
    inside: [
      [0, 80],
      [180, 80],
      [-180, 71],
      [45, 90],
      [0, 70],
      [-90, 70],
    ],
    outside: [
      [0, 69],
      [180, 69],
      [45, -90],
    ],
  },
  {
    name: 'a cap around the south pole, uncut, the other way round',
    geometry: polygon(around(-70).reverse()),
    inside: [
      [0, -80],
      [180, -80],
      [45, -90],
      [0, -70],
    ],
    outside: [
      [0, -69],
      [180, 0],
      [45, 90],
    ],
  },
  {
    name: 'a band between two uncut rings around the south pole',
    geometry: polygon(around(-85), around(-70)),
    inside: [
      [0, -80],
      [180, -75],
      [-180, -70],
      [10, -85],
    ],
    outside: [
      [0, -86],
      [0, -69],
      [0, 0],
      [0, 80],
    ],
  },
  {
    name: 'a polar cap cut along the pole (RFC 7946)',
    geometry: polygon(box(-180, -90, 180, -60)),
    inside: [
      [0, -61],
      [180, -60],
      [-180, -90],
      [77, -90],
    ],
    outside: [[0, -59]],
  },
  {
    name: 'a circle: one degree of latitude at the equator is 110,574.3 m, of longitude 111,319.5 m',
    geometry: { type: 'Point', coordinates: [0, 0] },
    properties: { radius: 111_000 },
    inside: [
      [0, 0],
      [0, 1],
      [0, -1],
      [0.997, 0],
    ],
    outside: [
      [1, 0],
      [-1, 0],
      [0, 1.004],
    ],
  },
  {
    name: 'a circle across the antimeridian',
    geometry: { type: 'Point', coordinates: [179.999, 10] },
    properties: { radius: 1_000 },
    inside: [
      [180, 10],
      [-180, 10],
      [-179.995, 10],
      [179.992, 10],
    ],
    outside: [
      [-179.991, 10],
      [179.989, 10],
    ],
  },
  {
    name: 'a circle over a pole',
    geometry: { type: 'Point', coordinates: [20, 89.99] },
    properties: { radius: 2_000 },
    inside: [
      [20, 89.99],
      [0, 90],
      [-160, 89.995],
      [110, 89.999],
    ],
    outside: [
      [-160, 89.99],
      [20, 89.97],
    ],
  },
  {
    name: 'a circle of nearly the whole earth leaves out the antipode',
    geometry: { type: 'Point', coordinates: [0, 0] },
    properties: { radius: 19_000_000 },
    inside: [
      [90, 0],
      [0, 90],
      [160, 0],
      [-160, 0],
    ],
    outside: [
      [180, 0],
      [-180, 0],
      [179, 1],
    ],
  },
  {
    name: 'a corridor has round ends and reaches as far on either side',
    geometry: {
      type: 'LineString',
      coordinates: [
        [10, 0],
        [10.1, 0],
      ],
    },
    properties: { buffer: 1_000 },
    inside: [
      [10.05, 0],
      [10.05, 0.009],
      [10.05, -0.009],
      [9.992, 0],
      [10.108, 0],
    ],
    outside: [
      [10.05, 0.0091],
      [10.05, -0.0091],
      [9.9909, 0],
      [10.1091, 0],
      [9.993, 0.007],
    ],
  },
  {
    name: 'a corridor across the antimeridian goes the short way',
    geometry: {
      type: 'LineString',
      coordinates: [
        [179, 0],
        [-179, 0],
      ],
    },
    properties: { buffer: 5_000 },
    inside: [
      [180, 0],
      [-180, 0.04],
      [179.5, 0],
      [-179.5, -0.04],
      [178.96, 0],
    ],
    outside: [
      [0, 0],
      [180, 0.05],
      [178.9, 0],
    ],
  },
  {
    name: 'a long corridor follows the geodesic, not the parallel',
    geometry: {
      type: 'LineString',
      coordinates: [
        [-8, 50],
        [30, 50],
      ],
    },
    properties: { buffer: 10_000 },
    inside: [
      [-8, 50],
      [30, 50],
      [11, 51.585],
    ],
    outside: [
      [11, 50],
      [11, 51.4],
      [11, 51.8],
    ],
  },
  {
    name: 'a corridor over the pole',
    geometry: {
      type: 'LineString',
      coordinates: [
        [0, 89],
        [180, 89],
      ],
    },
    properties: { buffer: 1_000 },
    inside: [
      [0, 89.5],
      [180, 89.5],
      [-180, 89.2],
      [77, 90],
      [90, 89.995],
    ],
    outside: [
      [90, 89.98],
      [10, 89.5],
      [0, 88.98],
    ],
  },
]

for (const { name, geometry, properties = {}, inside, outside } of rows) {
  test(name, () => {
    const feature: FenceFeature = readFence({ type: 'Feature', id: 'f', geometry, properties })
    const index = new FenceIndex()
    const { covers } = index.put(feature)
    const byIndex = (place: Place) => index.covering(...place).length === 1
    const places = [...inside, ...outside]
    const wanted = places.map(place => `${place} ${inside.includes(place) ? 'in' : 'out'}`)
    assert.deepEqual(
      places.map(place => `${place} ${covers(...place) ? 'in' : 'out'}`),
      wanted,
    )
    assert.deepEqual(
      places.map(place => `${place} ${byIndex(place) ? 'in' : 'out'}`),
      wanted,
      'through the index',
    )
  })
}

const distances: { name: string; geometry: unknown; properties?: object; at: Place; meters: number }[] = [
  { name: 'inside a box, the nearest edge', geometry: polygon(box(0, 0, 1, 1)), at: [0.5, 0.1], meters: 11_057.4 },
  { name: 'outside a box, the nearest corner', geometry: polygon(box(0, 0, 1, 1)), at: [1.01, -0.01], meters: 1_569.0 },
  {
    name: 'the border of a hole counts',
    geometry: polygon(box(0, 0, 1, 1), box(0.4, 0.4, 0.6, 0.6)),
    at: [0.5, 0.39],
    meters: 1_105.7,
  },
  { name: 'across the antimeridian', geometry: polygon(box(170, -1, -170, 1)), at: [-169.99, 0], meters: 1_113.2 },
  {
    name: 'inside a circle',
    geometry: { type: 'Point', coordinates: [0, 0] },
    properties: { radius: 1_000 },
    at: [0, 0],
    meters: 1_000,
  },
  {
    name: 'outside a corridor',
    geometry: {
      type: 'LineString',
      coordinates: [
        [0, 0],
        [1, 0],
      ],
    },
    properties: { buffer: 100 },
    at: [0.5, 0.01],
    meters: 1_005.7,
  },
]

for (const { name, geometry, properties = {}, at, meters } of distances) {
  test(`distance to the boundary: ${name}`, () => {
    const fence = new FenceIndex().put(readFence({ type: 'Feature', id: 'f', geometry, properties }))
    const got = fence.boundaryMeters(...at)
    assert.ok(Math.abs(got - meters) < Math.max(0.2, meters * 1e-4), `${got} m instead of ${meters} m`)
  })
}
