import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { isOwnTracksFilter, parseOwnTracksTopic, readOwnTracks, TrackwireError } from '../../contract/index.ts'

const DATA = process.env.TRACKWIRE_TEST_DATA
const skip = DATA === undefined && 'the data are not here; set TRACKWIRE_TEST_DATA'

function linesOf<Line>(file: string): Line[] {
  return readFileSync(join(DATA!, 'protocols', file), 'utf8')
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Line)
}

interface Frame {
  readonly test: string
  readonly http: { readonly body_text: string }
  readonly reference: {
    readonly positions: readonly {
      readonly time_ms: number
      readonly lat: number
      readonly lon: number
      readonly alt_m: number
      readonly speed_mps: number
      readonly course: number
      readonly accuracy_m?: number
      readonly attributes: Readonly<Record<string, unknown>>
    }[]
  }
}

test('owntracks: real messages are read as the reference reads them', { skip }, () => {
  const frames = linesOf<Frame>('owntracks.jsonl')
  assert.ok(frames.length > 0)
  for (const { test: name, http, reference } of frames) {
    const message = readOwnTracks(JSON.parse(http.body_text))
    const [wanted] = reference.positions
    assert.ok(message.kind === 'fix' && wanted !== undefined, name)
    const { timestamp, location, metadata, attributes } = message.fix
    assert.deepEqual([location.lat, location.lng, timestamp], [wanted.lat, wanted.lon, wanted.time_ms], name)
    assert.ok(Math.abs((location.speed ?? 0) - wanted.speed_mps) < 0.01, name)
    assert.equal(location.heading ?? 0, wanted.course, name)
    assert.equal(location.altitude ?? 0, wanted.alt_m, name)
    assert.equal(location.accuracy, wanted.accuracy_m, name)
    assert.equal(metadata?.battery, wanted.attributes.batteryLevel, name)
    assert.equal(attributes?.event, wanted.attributes.event, name)
  }
})

test('owntracks: the samples of its documentation are read, each as what it is', { skip }, () => {
  const samples = linesOf<{ type: string; payload: unknown }>('owntracks-doc-samples.jsonl')
  assert.ok(samples.length > 0)
  for (const { type, payload } of samples) {
    const message = readOwnTracks(payload)
    const isPlace = type === 'location' || type === 'transition'
    assert.equal(message.kind, isPlace ? 'fix' : 'other', JSON.stringify(payload))
  }
})

test('kilometres per hour become metres per second, seconds milliseconds, −1 nothing', () => {
  const said = { _type: 'location', lat: 41.15, lon: -8.61, tst: '1704067200', vel: 36, cog: 90, acc: 5, alt: 12 }
  const more = { batt: 81, bs: 2, conn: 'm', t: 'u', motionactivities: ['automotive'], tid: 'a1', inregions: ['home'] }
  assert.deepEqual(readOwnTracks({ ...said, ...more, topic: 'owntracks/ann/phone' }), {
    kind: 'fix',
    fix: {
      timestamp: 1_704_067_200_000,
      location: { lat: 41.15, lng: -8.61, accuracy: 5, speed: 10, heading: 90, altitude: 12 },
      metadata: { battery: 81, network: 'mobile', activity: 'automotive' },
      attributes: { tid: 'a1', inregions: ['home'], charging: true, event: 'u' },
    },
  })
  assert.deepEqual(readOwnTracks({ _type: 'location', lat: 1, lon: 2, tst: 1, vel: -1, cog: -1, acc: -1, batt: -1 }), {
    kind: 'fix',
    fix: { timestamp: 1_000, location: { lat: 1, lng: 2 } },
  })
})

test('a transition is a fix that says what happened; others are told apart', () => {
  const transition = { _type: 'transition', lat: 1, lon: 2, tst: 1, event: 'enter', desc: 'home', t: 'c' }
  const message = readOwnTracks(transition)
  assert.deepEqual(message.kind === 'fix' && message.fix.attributes, { desc: 'home', event: 'enter' })
  assert.deepEqual(readOwnTracks({ _type: 'lwt', tst: 1 }), { kind: 'gone' })
  assert.deepEqual(readOwnTracks({ _type: 'card', name: 'Ann' }), { kind: 'other', type: 'card' })
  assert.deepEqual(readOwnTracks({ _type: 'encrypted', data: 'AAAA' }), { kind: 'encrypted', data: 'AAAA' })
})

for (const value of [
  null,
  5,
  [],
  {},
  { _type: 5 },
  { _type: 'location' },
  { _type: 'location', lat: 91, lon: 0, tst: 1 },
  { _type: 'location', lat: '1', lon: 0, tst: 1 },
  { _type: 'location', lat: 1, lon: 0, tst: 'today' },
  { _type: 'encrypted', data: 5 },
]) {
  test(`refused: ${JSON.stringify(value)}`, () => {
    assert.throws(() => readOwnTracks(value), { code: 'payload_invalid' })
  })
}

test('whatever JSON comes is read or refused', () => {
  const types = fc.constantFrom('location', 'transition', 'lwt', 'encrypted', 'card', 'waypoints')
  const value = fc.record({ _type: types, lat: fc.jsonValue(), lon: fc.jsonValue(), tst: fc.jsonValue() })
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), value), value => {
      try {
        readOwnTracks(value)
      } catch (error) {
        assert.ok(error instanceof TrackwireError, String(error))
      }
    }),
  )
})

test('topics and filters of OwnTracks', () => {
  assert.deepEqual(parseOwnTracksTopic('owntracks/ann/phone'), { user: 'ann', device: 'phone', part: null })
  assert.deepEqual(parseOwnTracksTopic('owntracks/ann/phone/event'), { user: 'ann', device: 'phone', part: 'event' })
  for (const topic of ['owntracks', 'owntracks/ann', 'owntracks//phone', 'demo/ann/phone', 'owntracks/a/b/c/d']) {
    assert.equal(parseOwnTracksTopic(topic), null, topic)
  }
  for (const filter of [
    'owntracks/+/+',
    'owntracks/#',
    'owntracks/ann/phone/cmd',
    'owntracks/+/+/event',
    'owntracks/ann/#',
  ]) {
    assert.equal(isOwnTracksFilter(filter), true, filter)
  }
  for (const filter of ['#', '+/+/+', 'owntracks', 'owntracks/a#', 'demo/#', '+/ann/phone', 'owntracks/a/b/c/d']) {
    assert.equal(isOwnTracksFilter(filter), false, filter)
  }
})
