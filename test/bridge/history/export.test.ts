import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { XMLParser, XMLValidator } from 'fast-xml-parser'
import { readerOfKind } from '../../../bridge/history/import/track-kind.ts'
import { readHistory } from '../../../bridge/history/read-history.ts'
import { nmea } from '../../../bridge/history/write-nmea.ts'
import { xmlDecimal, xmlText } from '../../../bridge/history/xml-text.ts'
import { historyRoutes } from '../../../bridge/http/routes/history.ts'
import { compileCheck } from '../../../bridge/http/schema-checks.ts'
import { simplifyTrack } from '../../../geofence-engine/index.ts'
import { ADMIN, GATEWAY, type HttpPlatform, startHttpPlatform } from '../http/http-platform.ts'

const T0 = Date.UTC(2026, 0, 1)
const COUNT = 2_500
const GPX = 'application/gpx+xml'
const KML = 'application/vnd.google-earth.kml+xml'

describe('the history as files', () => {
  let platform: HttpPlatform
  const track = Array.from({ length: COUNT }, (_, i) => ({
    deviceId: 'van:1',
    timestamp: T0 + i * 1_000,
    location: { lat: 41 + i / 100_000, lng: Math.sin(i / 40) / 1_000, ...(i % 2 === 0 && { altitude: i, speed: 1.5 }) },
  }))
  const odd = {
    deviceId: 'van:1',
    timestamp: T0 + COUNT * 1_000 + 123,
    location: { lat: 1e-7, lng: 180, heading: 360, accuracy: 4, altitude: -3.5 },
    userId: 'u1',
    metadata: { battery: 42, activity: '=HYPERLINK("x")' },
    attributes: { note: 'a,"b"\nc' },
  }

  before(async () => {
    platform = await startHttpPlatform()
    await platform.call('POST', '/api/v1/devices', {
      caller: ADMIN,
      body: { id: 'van:1', name: '<Anna & "Co">\u0001' },
    })
    await platform.call('POST', '/api/v1/devices', { caller: ADMIN, body: { id: 'silent' } })
    const all = [...track, odd]
    for (let i = 0; i < all.length; i += 1_000) {
      const answer = await platform.call('POST', '/api/tracking/batch', {
        caller: GATEWAY,
        body: all.slice(i, i + 1_000),
      })
      assert.deepEqual(answer.body.refused, [])
    }
  })
  after(() => platform.close())

  const get = (accept: string, query = '', device = 'van:1') =>
    platform.call('GET', `/api/v1/devices/${device}/history${query}`, { caller: ADMIN, headers: { accept } })
  const parse = (xml: string) => {
    assert.equal(XMLValidator.validate(xml), true)
    return new XMLParser({ ignoreAttributes: false, parseTagValue: false, isArray: name => name === 'gx:Track' }).parse(
      xml,
    )
  }

  test('GPX 1.1 has every fix with time, elevation, speed, course and accuracy', async () => {
    const { status, headers, body } = await get(GPX)
    assert.equal(status, 200)
    assert.match(String(headers['content-type']), /^application\/gpx\+xml/)
    assert.equal(headers['content-disposition'], 'attachment; filename="van_1-history.gpx"')
    assert.match(String(headers.vary), /accept/)
    const { gpx } = parse(body)
    assert.equal(gpx['@_version'], '1.1')
    assert.equal(gpx.trk.name, '<Anna & "Co">\ufffd')
    const points = gpx.trk.trkseg.trkpt
    assert.equal(points.length, COUNT + 1)
    for (const [i, { timestamp, location }] of track.entries()) {
      const point = points[i]
      assert.deepEqual(
        [Number(point['@_lat']), Number(point['@_lon']), Date.parse(point.time)],
        [location.lat, location.lng, timestamp],
      )
    }
    assert.equal(points[2].ele, '2')
    assert.equal(points[2].extensions['gpxtpx:TrackPointExtension']['gpxtpx:speed'], '1.5')
    assert.equal(points[1].extensions, undefined)
    const last = points.at(-1)
    // xsd:decimal has no exponent; longitudes and courses of GPX end before 180 and 360.
    assert.deepEqual([last['@_lat'], last['@_lon'], last.ele], ['0.0000001', '-180', '-3.5'])
    assert.equal(last.extensions['gpxtpx:TrackPointExtension']['gpxtpx:course'], '0')
    assert.equal(last.extensions['tw:accuracy'], '4')
    assert.equal(last.time, '2026-01-01T00:41:40.123Z')
  })

  test('KML has the times, then the places of each track', async () => {
    const { headers, body } = await get(KML)
    assert.equal(headers['content-disposition'], 'attachment; filename="van_1-history.kml"')
    const tracks = parse(body).kml.Document.Placemark['gx:MultiTrack']['gx:Track']
    const times = tracks.flatMap((each: { when: string[] }) => each.when)
    const places = tracks.flatMap((each: { 'gx:coord': string[] }) => each['gx:coord'])
    assert.deepEqual([times.length, places.length], [COUNT + 1, COUNT + 1])
    assert.deepEqual([times[2], places[2]], ['2026-01-01T00:00:02.000Z', `${track[2]!.location.lng} 41.00002 2`])
    assert.equal(places[1].split(' ').length, 2, 'no altitude is made up')
    for (const each of tracks) {
      assert.ok(body.indexOf('</when>') < body.indexOf('<gx:coord>'))
      for (const array of each.ExtendedData.SchemaData['gx:SimpleArrayData']) {
        assert.equal(array['gx:value'].length, each.when.length)
      }
    }
  })

  test('CSV has units in its names, and nothing that a spreadsheet would run', async () => {
    const { headers, body } = await get('text/csv')
    assert.match(String(headers['content-type']), /^text\/csv/)
    const lines = body.split('\r\n')
    assert.equal(
      lines[0],
      'device_id,time,timestamp_ms,latitude_deg,longitude_deg,altitude_m,speed_mps,heading_deg,accuracy_m,user_id,battery_percent,metadata,attributes',
    )
    assert.equal(lines[1], `van:1,2026-01-01T00:00:00.000Z,${T0},41,0,0,1.5,,,,,,`)
    assert.equal(lines.length, COUNT + 3)
    assert.match(lines.at(-2)!, /^van:1,.*,360,4,u1,42,"\{""activity"":""=HYPERLINK/)
  })

  test('NMEA has RMC and GGA of each fix, as an import reads them; format goes before Accept', async () => {
    const { status, headers, body } = await get(GPX, '?format=nmea')
    assert.equal(status, 200)
    assert.match(String(headers['content-type']), /^text\/nmea/)
    assert.equal(headers['content-disposition'], 'attachment; filename="van_1-history.nmea"')
    const lines = body.split('\r\n')
    assert.equal(lines.length, 1 + 2 * (COUNT + 1) + 1)
    assert.equal(lines[1], '$GPRMC,000000.000,A,4100.000000,N,00000.000000,E,2.916,,010126,,,A*4D')
    assert.equal(lines[2], '$GPGGA,000000.000,4100.000000,N,00000.000000,E,1,,,0.00,M,,M,,*59')
    const reader = readerOfKind('nmea')
    const found = [...reader.push(body), ...reader.end()]
    assert.equal(found.length, COUNT + 1)
    for (const [i, { timestamp, location }] of [...track, odd].entries()) {
      const item = found[i]!
      assert.ok('fix' in item, JSON.stringify(item))
      assert.equal(item.fix.timestamp, timestamp)
      assert.ok(Math.abs(item.fix.location.lat - location.lat) < 2e-8, `latitude of ${i}`)
      assert.ok(Math.abs(item.fix.location.lng - location.lng) < 2e-8, `longitude of ${i}`)
      assert.equal(item.fix.location.altitude, location.altitude)
    }
    assert.equal((await get('*/*', '?format=geojson&limit=1')).body.type, 'FeatureCollection')
    assert.equal((await get('*/*', '?format=pdf')).status, 400)
  })

  test('NMEA of a fix a day, at the same time of day, is a fix a day', async () => {
    const days = [0, 1, 2].map(day => ({
      timestamp: T0 + day * 86_400_000,
      location: { lat: -1.99999999999, lng: -0.5, speed: 10 },
    }))
    let text = ''
    for await (const piece of nmea.write(Readable.from([days]), { deviceId: 'a', name: null })) text += piece
    assert.match(text, /,0200\.000000,S,00030\.000000,W,19\.438,/, 'sixty minutes are a degree')
    const reader = readerOfKind('nmea')
    const times = [...reader.push(text), ...reader.end()].map(item => 'fix' in item && item.fix.timestamp)
    assert.deepEqual(
      times,
      days.map(({ timestamp }) => timestamp),
    )
  })

  test('a limit makes the file a page, and a Link leads to the next', async () => {
    const seen: string[] = []
    let url: string | undefined = '/api/v1/devices/van:1/history?limit=1000'
    let pages = 0
    while (url !== undefined) {
      const { headers, body } = await platform.call('GET', url, { caller: ADMIN, headers: { accept: 'text/csv' } })
      seen.push(...body.trimEnd().split('\r\n').slice(1))
      url = /<([^>]+)>; rel="next"/.exec(String(headers.link ?? ''))?.[1]
      pages += 1
    }
    assert.deepEqual([pages, seen.length, new Set(seen).size], [3, COUNT + 1, COUNT + 1])
  })

  test('a device without fixes gives a file without fixes', async () => {
    assert.equal(parse((await get(GPX, '', 'silent')).body).gpx.trk.trkseg, '')
    assert.ok('kml' in parse((await get(KML, '', 'silent')).body))
    assert.equal((await get('text/csv', '', 'silent')).body.split('\r\n').length, 2)
  })

  test('a range is a range in every form', async () => {
    const query = `?from=${T0 + 10_000}&to=${T0 + 20_000}`
    assert.equal(parse((await get(GPX, query)).body).gpx.trk.trkseg.trkpt.length, 10)
    assert.equal((await get('application/json', query)).body.items.length, 10)
  })

  for (const [accept, type] of [
    ['*/*', 'application/json'],
    ['text/html, */*;q=0.8', 'application/json'],
    ['application/*', 'application/json'],
    ['application/json, application/geo+json', 'application/geo+json'],
    ['text/csv;q=0.4, application/gpx+xml;q=0.9', GPX],
    ['text/*', 'text/csv'],
    ['application/json;q=0, */*', 'application/geo+json'],
  ] as const) {
    test(`Accept: ${accept} gets ${type}`, async () => {
      const { headers } = await get(accept, '?limit=1')
      assert.ok(String(headers['content-type']).startsWith(type), String(headers['content-type']))
    })
  }

  test('a form that there is not is 406, and the forms are named', async () => {
    const { status, body } = await get('application/pdf')
    assert.deepEqual([status, body.code], [406, 'not_acceptable'])
    assert.match(body.detail, /application\/gpx\+xml/)
  })

  test('a device of others is unknown in every form', async () => {
    const caller = { role: 'user' as const, devices: ['silent'] }
    for (const accept of [GPX, KML, 'text/csv', 'application/json']) {
      const { status } = await platform.call('GET', '/api/v1/devices/van:1/history', { caller, headers: { accept } })
      assert.equal(status, 404)
    }
  })

  test('simplified pages join to a track that keeps its ends, each gap within the tolerance', async () => {
    const seen: { timestamp: number }[] = []
    for (let query = '?simplify=20&limit=7'; ; ) {
      const { body } = await get('application/json', query)
      assert.ok(body.items.length <= 7)
      seen.push(...body.items)
      if (body.next === null) break
      query = `?simplify=20&limit=7&cursor=${body.next}`
    }
    const all = [...track, odd]
    const kept = seen.map(({ timestamp }) => all.findIndex(fix => fix.timestamp === timestamp))
    assert.deepEqual([kept[0], kept.at(-1)], [0, COUNT])
    assert.ok(kept.length < COUNT / 5, `${kept.length} of ${COUNT}`)
    for (const [i, first] of kept.slice(0, -1).entries()) {
      const between = all.slice(first, kept[i + 1]! + 1).map(({ location }) => location)
      assert.equal(simplifyTrack(between, 20.5).length, 2, `between ${first} and ${kept[i + 1]}`)
    }
    const whole = parse((await get(GPX, '?simplify=20')).body).gpx.trk.trkseg.trkpt
    assert.ok(Math.abs(whole.length - kept.length) < 30)
  })

  test('windows of any size give the same fixes, and simplified ones keep to the tolerance where they meet', async () => {
    const question = { org: 'demo', deviceId: 'van:1' }
    for (const simplifyMeters of [0, 20]) {
      const times: number[] = []
      for await (const rows of readHistory(platform.db, { ...question, simplifyMeters }, 100)) {
        times.push(...rows.map(row => row.fix_time))
      }
      assert.equal(new Set(times).size, times.length)
      assert.deepEqual([times[0], times.at(-1)], [T0, odd.timestamp])
      if (simplifyMeters === 0) assert.equal(times.length, COUNT + 1)
    }
  })

  for (const simplify of ['-1', 'far', '100001']) {
    test(`simplify=${simplify} is refused`, async () => {
      assert.equal((await get('application/json', `?simplify=${simplify}`)).body.code, 'request_invalid')
    })
  }
})

test('a range that is too large for a file is refused, not cut', async () => {
  const { default: Fastify } = await import('fastify')
  const platform = await startHttpPlatform()
  try {
    await platform.call('POST', '/api/v1/devices', { caller: ADMIN, body: { id: 'd' } })
    const body = [0, 1, 2].map(i => ({ deviceId: 'd', timestamp: T0 + i, location: { lat: 1, lng: 1 } }))
    await platform.call('POST', '/api/tracking/batch', { caller: GATEWAY, body })
    const app = Fastify()
    app.setValidatorCompiler(compileCheck)
    app.setSerializerCompiler(() => value => JSON.stringify(value))
    app.decorateRequest('principal', null)
    app.addHook('onRequest', async request => {
      request.principal = await platform.tokens.verify(await platform.token(ADMIN))
    })
    historyRoutes(app as never, { db: platform.db, maxFileFixes: 2 })
    const get = (query: string) =>
      app.inject({ url: `/api/v1/devices/d/history${query}`, headers: { accept: 'text/csv' } })
    assert.match((await get('')).json().message, /more than 2 fixes/)
    assert.equal((await get('?limit=2')).statusCode, 200)
    assert.equal((await get(`?to=${T0 + 2}`)).statusCode, 200)
    await app.close()
  } finally {
    await platform.close()
  }
})

test('text and numbers as XML has them', () => {
  assert.equal(xmlText('a\u0000b\ud800c<\u{1f600}'), 'a\ufffdb\ufffdc&lt;\u{1f600}')
  assert.deepEqual([1e21, -1.5e-7, 0.1, -180, 1e-9].map(xmlDecimal), [
    '1000000000000000000000',
    '-0.00000015',
    '0.1',
    '-180',
    '0.000000001',
  ])
})
