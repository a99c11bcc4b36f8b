import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadCity, scoreCity } from '../support/geofence-truth.ts'
import { startTestPlatform } from '../support/platform.ts'
import { sendCity } from './send-city.ts'

const dataDir = process.env.TRACKWIRE_TEST_DATA
const skip = dataDir === undefined && 'TRACKWIRE_TEST_DATA does not say where the real traces are'

// Two cities here, with polygons, holes, circles, corridors and repeated timestamps; "npm run truth" does all five.
for (const city of ['helsinki-phones', 'aracaju-gotrack'] as const) {
  test(`${city} over MQTT: every unambiguous crossing is announced once, none invented, none missing`, {
    skip,
  }, async t => {
    // Months of fixes are sent in minutes: of what is announced, not of how fast a device may send.
    const platform = await startTestPlatform(t, { environment: { TRACKWIRE_LIMITS: 'off' } })
    const truth = loadCity(dataDir!, city)
    const { announced, stored } = await sendCity(platform, truth)
    const { matched, missing, extra, repeated, samples } = scoreCity(truth, announced)
    assert.deepEqual({ missing, extra, repeated }, { missing: 0, extra: 0, repeated: 0 }, samples.join('\n'))
    assert.ok(matched > 500, `${matched} crossings were compared`)
    const ids = (events: readonly { id: string }[]) => events.map(({ id }) => id).sort()
    assert.deepEqual(ids(announced), ids(stored), 'what is stored is what was announced')
    assert.equal(await platform.stop(), 0)
  })
}
