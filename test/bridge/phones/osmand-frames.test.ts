import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readOsmand } from '../../../bridge/phones/read-osmand.ts'

const DATA = process.env.TRACKWIRE_TEST_DATA

interface Frame {
  readonly test: string
  readonly http: { readonly url: string; readonly body_text?: string }
  readonly reference: {
    readonly id: string | null
    readonly positions:
      | readonly {
          readonly no_fix?: true
          readonly time_ms?: number | null
          readonly lat?: number
          readonly lon?: number
          readonly speed_mps?: number
          readonly course?: number
          readonly alt_m?: number
          readonly attributes: Readonly<Record<string, unknown>>
        }[]
      | null
  }
}

/** Every request that we read in another way than the reference, by its test, with the reason. */
const DISAGREEMENTS: Readonly<Record<string, string>> = {
  'OsmAndProtocolDecoderTest.testDecodeQuery#2':
    'without an id the reference gives it up; the token of a device says which one it is, so the position is read',
}

test('osmand: real requests are read as the reference reads them', {
  skip: DATA === undefined && 'the data are not here; set TRACKWIRE_TEST_DATA',
}, t => {
  const frames = readFileSync(join(DATA!, 'protocols', 'osmand.jsonl'), 'utf8')
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Frame)
  assert.ok(frames.length > 0)
  const wrong: string[] = []
  for (const frame of frames) {
    const differences = differencesOf(frame)
    if (differences.length === 0) continue
    const reason = DISAGREEMENTS[frame.test]
    t.diagnostic(`${frame.test}: ${differences.join('; ')} — ${reason}`)
    if (reason === undefined) wrong.push(`${frame.test}: ${differences.join('; ')}`)
  }
  assert.deepEqual(wrong, [], 'disagreements that nobody explains')
})

function differencesOf({ http, reference }: Frame): string[] {
  const query = new URLSearchParams(http.url.split('?')[1] ?? '')
  const body = http.body_text === undefined ? undefined : Buffer.from(http.body_text)
  const reports = readOsmand(query, body).reports.map(({ report }) => report)
  const found: string[] = []
  const same = (what: string, ours: unknown, theirs: unknown, tolerance = 0) => {
    const near = typeof ours === 'number' && typeof theirs === 'number' && Math.abs(ours - theirs) <= tolerance
    if (!near && ours !== theirs) found.push(`${what} is ${ours}, the reference has ${theirs}`)
  }
  const wanted = reference.positions ?? []
  same('the number of reports', reports.length, wanted.length)
  for (const [i, { no_fix, time_ms, lat, lon, speed_mps, course, alt_m, attributes }] of wanted.entries()) {
    const { identity, timestamp, position, attributes: ours } = reports[i]!
    same('the device', identity, reference.id)
    same('whether there is no position', position === null, no_fix ?? false)
    if (no_fix) continue
    same('latitude', position?.lat, lat)
    same('longitude', position?.lng, lon)
    same('time', timestamp, time_ms ?? null)
    same('speed', position?.speed ?? 0, speed_mps, 0.01)
    same('course', position?.heading ?? 0, course, 0.01)
    same('altitude', position?.altitude ?? 0, alt_m, 0.01)
    same('the battery', ours.batteryPercent, attributes.batteryLevel)
  }
  return found
}
