import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type FenceProperties, type GeofenceEvent, MAX_BATCH, type RuleSettings } from '../../contract/index.ts'
import { ADMIN, type HttpPlatform, startHttpPlatform } from '../bridge/http/http-platform.ts'
import { CITIES, type CityTruth, loadCity } from '../support/geofence-truth.ts'
import { isLong } from '../support/long.ts'

const dataDir = process.env.TRACKWIRE_TEST_DATA
const skip = dataDir === undefined && 'TRACKWIRE_TEST_DATA does not say where the real traces are'
const DEVICES_A_CALL = 100
/** Of a city with more fixes than this, so many of whole devices are compared. */
const MOST_FIXES = isLong ? 12_000 : 4_000

/** Every setting of a fence that changes what it announces, one after the other. */
const SETTINGS: readonly FenceProperties[] = [
  {},
  { filter: 'vehicle', dwellSeconds: 120 },
  { filter: 'person', cross: true },
  { cross: true, maxStaySeconds: 300 },
  { dwellSeconds: 60, repeatSeconds: 60, minFixes: 2 },
  { schedule: { days: [1, 2, 3, 4, 5], from: '08:00', to: '18:00', timeZone: 'Europe/Helsinki', expect: 'inside' } },
  { useAccuracy: true, marginMeters: 20 },
  { maxAccuracy: 50, minSeconds: 30, speedLimit: 8 },
]

for (const city of CITIES) {
  test(`${city}: the stored tracks, run again, give exactly what was announced live`, { skip }, t =>
    replayAsAnnounced(t, someOf(loadCity(dataDir!, city)), {}),
  )
}

test('with filters, dwell, crossings between fixes, schedules and rules a replay still gives what was announced', {
  skip,
}, t => {
  const truth = loadCity(dataDir!, 'helsinki-phones')
  const fences = truth.fences.map((fence, i) => ({
    ...fence,
    properties: { ...fence.properties, ...SETTINGS[i % SETTINGS.length] },
  }))
  return replayAsAnnounced(t, { ...truth, fences }, { overspeed: { limit: 10 }, motion: {} })
})

async function replayAsAnnounced(t: TestContext, truth: CityTruth, rules: RuleSettings): Promise<void> {
  const platform = await startHttpPlatform()
  t.after(() => platform.close())
  const ruled = await platform.call('PUT', '/api/v1/rules', { caller: ADMIN, body: rules })
  assert.ok(ruled.status < 300, ruled.body.detail)
  await send(platform, truth)
  const announced = standing(await storedEvents(platform))
  assert.ok(announced.length > 100, `${announced.length} events`)

  const deviceIds = [...truth.tracks.keys()]
  const replayed: GeofenceEvent[] = []
  let [same, fixes] = [0, 0]
  for (let start = 0; start < deviceIds.length; start += DEVICES_A_CALL) {
    const waiting: { deviceIds: string[]; from?: number }[] = [
      { deviceIds: deviceIds.slice(start, start + DEVICES_A_CALL) },
    ]
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { status, body } = await platform.call('POST', '/api/v1/replay', {
        caller: ADMIN,
        body: { ...next, compare: true },
      })
      assert.equal(status, 200, body.detail)
      replayed.push(...body.events)
      assert.deepEqual([body.comparison.gone, body.comparison.added], [[], []])
      same += body.comparison.same
      for (const device of body.devices) fixes += device.fixes
      for (const { deviceId, from } of body.truncated?.rest ?? []) {
        waiting.push({ deviceIds: [deviceId], ...(from !== null && { from }) })
      }
    }
  }
  assert.equal(same, announced.length)
  assert.deepEqual(byId(replayed), byId(announced))
  const stored = [...truth.tracks.values()].map(track => new Set(track.map(({ timestamp }) => timestamp)).size)
  assert.equal(
    fixes,
    stored.reduce((sum, size) => sum + size, 0),
  )
  t.diagnostic(`${fixes} fixes, ${announced.length} events`)
}

/** Whole tracks of its first devices. */
function someOf(truth: CityTruth): CityTruth {
  let fixes = 0
  const tracks = new Map(
    [...truth.tracks].filter(([, { length }]) => {
      fixes += length
      return fixes <= MOST_FIXES
    }),
  )
  return { ...truth, tracks }
}

async function send({ call, ingest }: HttpPlatform, { fences, tracks }: CityTruth): Promise<void> {
  const imported = await call('POST', '/api/v1/fences/import', {
    caller: ADMIN,
    body: { type: 'FeatureCollection', features: fences },
  })
  assert.equal(imported.status, 200, imported.body.detail)
  await Promise.all(
    [...tracks].map(async ([deviceId, track]) => {
      for (let start = 0; start < track.length; start += MAX_BATCH) {
        const batch = track.slice(start, start + MAX_BATCH)
        await ingest.fixes({ org: 'demo', deviceId, fixes: batch, receivedAt: Date.now(), registers: true })
      }
    }),
  )
}

async function storedEvents({ call }: HttpPlatform): Promise<GeofenceEvent[]> {
  const events: GeofenceEvent[] = []
  for (let cursor = ''; ; ) {
    const { body } = await call('GET', `/api/v1/alerts?limit=1000${cursor}`, { caller: ADMIN })
    events.push(...body.items)
    if (body.next === null) return events
    cursor = `&cursor=${encodeURIComponent(body.next)}`
  }
}

/** What was announced by the clock while the next fixes were under way may have been taken back. */
function standing(events: readonly GeofenceEvent[]): GeofenceEvent[] {
  const retracted = new Set(events.map(({ retracts }) => retracts))
  return events.filter(({ id, retracts }) => retracts === undefined && !retracted.has(id))
}

function byId(events: readonly GeofenceEvent[]): GeofenceEvent[] {
  return [...events].sort((a, b) => (a.id < b.id ? -1 : 1))
}
