import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { GeofenceEvent } from '../../contract/index.ts'
import { emptyState, evaluateFix, FenceIndex, isGeofenceEvent, unchanging } from '../../geofence-engine/index.ts'
import { CITIES, type CityTruth, loadCity, readFences, readLines, scoreCity } from '../support/geofence-truth.ts'

const dataDir = process.env.TRACKWIRE_TEST_DATA
const skip = dataDir === undefined ? 'TRACKWIRE_TEST_DATA is not set' : false

function runEngine({ fences, tracks }: CityTruth): GeofenceEvent[] {
  const index = new FenceIndex()
  for (const fence of fences) index.put(fence)
  const events: GeofenceEvent[] = []
  for (const [deviceId, fixes] of tracks) {
    let state = emptyState()
    for (const fix of fixes) {
      const result = evaluateFix(unchanging({ org: 'truth', deviceId, groups: [] }, index), state, fix)
      state = result.state
      events.push(...result.events.filter(isGeofenceEvent))
    }
  }
  return events
}

for (const city of CITIES) {
  test(`${city}: every unambiguous crossing that PostGIS knows, none besides`, { skip }, t => {
    const truth = loadCity(dataDir!, city)
    const score = scoreCity(truth, runEngine(truth))
    t.diagnostic(JSON.stringify({ ...score, repeatedFixes: truth.repeatedFixes }))
    assert.deepEqual(
      { missing: score.missing, extra: score.extra, repeated: score.repeated, samples: score.samples },
      { missing: 0, extra: 0, repeated: 0, samples: [] },
    )
    assert.equal(score.matched, truth.transitions.filter(({ ambiguous }) => !ambiguous).length)
    if (truth.repeatedFixes === 0) {
      const byKey = (rows: CityTruth['published']) =>
        rows.map(row => JSON.stringify(row, Object.keys(row).sort())).sort()
      assert.deepEqual(byKey(truth.transitions), byKey(truth.published), 'the derived truth is the published one')
    }
  })
}

test('the scorer notices a crossing that is left out, one that is invented, and one that is told twice', {
  skip,
}, () => {
  const truth = loadCity(dataDir!, 'porto-taxi')
  const events = runEngine(truth)
  const scored = events.filter(({ deviceId, fenceId, timestamp }) => !truth.isAmbiguous(deviceId, fenceId, timestamp))
  const invented: GeofenceEvent = { ...scored[0]!, id: 'ge-invented', timestamp: scored[0]!.timestamp + 1 }
  const { missing, extra, repeated } = scoreCity(truth, [...scored.slice(1), scored[1]!, invented])
  assert.deepEqual({ missing, extra, repeated }, { missing: 1, extra: 1, repeated: 1 })
})

interface WorldPoint {
  readonly lat: number
  readonly lon: number
  readonly inside: readonly string[]
  readonly ambiguous?: boolean
}

test('world countries: points around the antimeridian, in holes and enclaves, at the poles', { skip }, () => {
  const index = new FenceIndex()
  for (const fence of readFences(join(dataDir!, 'fences', 'world-countries-50m.geojson.gz'))) index.put(fence)
  const uncut = new FenceIndex()
  for (const fence of readFences(join(dataDir!, 'tricky', 'antimeridian-uncut.geojson'))) uncut.put(fence)
  const wrong: string[] = []
  let scored = 0
  for (const line of readLines(join(dataDir!, 'geofence-truth', 'world-points.jsonl.gz'))) {
    const { lat, lon, inside, ambiguous }: WorldPoint = JSON.parse(line)
    if (ambiguous) continue
    scored += 1
    const ids = (fences: FenceIndex) =>
      fences
        .covering(lon, lat)
        .map(({ feature }) => feature.id)
        .sort()
    const wanted = [...inside].sort()
    const wantedUncut = wanted.filter(id => uncut.get(id) !== undefined)
    if (ids(index).join() !== wanted.join()) wrong.push(`[${lon}, ${lat}] is in ${ids(index)}, not ${wanted}`)
    if (ids(uncut).join() !== wantedUncut.join()) wrong.push(`[${lon}, ${lat}] uncut is in ${ids(uncut)}`)
  }
  assert.deepEqual(wrong, [])
  assert.ok(scored > 4_000, `${scored} points were scored`)
})
