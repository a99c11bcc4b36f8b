import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  cardForFriends,
  encodeOwnTracksCommand,
  friendTopic,
  isOwnTracksFilter,
  locationForFriends,
  parseFriendTopic,
  parseOwnTracksTopic,
  readOwnTracks,
  TrackwireError,
} from '../../contract/index.ts'

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
    const kinds: Record<string, string> = {
      location: 'fix',
      transition: 'fix',
      waypoint: 'waypoints',
      waypoints: 'waypoints',
      card: 'card',
      lwt: 'gone',
    }
    assert.equal(message.kind, kinds[type] ?? 'other', JSON.stringify(payload))
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
  assert.deepEqual(readOwnTracks({ _type: 'cmd', action: 'dump' }), { kind: 'other', type: 'cmd' })
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
  { _type: 'waypoint', tst: 1 },
  { _type: 'waypoint', desc: '', tst: 1 },
  { _type: 'waypoint', desc: 'home', tst: 1.5 },
  { _type: 'waypoints', waypoints: 5 },
  { _type: 'waypoints', waypoints: Array.from({ length: 101 }, (_, tst) => ({ desc: 'a', tst })) },
  { _type: 'card', name: 5 },
  { _type: 'card', face: '<svg/>' },
  { _type: 'card', face: `iVBORw0KGgo${'A'.repeat(131_072)}` },
]) {
  test(`refused: ${JSON.stringify(value)}`, () => {
    assert.throws(() => readOwnTracks(value), { code: 'payload_invalid' })
  })
}

test('whatever JSON comes is read or refused', () => {
  const types = fc.constantFrom('location', 'transition', 'lwt', 'encrypted', 'card', 'waypoint', 'waypoints')
  const value = fc.record({
    _type: types,
    lat: fc.jsonValue(),
    lon: fc.jsonValue(),
    tst: fc.jsonValue(),
    desc: fc.jsonValue(),
    rad: fc.jsonValue(),
    waypoints: fc.jsonValue(),
    face: fc.jsonValue(),
  })
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

test('places: a circle, a beacon, one that was deleted, the older spelling of a beacon; bad ones cost themselves alone', () => {
  const home = { _type: 'waypoint', desc: 'home', lat: 41.15, lon: -8.61, rad: 150, tst: 1_700_000_000 }
  const circle = { lat: 41.15, lng: -8.61, radiusMeters: 150 }
  const read = readOwnTracks(home)
  assert.deepEqual(read, {
    kind: 'waypoints',
    waypoints: [{ createdSeconds: 1_700_000_000, name: 'home', circle }],
    unread: [],
  })
  assert.deepEqual(readOwnTracks({ ...home, rad: '150', tst: '1700000000' }), read)
  const gone = [{ rad: 0 }, { rad: -1 }, { lat: -1_000_000 }, { lat: 'foo' }, { lon: undefined }, { rad: '1e3' }]
  for (const change of gone) {
    const message = readOwnTracks({ ...home, ...change })
    assert.equal(message.kind === 'waypoints' && message.waypoints[0]!.circle, null, JSON.stringify(change))
  }
  const beacon = 'shop:CA271EAE-5FA8-4E80-8F08-2A302A95A959:1:2'
  const list = readOwnTracks({
    _type: 'waypoints',
    waypoints: [
      { ...home, desc: 'old' },
      home,
      { desc: beacon, tst: 2 },
      { desc: 'no time' },
      7,
      { ...home, tst: 3, desc: 'a:b' },
    ],
  })
  assert.ok(list.kind === 'waypoints')
  assert.deepEqual(
    list.waypoints.map(({ createdSeconds, name, circle }) => [createdSeconds, name, circle !== null]),
    [
      [1_700_000_000, 'home', true],
      [2, 'shop', false],
      [3, 'a:b', true],
    ],
  )
  assert.deepEqual(
    list.unread.map(({ index }) => index),
    [3, 4],
  )
})

test('a card is a name and a face; both may be missing', () => {
  const face = 'iVBORw0KGgoAAAANSUhEUg=='
  assert.deepEqual(readOwnTracks({ _type: 'card', name: ' Ann ', face, tid: 'an' }), {
    kind: 'card',
    card: { name: 'Ann', face },
  })
  assert.deepEqual(readOwnTracks({ _type: 'card', name: ' ' }), { kind: 'card', card: { name: null, face: null } })
})

test('what friends are shown: seconds, km/h, whole numbers, initials, and the topic of the device', () => {
  const friend = { org: 'demo', deviceId: 'van-12' }
  const location = { lat: 41.15, lng: -8.61, accuracy: 4.6, speed: 10, heading: 89.6, altitude: 12.4 }
  const fix = { timestamp: 1_704_067_200_900, location, metadata: { battery: 80.5 } }
  const shown = {
    _type: 'location',
    topic: 'owntracks/demo/van-12',
    tid: '12',
    lat: 41.15,
    lon: -8.61,
    tst: 1_704_067_200,
  }
  const written = (value: unknown) => JSON.parse(JSON.stringify(value))
  assert.deepEqual(written(locationForFriends(friend, fix)), { ...shown, acc: 5, alt: 12, vel: 36, cog: 90, batt: 81 })
  const bare = { timestamp: 1_704_067_200_000, location: { lat: 41.15, lng: -8.61 }, attributes: { tid: 'an' } }
  assert.deepEqual(written(locationForFriends(friend, bare)), { ...shown, tid: 'an' })
  assert.deepEqual(written(cardForFriends(friend, { name: 'Ann', face: null }, bare)), {
    _type: 'card',
    topic: 'owntracks/demo/van-12',
    tid: 'an',
    name: 'Ann',
  })
})

test('topics of friends never are topics of an organisation that is called owntracks', () => {
  assert.equal(friendTopic({ org: 'demo', deviceId: 'a' }), 'owntracks/demo/a')
  assert.equal(friendTopic({ org: 'fences', deviceId: 'a' }), null)
  assert.deepEqual(parseFriendTopic('owntracks/demo/a/info'), { org: 'demo', deviceId: 'a', part: 'info' })
  for (const topic of ['owntracks/demo/a/event', 'owntracks/Demo/a', 'owntracks/demo', 'demo/devices/a/last']) {
    assert.equal(parseFriendTopic(topic), null, topic)
  }
})

test('commands as the app reads them; what would take the phone away is refused', () => {
  const place = { createdSeconds: 5, name: 'home', lat: 1, lng: 2, radiusMeters: 99.6 }
  assert.deepEqual(encodeOwnTracksCommand('reportLocation'), { _type: 'cmd', action: 'reportLocation' })
  assert.deepEqual(encodeOwnTracksCommand('setWaypoints', { waypoints: [place] }), {
    _type: 'cmd',
    action: 'setWaypoints',
    waypoints: {
      _type: 'waypoints',
      waypoints: [{ _type: 'waypoint', desc: 'home', lat: 1, lon: 2, rad: 100, tst: 5 }],
    },
  })
  assert.deepEqual(encodeOwnTracksCommand('setConfiguration', { configuration: { monitoring: 2 } }), {
    _type: 'cmd',
    action: 'setConfiguration',
    configuration: { _type: 'configuration', monitoring: 2 },
  })
  for (const [name, args] of [
    ['setConfiguration', { configuration: { host: 'evil.example' } }],
    ['setConfiguration', { configuration: {} }],
    ['action', { url: 'javascript:alert(1)' }],
    ['setWaypoints', { waypoints: [] }],
    ['reportLocation', { now: true }],
  ] as const) {
    assert.throws(() => encodeOwnTracksCommand(name, args), { code: 'payload_invalid' }, JSON.stringify(args))
  }
})
