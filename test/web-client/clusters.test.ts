import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CROWD,
  countText,
  fromWorld,
  gatherClusters,
  isCrowded,
  toWorld,
} from '../../web-client/dashboard/src/map/clusters.ts'

test('neighbours are one cluster in their middle, two are still two, and nobody is lost', () => {
  const points = [
    { x: 10, y: 10 },
    { x: 20, y: 10 },
    { x: 30, y: 40 },
    { x: 500, y: 10 },
    { x: 510, y: 10 },
    { x: 10, y: 500 },
  ]
  const { single, clusters } = gatherClusters(points)
  assert.deepEqual(single, [3, 4, 5])
  assert.deepEqual(clusters, [{ members: [0, 1, 2], x: 20, y: 20 }])
})

test('what is drawn of ten thousand is bounded by the screen', () => {
  const points = Array.from({ length: 10_000 }, (_, i) => ({ x: (i * 7_919) % 1_440, y: (i * 104_729) % 900 }))
  const { single, clusters } = gatherClusters(points)
  assert.ok(single.length + clusters.length < 300)
  assert.equal(single.length + clusters.reduce((sum, { members }) => sum + members.length, 0), 10_000)
})

test('a crowd does not begin and end with every device', () => {
  assert.equal(isCrowded(CROWD.begins, false), false)
  assert.equal(isCrowded(CROWD.begins + 1, false), true)
  assert.equal(isCrowded(CROWD.begins, true), true)
  assert.equal(isCrowded(CROWD.ends, true), false)
})

test('counts make few texts, and never claim more than there are', () => {
  assert.deepEqual([3, 9, 10, 47, 99, 100, 999, 1_000, 10_000].map(countText), [
    '3',
    '9',
    '10+',
    '40+',
    '90+',
    '100+',
    '900+',
    '1k+',
    '10k+',
  ])
})

test('a place on the world’s grid is found again', () => {
  for (const [lng, lat] of [
    [-8.62, 41.15],
    [179, -60],
    [0, 0],
  ] as const) {
    const [lngBack, latBack] = fromWorld(toWorld(lng, lat, 11), 11)
    assert.ok(Math.abs(lngBack - lng) < 1e-9 && Math.abs(latBack - lat) < 1e-9)
  }
  assert.deepEqual(toWorld(-180, 85.051_128_779_806_6, 0).x, 0)
})
