import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readFence } from '../../geofence-engine/index.ts'
import { metersBetween } from '../../web-client/dashboard/src/live/devices.ts'
import { faultAt, faultsOf } from '../../web-client/dashboard/src/pages/fences/draft-faults.ts'
import { handleAt, shapesOfDraft } from '../../web-client/dashboard/src/pages/fences/drawing-shapes.ts'
import {
  addPoint,
  draftOf,
  type FenceDraft,
  featureOf,
  insertPoint,
  movePoint,
  newDraft,
  type Position,
  removePoint,
  type Shape,
  withProperty,
  withShape,
  withWidth,
} from '../../web-client/dashboard/src/pages/fences/fence-draft.ts'
import { readCoordinates } from '../../web-client/dashboard/src/pages/fences/read-coordinates.ts'
import { readFenceFile } from '../../web-client/dashboard/src/pages/fences/read-fence-file.ts'

const CORNERS: Position[] = [
  [-8.62, 41.14],
  [-8.61, 41.14],
  [-8.61, 41.15],
  [-8.62, 41.15],
]
const noKml = (): never => assert.fail('it is no KML')
const drawn = (shape: Shape, points: readonly Position[] = CORNERS): FenceDraft =>
  points.reduce(addPoint, newDraft(shape))

test('what is drawn is a fence that the engine takes, and comes back as it was', () => {
  for (const shape of ['polygon', 'circle', 'corridor'] as const) {
    const draft = withProperty(drawn(shape), 'name', 'Depot')
    assert.deepEqual(faultsOf(draft), [], shape)
    const fence = readFence({ ...featureOf(draft), id: 'f-1' })
    assert.deepEqual(draftOf(fence), { ...draft, id: 'f-1' }, shape)
  }
})

test('a polygon keeps its holes, one of several parts keeps all of its geometry', () => {
  const hole = [
    [-8.618, 41.142],
    [-8.616, 41.144],
    [-8.618, 41.146],
    [-8.618, 41.142],
  ]
  const ring = [...CORNERS, CORNERS[0]!].map(point => [...point])
  const holed = readFence({
    type: 'Feature',
    id: 'h',
    geometry: { type: 'Polygon', coordinates: [ring, hole] },
    properties: {},
  })
  const edited = movePoint(draftOf(holed), 0, [-8.63, 41.14])
  assert.deepEqual((featureOf(edited)!.geometry.coordinates as unknown[])[1], hole)
  const parts = readFence({ ...holed, id: 'm', geometry: { type: 'MultiPolygon', coordinates: [[ring]] } })
  assert.deepEqual(featureOf(withProperty(draftOf(parts), 'name', 'M'))!.geometry, parts.geometry)
})

test('points are added, inserted, moved and removed', () => {
  const triangle = removePoint(drawn('polygon'), 3)
  assert.equal(triangle.points.length, 3)
  assert.deepEqual(insertPoint(triangle, 1, [-8.615, 41.13]).points[1], [-8.615, 41.13])
  assert.deepEqual(movePoint(triangle, 2, [-8.123456789, 41]).points[2], [-8.123457, 41], 'to a tenth of a metre')
  assert.deepEqual(movePoint(triangle, 9, [0, 0]), triangle, 'a point that is gone is not moved')
  assert.equal(drawn('circle').points.length, 1, 'a circle has one centre, the newest')
  assert.deepEqual(drawn('circle', [[190, 5]]).points, [[-170, 5]], 'a map turned around the earth')
})

test('another shape keeps what it has room for', () => {
  const circle = withShape(drawn('polygon'), 'circle')
  assert.deepEqual(circle.points, [[-8.615, 41.145]])
  assert.equal(circle.properties.radius, 200)
  const corridor = withShape(drawn('polygon'), 'corridor')
  assert.equal(corridor.points.length, 4)
  assert.deepEqual(corridor.properties, { buffer: 50 })
  assert.deepEqual(withShape(corridor, 'polygon').properties, {}, 'a polygon has no width')
})

test('faults are told where they are', () => {
  const messages = (draft: FenceDraft): string[] => faultsOf(draft).map(({ path, message }) => `${path} ${message}`)
  assert.deepEqual(messages(newDraft('polygon')), ['/geometry A polygon needs three corners at least.'])
  assert.deepEqual(messages(drawn('corridor', CORNERS.slice(0, 1))), [
    '/geometry A corridor needs two points at least.',
  ])
  assert.deepEqual(messages(withWidth(drawn('circle'), undefined)), [
    '/properties/radius Say how many metres, more than 0.',
  ])
  const bowTie = drawn('polygon', [CORNERS[0]!, CORNERS[2]!, CORNERS[1]!, CORNERS[3]!])
  assert.deepEqual(messages(bowTie), [
    '/geometry/coordinates/0/2 The edge after point 1 crosses the one after point 3.',
  ])
  assert.throws(() => readFence({ ...featureOf(bowTie), id: 'x' }), 'the engine says the same')
  assert.match(messages(drawn('corridor', [CORNERS[0]!, [-8, 91]]))[0]!, /Latitude is from/)
  assert.equal(faultAt(faultsOf(bowTie), '/geometry')?.includes('crosses'), true)
  assert.equal(faultAt(faultsOf(bowTie), '/properties/name'), null)
})

test('the map gets an outline, a line to the pointer and what can be grabbed', () => {
  const kinds = (draft: FenceDraft, pointer: Position | null = null): string[] =>
    shapesOfDraft(draft, null, pointer).handles.features.map(({ properties }) => properties!.kind)
  assert.deepEqual(kinds(drawn('polygon')), [...Array(4).fill('middle'), ...Array(4).fill('point')])
  assert.deepEqual(kinds(drawn('corridor')), [...Array(3).fill('middle'), ...Array(4).fill('point')])
  assert.deepEqual(kinds(drawn('polygon'), [0, 0]), Array(4).fill('point'), 'no middles while points are added')
  const circle = shapesOfDraft(drawn('circle'), null, null)
  const [, edge] = circle.handles.features
  const at = (edge!.geometry as unknown as { coordinates: Position }).coordinates
  assert.ok(Math.abs(metersBetween(CORNERS[3]!, at) - 200) < 0.5)
  assert.equal(circle.area.features.length, 1)
  assert.equal(shapesOfDraft(newDraft('polygon'), null, null).area.features.length, 0)
})

test('what is grabbed is the nearest handle in reach, a point before a middle', () => {
  const flat = ([x, y]: Position) => ({ x, y })
  const square = drawn('polygon', [
    [0, 0],
    [30, 0],
    [30, 30],
    [0, 30],
  ])
  const at = (x: number, y: number, reach = 10) => handleAt(square, { x, y }, reach, flat)
  assert.deepEqual(at(28, 1), { kind: 'point', index: 1, chosen: false, number: 2 })
  assert.deepEqual(at(15, 2), { kind: 'middle', index: 1 })
  assert.equal(at(8, 0)?.kind, 'point', 'a little nearer to the middle would still be the point')
  assert.equal(at(15, 15), null)
  assert.equal(at(15, 12, 24)?.kind, 'middle', 'a finger reaches farther')
  assert.equal(
    handleAt({ ...square, fixed: { type: 'MultiPolygon', coordinates: [] } }, { x: 0, y: 0 }, 10, flat),
    null,
  )
})

test('pasted coordinates are read in the forms people write', () => {
  for (const text of [
    '41.14, -8.62',
    '41.14,-8.62',
    '41.14 -8.62',
    '41,14; -8,62',
    '41,14 −8,62',
    ' 41.14°, -8.62° ',
  ]) {
    assert.deepEqual(readCoordinates(text), [[-8.62, 41.14]], text)
  }
  assert.deepEqual(readCoordinates('41.14, -8.62\n\n41.15, -8.61\n'), [
    [-8.62, 41.14],
    [-8.61, 41.15],
  ])
  for (const wrong of ['41.14', 'north, west', '91, 0', '0, 181', '1,2,3']) {
    assert.deepEqual(readCoordinates(`0, 0\n${wrong}`), { wrongLine: 2 }, wrong)
  }
})

test('a GeoJSON file gives fences, with a width where a point or line has none', () => {
  const feature = (type: string, coordinates: unknown, properties: object | null = {}) => ({
    type: 'Feature',
    properties,
    geometry: { type, coordinates },
  })
  const text = JSON.stringify({
    type: 'FeatureCollection',
    features: [
      feature('Point', [1, 2], null),
      feature(
        'LineString',
        [
          [1, 2],
          [3, 4],
        ],
        { buffer: 9 },
      ),
      feature('MultiPoint', [[1, 2]], { name: 'Trees' }),
    ],
  })
  const { features, leftOut } = readFenceFile(text, { radiusMeters: 70, bufferMeters: 30 }, noKml)
  assert.deepEqual(
    features.map(({ properties }) => properties),
    [{ radius: 70 }, { buffer: 9 }],
  )
  assert.deepEqual(leftOut, ['Trees: MultiPoint'])
  assert.throws(
    () => readFenceFile('{"type":"Point"}', { radiusMeters: 1, bufferMeters: 1 }, noKml),
    /no GeoJSON Feature/,
  )
  assert.throws(() => readFenceFile('id,name', { radiusMeters: 1, bufferMeters: 1 }, noKml), /neither GeoJSON nor KML/)
})
