import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DeviceEvent, RuleSettings } from '../../contract/index.ts'
import {
  emptyState,
  evaluateFix,
  FenceIndex,
  type Fix,
  isGeofenceEvent,
  unchanging,
} from '../../geofence-engine/index.ts'
import { type City, loadCity } from '../support/geofence-truth.ts'

const dataDir = process.env.TRACKWIRE_TEST_DATA
const skip = dataDir === undefined ? 'TRACKWIRE_TEST_DATA is not set' : false

const RULES: RuleSettings = { overspeed: { limit: 20 }, motion: {} }
const noFences = new FenceIndex()

function run(deviceId: string, fixes: readonly Fix[], rules = RULES): DeviceEvent[] {
  let state = emptyState()
  const events: DeviceEvent[] = []
  for (const fix of fixes) {
    const result = evaluateFix(unchanging({ org: 'o', deviceId, groups: [] }, noFences, rules), state, fix)
    state = result.state
    events.push(...result.events.filter(event => !isGeofenceEvent(event)))
  }
  return events
}

const cities: readonly City[] = ['porto-taxi', 'chicago-shuttle', 'austin-buses', 'helsinki-phones']
for (const city of cities) {
  test(`${city}: episodes of speed and motion are plausible`, { skip }, t => {
    const { tracks } = loadCity(dataDir!, city)
    const count: Record<string, number> = { fixes: 0, devices: tracks.size }
    let fastest = 0
    for (const [deviceId, fixes] of tracks) {
      count.fixes! += fixes.length
      for (const { event, phase, maximum = 0, seconds = 0 } of run(deviceId, fixes)) {
        count[`${event} ${phase}`] = (count[`${event} ${phase}`] ?? 0) + 1
        fastest = Math.max(fastest, maximum)
        if (event === 'overspeed' && phase === 'end') assert.ok(maximum > 20 && seconds < 6 * 3_600)
      }
    }
    t.diagnostic(JSON.stringify({ ...count, fastest: Math.round(fastest * 10) / 10 }))
    // What is open at the end of a track has no end.
    const [begun = 0, ended = 0] = [count['overspeed begin'], count['overspeed end']]
    assert.ok(begun >= ended && begun - ended <= tracks.size)
    assert.ok(fastest <= 70, 'no speed is made of positions that jump')
    assert.ok((count['moving begin'] ?? 0) > 0)
    assert.ok((count['moving begin'] ?? 0) < count.fixes! / 20, 'drift is not motion')
  })
}

/** Gaussian noise whose strength changes slowly, as with a parked receiver; the same every time. */
function parked(hours: number): Fix[] {
  let seed = 42
  const random = () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return seed / 2_147_483_648
  }
  return Array.from({ length: hours * 120 }, (_, i) => {
    const sigma = 5 + 145 * Math.abs(Math.sin(i / 97)) ** 8
    const radius = Math.min(150, sigma * Math.sqrt(-2 * Math.log(1 - random() * 0.999)))
    const angle = random() * 2 * Math.PI
    return {
      timestamp: 1_700_000_000_000 + i * 30_000,
      location: {
        lat: 60.17 + (radius * Math.sin(angle)) / 111_195,
        lng: 24.94 + (radius * Math.cos(angle)) / 55_500,
        accuracy: Math.round(sigma),
      },
      ignition: false,
    }
  })
}

test('a device that is parked for 12 hours with noise of 5 to 150 m neither moves nor is towed nor speeds', () => {
  const rules: RuleSettings = { overspeed: { limit: 5 }, motion: {}, tow: {} }
  const fixes = parked(12)
  assert.deepEqual(run('parked', fixes, rules), [])
  const silentAboutIt = fixes.map(({ location: { accuracy: _, ...location }, ...fix }) => ({ ...fix, location }))
  assert.deepEqual(run('parked', silentAboutIt, { motion: { distanceMeters: 200 }, tow: {} }), [])
})
