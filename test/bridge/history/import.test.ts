import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { XMLParser } from 'fast-xml-parser'
import { readerOfKind, type TrackKind, trackKindOf } from '../../../bridge/history/import/track-kind.ts'
import { type Found, TrackFileFault } from '../../../bridge/history/import/track-reader.ts'
import { ADMIN, type HttpPlatform, square, startHttpPlatform } from '../http/http-platform.ts'

const KINDS: readonly TrackKind[] = ['gpx', 'kml', 'csv', 'nmea', 'geojson']
const DATA = process.env.TRACKWIRE_TEST_DATA
const T0 = Date.UTC(2026, 0, 1)

/** A file in pieces of `size` characters. */
function read(kind: TrackKind, text: string, size = 700): Found[] {
  const reader = readerOfKind(kind)
  const found: Found[] = []
  for (let at = 0; at < text.length; at += size) found.push(...reader.push(text.slice(at, at + size)))
  return [...found, ...reader.end()]
}
const fixesOf = (found: readonly Found[]) => found.flatMap(item => ('fix' in item ? [item.fix] : []))
const errorsOf = (found: readonly Found[]) => found.flatMap(item => ('error' in item ? [item] : []))

const gpxOf = (points: string) =>
  `<?xml version="1.0"?>\n<gpx version="1.1"><trk><trkseg>\n${points}</trkseg></trk></gpx>`

describe('reading tracks', () => {
  const GPX =
    gpxOf(`<trkpt lat="1" lon="2"><ele>3</ele><time>2026-01-01T00:00:00Z</time><extensions><x:TrackPointExtension xmlns:x="u"><x:speed>4</x:speed><x:course>5</x:course></x:TrackPointExtension></extensions></trkpt>
<!-- > --><trkpt lon='2' lat='1.5' note="a>b"><time><![CDATA[2026-01-01T00:00:01.250Z]]></time></trkpt>
<trkpt lat="91" lon="2"><time>2026-01-01T00:00:02Z</time></trkpt>
<trkpt lat="1" lon="2"/>
<trkpt lat="1" lon="2"><time>later</time></trkpt>
`)

  test('GPX in pieces of any size; errors name their line', () => {
    for (const size of [1, 7, 100_000]) {
      const found = read('gpx', GPX, size)
      assert.deepEqual(fixesOf(found), [
        { timestamp: T0, location: { lat: 1, lng: 2, altitude: 3, speed: 4, heading: 5 } },
        { timestamp: T0 + 1_250, location: { lat: 1.5, lng: 2 } },
      ])
      assert.deepEqual(
        errorsOf(found).map(({ line, error }) => [line, error]),
        [
          [5, 'the latitude "91" is not a number from -90 to 90'],
          [6, 'has no time, so nobody knows when it was there'],
          [7, '"later" is not a time'],
        ],
      )
    }
  })

  test('KML: gx:Track with arrays, and a Point with a TimeStamp', () => {
    const kml = `<kml xmlns:gx="g"><Placemark><gx:Track><when>2026-01-01T00:00:00Z</when><when>2026-01-01T00:00:01Z</when>
<gx:coord>2 1 3</gx:coord><gx:coord>2 1.5</gx:coord><ExtendedData><SchemaData><gx:SimpleArrayData name="speed_mps"><gx:value>4</gx:value><gx:value></gx:value></gx:SimpleArrayData></SchemaData></ExtendedData></gx:Track></Placemark>
<Placemark><TimeStamp><when>2026-01-01T00:00:02Z</when></TimeStamp><Point><coordinates>2,1,5</coordinates></Point></Placemark></kml>`
    assert.deepEqual(fixesOf(read('kml', kml, 13)), [
      { timestamp: T0, location: { lat: 1, lng: 2, altitude: 3, speed: 4 } },
      { timestamp: T0 + 1_000, location: { lat: 1.5, lng: 2 } },
      { timestamp: T0 + 2_000, location: { lat: 1, lng: 2, altitude: 5 } },
    ])
  })

  test('CSV: columns by name, km/h, quotes over lines, errors by line', () => {
    const csv = `\ufeffTime;Lon;Lat;speed_kmh;note\r\n2026-01-01T00:00:00Z;2;1;36;"a\r\nb;c"\r\n\r\n1767225601;2;x;;\r\n1767225602;2;1\r\n`
    for (const size of [1, 9, 1_000]) {
      const found = read('csv', csv, size)
      assert.deepEqual(fixesOf(found), [
        { timestamp: T0, location: { lat: 1, lng: 2, speed: 10 } },
        { timestamp: T0 + 2_000, location: { lat: 1, lng: 2 } },
      ])
      assert.deepEqual(
        errorsOf(found).map(({ line }) => line),
        [5],
      )
    }
  })

  test('NMEA without a date says so', () => {
    const found = read('nmea', '$GPGGA,113258,3238.9148,N,10822.4466,W,2,08,1.1,1577.4,M,-24.6,M,,*4D\r\n')
    assert.match(errorsOf(found)[0]!.error, /no date/)
  })

  test('GeoJSON lines with times', () => {
    const feature = {
      type: 'Feature',
      geometry: {
        type: 'LineString',
        coordinates: [
          [2, 1],
          [2, 1.5, 7],
        ],
      },
      properties: { coordTimes: ['2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z'] },
    }
    assert.deepEqual(fixesOf(read('geojson', JSON.stringify(feature))), [
      { timestamp: T0, location: { lat: 1, lng: 2 } },
      { timestamp: T0 + 1_000, location: { lat: 1.5, lng: 2, altitude: 7 } },
    ])
  })

  const faults: readonly [string, TrackKind, string, RegExp][] = [
    ['XML that ends early', 'gpx', GPX.slice(0, -6), /ends/],
    ['XML that is not nested', 'gpx', '<gpx><a></b></gpx>', /<\/b> stands where <a> is open/],
    ['a DOCTYPE', 'gpx', '<!DOCTYPE gpx [<!ENTITY a "b">]><gpx/>', /DOCTYPE/],
    ['another root', 'gpx', '<kml/>', /root element is <kml>/],
    ['GPX without a track', 'gpx', '<gpx><wpt lat="1" lon="2"/></gpx>', /no <trkpt>/],
    ['a tag without an end', 'gpx', `<gpx a="${'x'.repeat(200_000)}`, /does not end/],
    ['elements without end', 'gpx', '<gpx>'.repeat(100), /nested/],
    ['an empty file', 'gpx', '', /no element/],
    ['CSV without positions', 'csv', 'a,b\n1,2\n', /no column/],
    ['CSV with an open quote', 'csv', 'time,lat,lon\n"1,2,3\n', /does not end/],
    ['an empty CSV file', 'csv', '', /empty/],
    ['a picture as NMEA', 'nmea', '\x89PNG\r\n', /no NMEA/],
    ['half of JSON', 'geojson', '{"type":"Feature"', /not JSON/],
  ]
  for (const [name, kind, text, message] of faults) {
    test(`cannot be read: ${name}`, () => {
      assert.throws(
        () => read(kind, text),
        error => error instanceof TrackFileFault && message.test(error.message),
      )
    })
  }

  test('no bytes make a reader crash, in pieces of any size', () => {
    const pieces = fc.constantFrom(
      '<',
      '>',
      '</',
      '/>',
      '<trkpt lat="1" lon="2">',
      '<gpx>',
      '</gpx>',
      '&#x110000;',
      '&#',
      '"',
      "'",
      '<![CDATA[',
      ']]>',
      '<!--',
      '\r',
      '\n',
      ',',
      'lat,lon,time\n',
      '1,2,3',
      '$GPRMC,',
      '*00',
      '{',
      '[',
      '}',
      '<kml>',
      '<Track>',
      '<when>',
      '<coord>',
      '</Track>',
      '\u0000',
    )
    fc.assert(
      fc.property(
        fc.constantFrom(...KINDS),
        fc.array(fc.oneof(pieces, fc.string()), { maxLength: 60 }),
        fc.integer({ min: 1, max: 40 }),
        (kind, parts, size) => {
          try {
            read(kind, parts.join(''), size)
          } catch (error) {
            assert.ok(error instanceof TrackFileFault, String((error as Error).stack))
          }
        },
      ),
      { numRuns: 1_500 },
    )
  })

  test('the kind is found out from the beginning', () => {
    assert.equal(trackKindOf('application/octet-stream', GPX), 'gpx')
    assert.equal(trackKindOf(undefined, '\ufeff<?xml version="1.0"?><kml xmlns="u">'), 'kml')
    assert.equal(trackKindOf('text/plain', '$GPRMC,113258,A'), 'nmea')
    assert.equal(trackKindOf(undefined, 'time,latitude,longitude\n'), 'csv')
    assert.equal(trackKindOf(undefined, '{"type":"Feature"}'), 'geojson')
    assert.equal(trackKindOf('image/png', '\x89PNG'), null)
    assert.equal(trackKindOf('text/csv; charset=utf-8', ''), 'csv')
  })
})

const skip = DATA === undefined && 'the data are not here; set TRACKWIRE_TEST_DATA'

test('GPX files of many programs: what has times is read exactly, the rest is told', { skip }, async t => {
  const folder = join(DATA!, 'gpx')
  for (const file of readdirSync(folder)) {
    await t.test(file, () => {
      const text = new TextDecoder().decode(readFileSync(join(folder, file)))
      const parsed = new XMLParser({
        ignoreAttributes: false,
        parseTagValue: false,
        removeNSPrefix: true,
        isArray: name => ['trk', 'trkseg', 'trkpt'].includes(name),
      }).parse(text)
      type Parts = Record<string, Record<string, string>[] | undefined>
      const points = ((parsed.gpx?.trk ?? []) as Parts[]).flatMap(trk =>
        ((trk?.trkseg ?? []) as unknown as Parts[]).flatMap(segment => segment?.trkpt ?? []),
      )
      if (points.length === 0) {
        assert.throws(() => read('gpx', text), TrackFileFault)
        return
      }
      const timed = points.filter((point: { time?: string }) => point.time)
      const found = read('gpx', text)
      assert.equal(found.length, points.length)
      assert.deepEqual(
        fixesOf(found).map(({ timestamp, location }) => [timestamp, location.lat, location.lng, location.altitude]),
        timed.map((point: Record<string, string>) => [
          Date.parse(/Z|[+-]\d\d:\d\d$/.test(point.time!) ? point.time! : `${point.time}Z`),
          Number(point['@_lat']),
          Number(point['@_lon']),
          point.ele === undefined ? undefined : Number(point.ele),
        ]),
      )
    })
  }
})

test('NMEA recordings: every fix is one of the reference', { skip }, async t => {
  const folder = join(DATA!, 'nmea')
  const index = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as { file: string }[]
  for (const { file } of index) {
    await t.test(file, () => {
      const fixes = fixesOf(read('nmea', readFileSync(join(folder, file), 'latin1')))
      const reference = readFileSync(join(folder, file.replace('.nmea', '.fixes.jsonl')), 'utf8')
        .trimEnd()
        .split('\n')
      const times = new Map<number, { lat: number; lon: number }[]>()
      for (const line of reference) {
        const { time, lat, lon } = JSON.parse(line)
        times.set(Date.parse(time), [...(times.get(Date.parse(time)) ?? []), { lat, lon }])
      }
      // gpsd takes the date of this one for one of the week count before.
      if (file === 'rst39.nmea') return
      const near = fixes.filter(({ timestamp, location }) =>
        (times.get(timestamp) ?? []).some(
          ({ lat, lon }) => Math.abs(lat - location.lat) < 1e-5 && Math.abs(lon - location.lng) < 1e-5,
        ),
      )
      // Of the first or last moment gpsd does not tell what has only one of its sentences.
      assert.ok(near.length >= fixes.length - 1, `${near.length} of ${fixes.length}`)
    })
  }
})

describe('import over HTTP', () => {
  let platform: HttpPlatform
  before(async () => {
    platform = await startHttpPlatform({ maxTrackFileBytes: 2 * 1_048_576 })
    for (const id of ['a', 'b', 'c']) await platform.call('POST', '/api/v1/devices', { caller: ADMIN, body: { id } })
  })
  after(() => platform.close())
  const send = (device: string, body: string | Buffer, type: string, query = '') =>
    platform.call('POST', `/api/v1/devices/${device}/import${query}`, {
      caller: ADMIN,
      body,
      headers: { 'content-type': type },
    })
  const history = async (device: string, accept = 'application/json') =>
    (await platform.call('GET', `/api/v1/devices/${device}/history?limit=1000`, { caller: ADMIN, headers: { accept } }))
      .body

  const TRACK = Array.from({ length: 1_000 }, (_, i) => ({
    timestamp: T0 + i * 1_000,
    location: { lat: 10 + i / 1e4, lng: 20, altitude: i, speed: 1.5, heading: 10 },
  }))
  const CSV = `timestamp_ms,lat,lon,altitude_m,speed_mps,heading_deg\n${TRACK.map(({ timestamp, location: l }) => `${timestamp},${l.lat},${l.lng},${l.altitude},${l.speed},${l.heading}\n`).join('')}`

  test('a dry run changes nothing; the import does; a repeat does not', async () => {
    const counts = async (query: string) => {
      const { status, body } = await send('a', CSV, 'text/csv', query)
      assert.equal(status, 200, JSON.stringify(body))
      return [body.dryRun, body.format, body.imported, body.repeated, body.refused]
    }
    assert.deepEqual(await counts('?dryRun=true'), [true, 'csv', 1_000, 0, 0])
    assert.deepEqual((await history('a')).items, [])
    assert.deepEqual(await counts(''), [false, 'csv', 1_000, 0, 0])
    assert.deepEqual(
      (await history('a')).items,
      TRACK.map(fix => ({ ...fix, deviceId: 'a' })),
    )
    assert.deepEqual(await counts('?dryRun=true'), [true, 'csv', 0, 1_000, 0])
    assert.deepEqual(await counts(''), [false, 'csv', 0, 1_000, 0])
    const { items } = (await platform.call('GET', '/api/v1/admin/audit?action=history.import', { caller: ADMIN })).body
    assert.deepEqual(
      items.map(({ target, detail }: { target: string; detail: object }) => [target, detail]),
      [
        ['a', { format: 'csv', imported: 0, repeated: 1_000, refused: 0 }],
        ['a', { format: 'csv', imported: 1_000, repeated: 0, refused: 0 }],
      ],
    )
  })

  for (const type of [
    'application/gpx+xml',
    'application/vnd.google-earth.kml+xml',
    'text/csv',
    'application/geo+json',
  ]) {
    test(`what is exported as ${type} is imported as it was`, async () => {
      const exported = await history('a', type)
      const id = `copy-${type.replaceAll(/[^a-z]/g, '')}`
      await platform.call('POST', '/api/v1/devices', { caller: ADMIN, body: { id } })
      const body = typeof exported === 'string' ? exported : JSON.stringify(exported)
      const answer = await send(id, body, type)
      assert.deepEqual([answer.status, answer.body.imported], [200, 1_000], JSON.stringify(answer.body))
      assert.deepEqual(
        (await history(id)).items,
        TRACK.map(fix => ({ ...fix, deviceId: id })),
      )
    })
  }

  test('progress is told line by line, and at the end what came of it, be it an error', async () => {
    const lines = async (body: string, query = '') => {
      const headers = { 'content-type': 'application/octet-stream', accept: 'application/x-ndjson' }
      const answer = await platform.app.inject({
        method: 'POST',
        url: `/api/v1/devices/c/import${query}`,
        headers: { ...headers, authorization: `Bearer ${await platform.token(ADMIN)}` },
        payload: body,
      })
      assert.deepEqual([answer.statusCode, answer.headers['content-type']], [200, 'application/x-ndjson'])
      const lines = answer.body.trimEnd().split('\n')
      return lines.map(line => JSON.parse(line))
    }
    const many = Array.from({ length: 2_500 }, (_, i) => `${T0 + i * 1_000},10,20\n`).join('')
    const told = await lines(`timestamp_ms,lat,lon\n${many}`, '?dryRun=true')
    assert.ok(told.length >= 2)
    for (const { progress } of told.slice(0, -1)) assert.ok(progress.done <= progress.of && progress.of === 2_500)
    assert.deepEqual(told.at(-1), {
      result: { dryRun: true, format: 'csv', imported: 2_500, repeated: 0, repaired: 0, refused: 0, errors: [] },
    })
    const [{ problem }] = await lines('<gpx><trk>')
    assert.deepEqual([problem.code, problem.status, problem.errors[0].line], ['import_invalid', 422, 1])
    const refused = await platform.call('POST', '/api/v1/devices/nobody/import', {
      caller: ADMIN,
      body: CSV,
      headers: { 'content-type': 'text/csv', accept: 'application/x-ndjson' },
    })
    assert.equal(refused.status, 404, 'what is known before the file is read is a status')
  })

  test('bad places cost themselves alone, and the first hundred are told', async () => {
    const bad = Array.from({ length: 150 }, () => '1767225600000,100,2\n').join('')
    const { status, body } = await send(
      'b',
      `timestamp_ms,lat,lon\n${bad}1767225600000,1,2\n1767225601000,0,0\n99999999999999,1,2\n`,
      'text/csv',
    )
    assert.deepEqual([status, body.imported, body.refused, body.errors.length], [200, 1, 152, 100])
    assert.deepEqual(body.errors[0], {
      line: 2,
      code: 'import_invalid',
      message: 'line 2: the latitude "100" is not a number from -90 to 90',
    })
  })

  test('a file that breaks off changes nothing', async () => {
    const gpx = gpxOf(
      TRACK.map(
        ({ timestamp }) => `<trkpt lat="1" lon="2"><time>${new Date(timestamp).toISOString()}</time></trkpt>\n`,
      ).join(''),
    )
    const { status, body } = await send('c', gpx.slice(0, -20), 'application/octet-stream')
    assert.deepEqual([status, body.code], [422, 'import_invalid'])
    assert.match(body.detail, /line 1002/)
    assert.deepEqual((await history('c')).items, [])
  })

  const refusals: readonly [string, string, string | Buffer, string, number, string][] = [
    ['a picture', 'c', Buffer.from([0x89, 0x50, 0x4e, 0x47]), 'image/png', 415, 'media_type_unsupported'],
    ['points without times', 'c', gpxOf('<trkpt lat="1" lon="2"/>'), 'application/gpx+xml', 422, 'import_invalid'],
    ['a device that is not there', 'nobody', CSV, 'text/csv', 404, 'device_unknown'],
    ['more than the limit', 'c', Buffer.alloc(2 * 1_048_576 + 1, 'a'), 'text/csv', 413, 'payload_too_large'],
  ]
  for (const [name, device, body, type, status, code] of refusals) {
    test(`refused: ${name}`, async () => {
      const answer = await send(device, body, type)
      assert.deepEqual([answer.status, answer.body.code], [status, code])
    })
  }

  test('an import is evaluated as late fixes are', async () => {
    await platform.call('PUT', '/api/v1/fences/home', { caller: ADMIN, body: square('home', 50, 50) })
    await platform.call('POST', '/api/v1/devices', { caller: ADMIN, body: { id: 'late' } })
    const csv = `timestamp_ms,lat,lon\n${[49, 50, 49].map((lat, i) => `${Date.now() - 60_000 + i * 10_000},${lat},50\n`).join('')}`
    assert.equal((await send('late', csv, 'text/csv')).body.imported, 3)
    const { items } = (await platform.call('GET', '/api/v1/alerts?deviceId=late', { caller: ADMIN })).body
    assert.deepEqual(items.map(({ event }: { event: string }) => event).sort(), ['enter', 'exit'])
  })
})
