import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { PlainLocationReader } from '../../broker/guard/plain-location.ts'
import { decodePayload } from '../../contract/index.ts'

const DEVICE = 'dev-1'

const usual = {
  timestamp: 1_790_000_000_123,
  location: { lat: 41.149612, lng: -8.610955, accuracy: 6, speed: 13.9, heading: 270, altitude: 92 },
  metadata: { battery: 81, network: 'lte' },
  attributes: { note: 'a text of more than sixteen characters', satellites: 9, ignition: true, driver: null },
}

/** With one reader for all, as the broker has it: what it expects is what was read before. */
const reader = new PlainLocationReader()

/** Whether it was plain; then it has to be what is read the other way. */
function isPlain(bytes: Buffer): boolean {
  const fix = reader.read(bytes, DEVICE)
  if (fix === undefined) return false
  assert.deepStrictEqual(fix, decodePayload('location', bytes))
  return true
}

/** Mostly what is plain: a fix has many parts, and one that is not makes all of it so. */
function mostly<T>(usually: fc.Arbitrary<T>, rarely: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ weight: 40, arbitrary: usually }, { weight: 1, arbitrary: rarely })
}

const ODD_NUMBERS = [
  '01',
  '.5',
  '5.',
  '-',
  '+1',
  '1e',
  'NaN',
  '-.1',
  '0x1',
  '1'.repeat(400),
  '1e2',
  '12345678901234567890',
]

function within(min: number, max: number): fc.Arbitrary<string> {
  const plain = fc.oneof(
    fc
      .tuple(fc.integer({ min: min * 1e5, max: max * 1e5 }), fc.nat(20))
      .map(([n, digits]) => (n / 1e5 / 1.1).toFixed(digits)),
    fc.integer({ min: min * 1e9, max: max * 1e9 }).map(value => JSON.stringify(value / 1e9)),
    fc.integer({ min, max }).map(String),
    fc.integer({ min: min * 1e5, max: max * 1e5 }).map(value => (value / 1e5).toFixed(5)),
    fc.constantFrom('0', '-0', '-0.0', '0.1', String(max), `${max}.0`),
  )
  return mostly(plain, fc.oneof(fc.double().map(String), fc.constantFrom(...ODD_NUMBERS)))
}

const number = within(-10_000, 10_000)
const text = mostly(
  fc.oneof(
    fc.stringMatching(/^[ -!#-[\]-~]{0,20}$/).map(value => `"${value}"`),
    fc.constantFrom('"lte"', '"7"'),
  ),
  fc.oneof(
    fc
      .string({ unit: fc.constantFrom('ж', '"', '\\', '\u0000', '🚚', 'a', '\u007f'), maxLength: 5 })
      .map(s => JSON.stringify(s)),
    fc.constantFrom('"', '"\\u0000"', '"\n"', `"${'x'.repeat(65)}"`),
  ),
)
const scalar = fc.oneof(number, text, fc.constantFrom('true', 'false', 'null'))
const free = mostly(scalar, fc.constantFrom('[]', '{}', '[1]', '{"a":1}', 'tru', 'undefined', ''))
const space = mostly(fc.constant(''), fc.constantFrom(' ', '\n', ' \t\r'))

type Members = [string, string][]

/** An object as text: members in any order, some of them missing, between any spaces, now and then with a comma too many. */
function object(members: Record<string, fc.Arbitrary<string>>, others: fc.Arbitrary<Members>): fc.Arbitrary<string> {
  const known = Object.entries(members).map(([key, value]) =>
    fc.tuple(fc.constant(JSON.stringify(key)), fc.option(value, { freq: 12, nil: undefined })),
  )
  const end = mostly(fc.constant('}'), fc.constantFrom(',}', '', ']'))
  return fc
    .tuple(fc.tuple(...known), others, fc.boolean(), space, space, end)
    .map(([some, more, isReversed, a, b, close]) => {
      const all = [...some, ...more].filter(([, value]) => value !== undefined)
      if (isReversed) all.reverse()
      return `{${a}${all.map(([key, value]) => `${key}${b}:${a}${value}`).join(`${b},${a}`)}${a}${close}`
    })
}

const noMore = fc.constant<Members>([])
const anyKey = mostly(text, fc.constantFrom('"__proto__"', '"constructor"', '"battery"', '""'))
const more = fc.array(fc.tuple(anyKey, free), { maxLength: 2 })
const location = object(
  {
    lat: within(-90, 90),
    lng: within(-180, 180),
    accuracy: within(0, 10_000),
    speed: within(0, 400),
    heading: within(0, 360),
    altitude: number,
  },
  mostly(noMore, fc.array(fc.tuple(fc.constantFrom('"lat"', '"course"'), number), { maxLength: 2 })),
)
const anyFix = object(
  {
    timestamp: mostly(fc.integer({ min: 0, max: 2_000_000_000_000 }).map(String), number),
    location: mostly(location, free),
    metadata: object({ battery: within(0, 100), network: text, activity: text }, more),
    attributes: mostly(object({ satellites: free, note: free }, more), free),
    deviceId: mostly(fc.constant(`"${DEVICE}"`), fc.constantFrom('"dev-2"', '""', '7')),
  },
  mostly(noMore, fc.constant<Members>([['"timestamp"', '1']])),
)
const anyChanges = mostly(
  fc.constant<[number, number][]>([]),
  fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 2 }),
)

test('a fix that is read in one pass is what JSON and the schema make of the same bytes', () => {
  let plain = 0
  fc.assert(
    fc.property(anyFix, anyChanges, (json, changes) => {
      const bytes = Buffer.from(json)
      for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte
      if (isPlain(bytes)) plain += 1
    }),
    { numRuns: 20_000 },
  )
  assert.ok(plain > 4_000, `only ${plain} were plain: the property says little`)
})

test('one byte that is another, anywhere in a usual fix', () => {
  const bytes = Buffer.from(JSON.stringify(usual))
  let plain = 0
  for (let at = 0; at < bytes.length; at += 1) {
    const was = bytes[at]!
    for (const byte of [
      0, 0x0a, 0x20, 0x22, 0x2c, 0x2d, 0x2e, 0x30, 0x39, 0x3a, 0x5c, 0x5d, 0x65, 0x7b, 0x7d, 0x7f, 0x80, 0xff,
    ]) {
      bytes[at] = byte
      if (isPlain(bytes)) plain += 1
    }
    bytes[at] = was
    assert.equal(isPlain(bytes.subarray(0, at)), false, 'a part of it')
  }
  assert.ok(plain > 500, `${plain}`)
})

const PLAIN: Readonly<Record<string, object>> = {
  'as devices send it': usual,
  'the least': { timestamp: 1, location: { lat: 0, lng: 0 } },
  'with its id': { deviceId: DEVICE, ...usual },
  'without attributes': { timestamp: 1, location: usual.location, metadata: {} },
  'without metadata': { timestamp: 1, location: usual.location, attributes: {} },
  'as doubles are written': { timestamp: 1, location: { lat: 41.14961234567891, lng: -8.610912345678901 } },
}
for (const [name, fix] of Object.entries(PLAIN)) {
  test(`plain: ${name}`, () => {
    assert.ok(isPlain(Buffer.from(JSON.stringify(fix))))
    assert.ok(isPlain(Buffer.from(JSON.stringify(fix, null, 2))), 'over several lines')
    assert.ok(isPlain(Buffer.from(JSON.stringify(fix))), 'after another')
  })
}

const NOT_PLAIN: Readonly<Record<string, unknown>> = {
  'of another device': { ...usual, deviceId: 'dev-2' },
  'a user': { ...usual, userId: 'u-1' },
  'beyond the pole': { ...usual, location: { lat: 90.1, lng: 0 } },
  'north by more than all the way round': { ...usual, location: { ...usual.location, heading: 360.1 } },
  'slower than standing': { ...usual, location: { ...usual.location, speed: -0.1 } },
  'more than a full battery': { ...usual, metadata: { battery: 100.1 } },
  'before 1970': { ...usual, timestamp: -1 },
  'between two milliseconds': { ...usual, timestamp: 1.5 },
  'an unknown key': { ...usual, note: '' },
  'a battery of text': { ...usual, metadata: { battery: '81' } },
  alarms: { ...usual, attributes: { alarms: ['sos'] } },
  'other scripts': { ...usual, attributes: { driver: 'Жанна' } },
  'no fix': [usual],
  'very long': { ...usual, attributes: { note: 'x'.repeat(3_000) } },
}
for (const [name, fix] of Object.entries(NOT_PLAIN)) {
  test(`left to the other way: ${name}`, () => assert.equal(isPlain(Buffer.from(JSON.stringify(fix))), false))
}

test('what stood behind a brace is not expected behind a value', () => {
  const fresh = new PlainLocationReader()
  const nested = Buffer.from('{"timestamp":1,"attributes":{"timestamp":2},"location":{"lat":1,"lng":2}}')
  assert.ok(fresh.read(nested, DEVICE))
  const broken = Buffer.from(`{"timestamp":1,"deviceId":"${DEVICE}"{"timestamp":2,"location":{"lat":1,"lng":2}}`)
  assert.equal(fresh.read(broken, DEVICE), undefined)
})

test('fixes that are written differently take turns', () => {
  const { timestamp, location } = usual
  const kinds = [
    usual,
    { location, timestamp },
    { timestamp, attributes: { a: 1, b: 'two' }, location: { lng: 1, lat: 2 } },
  ]
  const bytes = kinds.map(fix => Buffer.from(JSON.stringify(fix)))
  for (let i = 0; i < 500; i += 1) assert.ok(isPlain(bytes[(i * 7 + (i >> 3)) % 3]!))
})
