import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { phoneFixOf } from '../../../bridge/phones/phone-report.ts'
import { readPhoneTime } from '../../../bridge/phones/phone-times.ts'
import { readOsmand } from '../../../bridge/phones/read-osmand.ts'
import { TrackwireError } from '../../../contract/index.ts'

const RECEIVED = Date.UTC(2026, 0, 1)
const query = (text: string) => readOsmand(new URLSearchParams(text), undefined)
const json = (body: unknown, text = '') => readOsmand(new URLSearchParams(text), Buffer.from(JSON.stringify(body)))
const fixesOf = ({ reports }: ReturnType<typeof readOsmand>) =>
  reports.map(({ report }) => phoneFixOf(report, RECEIVED))

const times: readonly [unknown, number][] = [
  ['1704067200', 1_704_067_200_000],
  ['1704067200.5', 1_704_067_200_500],
  ['1704067200123', 1_704_067_200_123],
  [1_704_067_200, 1_704_067_200_000],
  ['2024-01-01T00:00:00Z', 1_704_067_200_000],
  ['2024-01-01T00:00:00.250Z', 1_704_067_200_250],
  ['2024-01-01 00:00:00', 1_704_067_200_000],
  ['2024-01-01T01:00:00+01:00', 1_704_067_200_000],
  ['2024-01-01T01:00:00+0100', 1_704_067_200_000],
  ['2024-01-01T01:00:00 0100', 1_704_067_200_000],
  ['2023-12-31T22:30:00-0130', 1_704_067_200_000],
]
for (const [text, wanted] of times) {
  test(`${text} is a time`, () => assert.equal(readPhoneTime(text, '/timestamp'), wanted))
}

for (const text of ['yesterday', '2024-02-30T00:00:00Z', '2024-13-01 00:00:00', '-5', 'NaN', {}, true]) {
  test(`${JSON.stringify(text)} is no time`, () => {
    assert.throws(() => readPhoneTime(text, '/timestamp'), { code: 'payload_invalid' })
  })
}

test('the query form: knots, per cent, alarms and whatever else is there', () => {
  const { reports } = query(
    'id=phone-1&lat=41.15&lon=-8.61&timestamp=1704067200&speed=10&bearing=360&altitude=92.5&accuracy=6&hdop=0.9&batt=81.5&charge=true&driverUniqueId=ann&alarm=sos&io1=on&count=7&plate=007&cell=257,02,16,2224&cell=257,02,16,2223,-90&token=secret',
  )
  assert.deepEqual(reports[0]!.report.alarms, ['sos'])
  assert.deepEqual(fixesOf({ reports, form: 'query', unread: [] }), [
    {
      timestamp: 1_704_067_200_000,
      location: { lat: 41.15, lng: -8.61, accuracy: 6, speed: 10 * (1852 / 3600), heading: 0, altitude: 92.5 },
      metadata: { battery: 81.5 },
      attributes: {
        io1: 'on',
        count: 7,
        plate: '007',
        cell: '257,02,16,2224;257,02,16,2223,-90',
        hdop: 0.9,
        charging: true,
        driverId: 'ann',
        alarms: ['sos'],
      },
    },
  ])
})

test('location=lat,lon is a position; without a time it counts as of its receipt; valid=false is none', () => {
  assert.deepEqual(fixesOf(query('deviceid=a&location=41.15,-8.61')), [
    { timestamp: RECEIVED, location: { lat: 41.15, lng: -8.61 } },
  ])
  assert.deepEqual(fixesOf(query('id=a&lat=1&lon=2&valid=false')), [null])
  assert.deepEqual(query('id=a&lat=1&lon=2&alarm=powerCut').reports[0]!.report.alarms, ['power-cut'])
  assert.equal(query('id=a&lat=1&lon=2&alarm=meow').reports[0]!.report.attributes.event, 'meow')
})

test('a form says the same as a query', () => {
  const form = readOsmand(new URLSearchParams('id=a'), Buffer.from('lat=1&lon=2&timestamp=2024-01-01+00%3A00%3A00'))
  assert.equal(form.form, 'query')
  assert.deepEqual(fixesOf(form), [{ timestamp: 1_704_067_200_000, location: { lat: 1, lng: 2 } }])
})

const unreadable: readonly [string, string][] = [
  ['nothing', ''],
  ['a latitude of 91', 'id=a&lat=91&lon=0'],
  ['no number', 'id=a&lat=north&lon=0'],
  ['a longitude alone', 'id=a&lon=0'],
  ['half a location', 'id=a&location=41'],
  ['no id', 'id=a b&lat=1&lon=2'],
  ['a NUL', 'id=a&lat=1&lon=2&note=%00'],
  ['hexadecimal degrees', 'id=a&lat=0x10&lon=2'],
]
for (const [name, text] of unreadable) {
  test(`a query is refused: ${name}`, () => assert.throws(() => query(text), { code: 'payload_invalid' }))
}

const COORDS = { latitude: 41.15, longitude: -8.61, accuracy: 5, speed: 10, heading: 90, altitude: 12 }

test('Traccar Client: metres per second, battery from 0 to 1, −1 is unknown, lists too', () => {
  const body = {
    device_id: 'phone-1',
    location: {
      timestamp: '2024-01-01T00:00:00.000Z',
      coords: COORDS,
      is_moving: true,
      odometer: 1_200,
      event: 'motionchange',
      battery: { level: 0.87, is_charging: false },
      activity: { type: 'in_vehicle' },
      extras: { team: 'north' },
      alarm: 'sos',
    },
  }
  const read = json(body)
  assert.equal(read.form, 'json')
  assert.deepEqual(read.reports[0]!.report.alarms, ['sos'])
  assert.deepEqual(fixesOf(read), [
    {
      timestamp: 1_704_067_200_000,
      location: { lat: 41.15, lng: -8.61, accuracy: 5, speed: 10, heading: 90, altitude: 12 },
      metadata: { battery: 87, activity: 'in_vehicle' },
      attributes: {
        team: 'north',
        motion: true,
        odometerMeters: 1_200,
        charging: false,
        event: 'motionchange',
        alarms: ['sos'],
      },
    },
  ])
  const unknown = { ...COORDS, accuracy: -1, speed: -1, heading: -1 }
  const bare = { timestamp: 1_704_067_200, coords: unknown, battery: { level: -1 }, activity: { type: 'unknown' } }
  assert.deepEqual(fixesOf(json({ location: bare }, 'id=phone-2')), [
    { timestamp: 1_704_067_200_000, location: { lat: 41.15, lng: -8.61, altitude: 12 } },
  ])
  assert.equal(json({ location: bare }, 'id=phone-2').reports[0]!.report.identity, 'phone-2')
  for (const list of [json({ device_id: 'a', location: [bare, bare] }), json([body, body])]) {
    assert.equal(list.form, 'list')
    assert.equal(list.reports.length, 2)
  }
})

test('Overland: longitude first, course, battery_level, motion', () => {
  const feature = {
    type: 'Feature',
    geometry: { type: 'Point', coordinates: [-8.61, 41.15] },
    properties: {
      timestamp: '2024-01-01T00:00:00Z',
      altitude: 80,
      speed: 4,
      course: 180,
      horizontal_accuracy: 30,
      vertical_accuracy: -1,
      motion: ['driving', 'stationary'],
      activity: 'other_navigation',
      battery_state: 'charging',
      battery_level: 0.5,
      wifi: 'home',
      device_id: 'ann',
    },
  }
  const read = json({ locations: [feature, { type: 'Feature', geometry: null, properties: {} }], current: {} })
  assert.equal(read.form, 'list')
  assert.deepEqual(fixesOf(read), [
    {
      timestamp: 1_704_067_200_000,
      location: { lat: 41.15, lng: -8.61, accuracy: 30, speed: 4, heading: 180, altitude: 80 },
      metadata: { battery: 50, activity: 'driving', network: 'wifi' },
      attributes: { vertical_accuracy: -1, charging: true },
    },
  ])
  assert.deepEqual(
    read.unread.map(({ index, error }) => [index, error.code]),
    [[1, 'payload_invalid']],
  )
})

test('GeoJSON: a Feature, a FeatureCollection', () => {
  const feature = {
    type: 'Feature',
    id: 'van-1',
    geometry: { type: 'Point', coordinates: [-8.61, 41.15, 33] },
    properties: { time: 1_704_067_200_000, speed: 3, battery: 44, heading: 10 },
  }
  const fix = {
    timestamp: 1_704_067_200_000,
    location: { lat: 41.15, lng: -8.61, speed: 3, heading: 10, altitude: 33 },
    metadata: { battery: 44 },
  }
  assert.equal(json(feature).form, 'json')
  assert.deepEqual(fixesOf(json(feature)), [fix])
  const collection = json({ type: 'FeatureCollection', features: [feature, feature] })
  assert.equal(collection.form, 'list')
  assert.deepEqual(fixesOf(collection), [fix, fix])
})

for (const body of [
  {},
  { location: 5 },
  { location: {} },
  { type: 'FeatureCollection' },
  { locations: {} },
  { type: 'Feature' },
]) {
  test(`a body is refused: ${JSON.stringify(body)}`, () => {
    assert.throws(() => json(body, 'id=a'), { code: 'payload_invalid' })
  })
}

test('whatever comes is read or refused, and what is read has numbers in their ranges', () => {
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 4 }),
    fc.constantFrom(COORDS, { coords: COORDS }, [{ coords: COORDS }]),
  )
  const body = fc.oneof(
    fc.dictionary(
      fc.constantFrom('location', 'locations', 'type', 'features', 'geometry', 'properties', 'device_id'),
      value,
    ),
    value,
  )
  fc.assert(
    fc.property(fc.webQueryParameters(), fc.option(body), (text, value) => {
      try {
        const bytes = value === null ? undefined : Buffer.from(JSON.stringify(value))
        for (const fix of fixesOf(readOsmand(new URLSearchParams(text), bytes))) {
          if (fix === null) continue
          assert.ok(Math.abs(fix.location.lat) <= 90 && Math.abs(fix.location.lng) <= 180)
          assert.ok((fix.location.speed ?? 0) >= 0 && (fix.location.heading ?? 0) < 360)
        }
      } catch (error) {
        assert.ok(error instanceof TrackwireError, String(error))
      }
    }),
  )
})
