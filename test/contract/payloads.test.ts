import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CHANNEL_NAMES,
  type ChannelName,
  checkCry,
  checkFix,
  compileAll,
  decodePayload,
  ERRORS,
  type ErrorCode,
  errorPage,
  FUTURE_TOLERANCE_MS,
  MAX_BATCH,
  MAX_PAYLOAD_BYTES,
  TrackwireError,
} from '../../contract/index.ts'

const NOW = 1_732_096_523_000
const FIX = { timestamp: NOW, location: { lat: 41.15, lng: -8.61 } }
const json = (value: unknown) => Buffer.from(JSON.stringify(value))
const nested = (depth: number): unknown => (depth === 0 ? 1 : { a: nested(depth - 1) })

const BAD: readonly { name: string; channel?: ChannelName; bytes: Uint8Array; code: ErrorCode; path?: string }[] = [
  { name: 'nothing', bytes: Buffer.alloc(0), code: 'payload_not_json' },
  { name: 'half an object', bytes: Buffer.from('{"timestamp":'), code: 'payload_not_json' },
  { name: 'bytes that are not UTF-8', bytes: Buffer.from([0x7b, 0xff, 0x7d]), code: 'payload_not_json' },
  { name: 'a raw NUL', bytes: Buffer.from('{"timestamp":1,"x":"\0"}'), code: 'payload_not_json' },
  {
    name: 'an escaped NUL',
    bytes: json({ ...FIX, attributes: { a: '\0' } }),
    code: 'payload_invalid',
    path: '/attributes/a',
  },
  { name: 'NUL in a key', bytes: json({ ...FIX, attributes: { 'a\0': 1 } }), code: 'payload_invalid' },
  { name: 'a lone surrogate', bytes: Buffer.from('{"a":"\\ud800"}'), code: 'payload_invalid', path: '/a' },
  {
    name: 'a number larger than a double, which would be kept as null',
    bytes: Buffer.from(
      JSON.stringify({ ...FIX, attributes: { odometer: 0 } }).replace('"odometer":0', '"odometer":1e999'),
    ),
    code: 'payload_invalid',
    path: '/attributes/odometer',
  },
  { name: 'nesting 17 deep', bytes: json({ ...FIX, attributes: nested(17) }), code: 'payload_invalid' },
  {
    name: 'nesting 100,000 deep',
    bytes: Buffer.from('['.repeat(100_000) + ']'.repeat(100_000)),
    code: 'payload_invalid',
  },
  { name: 'over 256 KiB', bytes: Buffer.alloc(MAX_PAYLOAD_BYTES + 1, 0x20), code: 'payload_too_large' },
  { name: 'null', bytes: json(null), code: 'payload_invalid' },
  { name: 'a list', bytes: json([FIX]), code: 'payload_invalid' },
  { name: 'no timestamp', bytes: json({ location: FIX.location }), code: 'payload_invalid' },
  {
    name: 'a timestamp as text',
    bytes: json({ ...FIX, timestamp: '2024-11-20' }),
    code: 'payload_invalid',
    path: '/timestamp',
  },
  {
    name: 'a fraction of a millisecond',
    bytes: json({ ...FIX, timestamp: 1.5 }),
    code: 'payload_invalid',
    path: '/timestamp',
  },
  {
    name: 'latitude 91',
    bytes: json({ ...FIX, location: { lat: 91, lng: 0 } }),
    code: 'payload_invalid',
    path: '/location/lat',
  },
  {
    name: 'longitude -181',
    bytes: json({ ...FIX, location: { lat: 1, lng: -181 } }),
    code: 'payload_invalid',
    path: '/location/lng',
  },
  { name: 'no longitude', bytes: json({ ...FIX, location: { lat: 1 } }), code: 'payload_invalid' },
  {
    name: 'an infinite speed',
    bytes: Buffer.from('{"timestamp":1,"location":{"lat":1,"lng":1,"speed":1e999}}'),
    code: 'payload_invalid',
  },
  { name: 'an unknown top-level key', bytes: json({ ...FIX, colour: 'red' }), code: 'payload_invalid' },
  {
    name: 'an unknown key in location',
    bytes: json({ ...FIX, location: { ...FIX.location, alt: 1 } }),
    code: 'payload_invalid',
  },
  {
    name: 'a deviceId with a slash',
    bytes: json({ ...FIX, deviceId: 'a/b' }),
    code: 'payload_invalid',
    path: '/deviceId',
  },
  {
    name: 'a battery of 101 %',
    bytes: json({ ...FIX, metadata: { battery: 101 } }),
    code: 'payload_invalid',
    path: '/metadata/battery',
  },
  { name: 'an empty batch', channel: 'locationBatch', bytes: json([]), code: 'payload_invalid' },
  {
    name: 'a batch of 1,001',
    channel: 'locationBatch',
    bytes: json(Array(MAX_BATCH + 1).fill(1)),
    code: 'payload_invalid',
  },
  { name: 'a batch that is one fix', channel: 'locationBatch', bytes: json(FIX), code: 'payload_invalid' },
  {
    name: 'an unknown state',
    channel: 'status',
    bytes: json({ state: 'asleep' }),
    code: 'payload_invalid',
    path: '/state',
  },
  {
    name: 'an SOS without an action',
    channel: 'sos',
    bytes: json({ id: '1', timestamp: 1 }),
    code: 'payload_invalid',
  },
  { name: 'an SOS that is no JSON', channel: 'sos', bytes: Buffer.from('help!'), code: 'payload_not_json' },
  {
    name: 'an unknown SOS action',
    channel: 'sos',
    bytes: json({ action: 'shout', id: '1', timestamp: 1 }),
    code: 'payload_invalid',
  },
]

for (const { name, channel = 'location', bytes, code, path } of BAD) {
  test(`${channel}: ${name} is refused as ${code}`, () => {
    assert.throws(
      () => decodePayload(channel, bytes),
      (error: unknown) => {
        assert.ok(error instanceof TrackwireError, String(error))
        assert.equal(error.code, code)
        if (path !== undefined) assert.equal(error.details?.path, path)
        return true
      },
    )
  })
}

const GOOD: readonly { name: string; channel?: ChannelName; bytes: Uint8Array }[] = [
  { name: 'the smallest fix', bytes: json(FIX) },
  { name: 'free attributes, 16 deep in all', bytes: json({ ...FIX, attributes: nested(14) }) },
  { name: 'unknown metadata', bytes: json({ ...FIX, metadata: { satellites: 9 } }) },
  { name: 'a byte order mark in front', bytes: Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), json(FIX)]) },
  { name: 'emoji', bytes: json({ ...FIX, attributes: { note: '🚚' } }) },
  {
    name: 'an own key __proto__',
    bytes: Buffer.from(`{"timestamp":1,"location":{"lat":1,"lng":1},"attributes":{"__proto__":{"x":1}}}`),
  },
  { name: 'a batch of 1,000, good or not', channel: 'locationBatch', bytes: json(Array(MAX_BATCH).fill({})) },
  { name: 'an empty SOS answer', channel: 'sosAnswer', bytes: Buffer.alloc(0) },
  {
    name: 'an SOS with extra fields',
    channel: 'sos',
    bytes: json({ action: 'trigger', id: '1', timestamp: 1, mood: 'bad' }),
  },
  { name: 'an SOS without an id', channel: 'sos', bytes: json({ action: 'trigger' }) },
  {
    name: 'an SOS with bytes that are no UTF-8',
    channel: 'sos',
    bytes: Buffer.from('{"action":"trigger","message":"\xff"}', 'latin1'),
  },
  { name: 'plain text', channel: 'authToken', bytes: Buffer.from('a.b.c') },
]

for (const { name, channel = 'location', bytes } of GOOD) {
  test(`${channel}: ${name} is taken`, () => {
    decodePayload(channel, bytes)
    assert.equal(({} as { x?: number }).x, undefined)
  })
}

const FIXES: readonly { name: string; value: unknown; code: ErrorCode | null }[] = [
  { name: 'a good fix', value: FIX, code: null },
  { name: 'its own deviceId', value: { ...FIX, deviceId: 'truck-7' }, code: null },
  { name: 'another deviceId', value: { ...FIX, deviceId: 'truck-8' }, code: 'device_mismatch' },
  { name: 'exactly 0, 0', value: { ...FIX, location: { lat: 0, lng: 0 } }, code: 'position_null_island' },
  { name: 'minus zero', value: { ...FIX, location: { lat: -0, lng: 0 } }, code: 'position_null_island' },
  { name: 'on the equator', value: { ...FIX, location: { lat: 0, lng: 1 } }, code: null },
  { name: 'seconds for milliseconds', value: { ...FIX, timestamp: NOW / 1_000 }, code: 'timestamp_implausible' },
  { name: 'a clock two minutes ahead', value: { ...FIX, timestamp: NOW + FUTURE_TOLERANCE_MS }, code: null },
  {
    name: 'a clock further ahead',
    value: { ...FIX, timestamp: NOW + FUTURE_TOLERANCE_MS + 1 },
    code: 'timestamp_future',
  },
  { name: 'the largest timestamp', value: { ...FIX, timestamp: 8_640_000_000_000_000 }, code: 'timestamp_future' },
  { name: 'no object', value: 7, code: 'payload_invalid' },
]

for (const { name, value, code } of FIXES) {
  test(`a fix with ${name} is ${code === null ? 'taken' : `refused as ${code}`}`, () => {
    const check = () => checkFix(value, 'truck-7', NOW)
    if (code === null) check()
    else assert.throws(check, { code })
  })
}

test('a refused choice is told with what may be chosen', () => {
  assert.throws(() => checkCry({ action: 'help' }), {
    code: 'payload_invalid',
    message: '/action must be trigger or cancel',
  })
})

test('every schema compiles', () => compileAll())

test('every error code is in the page, with a status and a sentence', () => {
  const page = errorPage()
  for (const [code, { status, meaning }] of Object.entries(ERRORS)) {
    assert.ok(page.includes(`\`${code}\``), code)
    assert.ok(status >= 200 && status < 600)
    assert.match(meaning, /^[A-Z].+\.$/)
  }
  assert.ok(CHANNEL_NAMES.length > 10)
})

test('a TrackwireError bears the status of its code, its meaning where nothing is said, and its cause', () => {
  const cause = new Error('disk')
  const error = new TrackwireError('storage_unavailable', undefined, { cause })
  assert.deepEqual([error.status, error.message, error.cause], [503, ERRORS.storage_unavailable.meaning, cause])
})
