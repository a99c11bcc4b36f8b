import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { TrackwireError } from '../../contract/index.ts'
import { readTrackFile, type TrackPoint } from '../../firmware-sim/index.ts'

async function read(t: TestContext, name: string, content: string | Uint8Array): Promise<Map<string, TrackPoint[]>> {
  const folder = await mkdtemp(join(tmpdir(), 'track-file-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, name)
  await writeFile(path, content)
  return readTrackFile(path)
}

const CSV = 'device,timestamp_ms,lat,lon,speed_mps,heading,altitude,accuracy,trip\n'
const gpx = (inner: string) => `<gpx version="1.1"><trk><trkseg>${inner}</trkseg></trk></gpx>`
const line = (coordinates: unknown, properties: object = {}, type = 'LineString') =>
  JSON.stringify({ type: 'Feature', properties, geometry: { type, coordinates } })

describe('what the readers take', () => {
  const point = { timestampMs: 1_700_000_000_000, lat: 41.15, lng: -8.61 }
  const second = { timestampMs: 1_700_000_010_000, lat: 41.16, lng: -8.62 }
  const cases: [name: string, file: string, content: string | Uint8Array, expected: Record<string, TrackPoint[]>][] = [
    [
      'CSV with the columns of the shared traces',
      'a.csv',
      `${CSV}taxi-1,1700000000000,41.15,-8.61,13.9,270,92,6,t1\ntaxi-2,1700000010000,41.16,-8.62,,,,,\n`,
      { 'taxi-1': [{ ...point, speed: 13.9, heading: 270, altitude: 92, accuracy: 6 }], 'taxi-2': [second] },
    ],
    [
      'CSV with other names, semicolons, seconds, CRLF, a byte order mark and no device',
      'my walk.csv',
      '\uFEFFTime;Latitude;Longitude\r\n1700000000;41.15;-8.61\r\n\r\n1700000010;41.16;-8.62\r\n',
      { 'my-walk': [point, second] },
    ],
    [
      'CSV with quoted fields, ISO times without a zone (UTC) and km/h',
      'a.csv',
      'name,datetime,lat,lng,speed_kmh\n"a ""b"", c",2023-11-14 22:13:20,41.15,-8.61,36\n',
      { a: [{ ...point, speed: 10 }] },
    ],
    ['CSV in gzip', 'b.csv.gz', gzipSync(`${CSV}x,1700000000000,41.15,-8.61,,,,,\n`), { x: [point] }],
    ['CSV whose unknown speed is -1', 'a.csv', 'lat,lon,speed\n41.15,-8.61,-1\n', { a: [{ lat: 41.15, lng: -8.61 }] }],
    [
      'GPX tracks, segment after segment',
      'a.gpx',
      gpx(
        '<trkpt lat="41.15" lon="-8.61"><ele>5</ele><time>2023-11-14T22:13:20Z</time></trkpt></trkseg><trkseg/><trkseg><trkpt lat="41.16" lon="-8.62"><time>2023-11-14T22:13:30Z</time></trkpt>',
      ),
      { a: [{ ...point, altitude: 5 }, second] },
    ],
    [
      'GPX routes when there is no track, with a namespace prefix',
      'a.gpx',
      '<g:gpx xmlns:g="http://www.topografix.com/GPX/1/1"><g:rte><g:rtept lat="41.15" lon="-8.61"/></g:rte></g:gpx>',
      { a: [{ lat: 41.15, lng: -8.61 }] },
    ],
    [
      'GPX 1.1 with speed in an extension',
      'a.gpx',
      gpx(
        '<trkpt lat="41.15" lon="-8.61"><extensions><x:TrackPointExtension xmlns:x="y"><x:speed>3</x:speed></x:TrackPointExtension></extensions></trkpt>',
      ),
      { a: [{ lat: 41.15, lng: -8.61, speed: 3 }] },
    ],
    [
      'a LineString with coordTimes',
      'a.geojson',
      line(
        [
          [-8.61, 41.15],
          [-8.62, 41.16],
        ],
        { deviceId: 'd', coordTimes: ['2023-11-14T22:13:20Z', '2023-11-14T22:13:30Z'] },
      ),
      { d: [point, second] },
    ],
    [
      'a MultiLineString with times per line, altitudes, and no feature around it',
      'a.json',
      line([[[-8.61, 41.15, 5]], [[-8.62, 41.16]]], { times: [[1_700_000_000], [1_700_000_010]] }, 'MultiLineString'),
      { a: [{ ...point, altitude: 5 }, second] },
    ],
    [
      'Points with timestamps, in the order of time',
      'a.geojson',
      JSON.stringify({
        type: 'FeatureCollection',
        features: [
          {
            type: 'Feature',
            properties: { timestamp: 1_700_000_010_000 },
            geometry: { type: 'Point', coordinates: [-8.62, 41.16] },
          },
          {
            type: 'Feature',
            properties: { timestamp: 1_700_000_000_000, speed: 2 },
            geometry: { type: 'Point', coordinates: [-8.61, 41.15] },
          },
          { type: 'Feature', properties: {}, geometry: { type: 'Polygon', coordinates: [] } },
          { type: 'Feature', properties: null, geometry: null },
        ],
      }),
      { a: [{ ...point, speed: 2 }, second] },
    ],
    [
      'a bare geometry',
      'a.geojson',
      '{"type":"LineString","coordinates":[[-8.61,41.15]]}',
      { a: [{ lat: 41.15, lng: -8.61 }] },
    ],
  ]
  for (const [name, file, content, expected] of cases) {
    test(name, async t => assert.deepEqual(Object.fromEntries(await read(t, file, content)), expected))
  }
})

describe('what the readers refuse, and how they say it', () => {
  const cases: [name: string, file: string, content: string | Uint8Array, fault: string, message: RegExp][] = [
    ['a file of another kind', 'a.kml', '<kml/>', 'unknown-format', /a\.kml: the name must end in \.csv/],
    ['an empty CSV', 'a.csv', '\n\n', 'empty', /a\.csv: the file is empty/],
    ['a CSV with a header alone', 'a.csv', CSV, 'empty', /a header but no row/],
    ['a CSV without latitudes', 'a.csv', 'time,lon\n1,2\n', 'column-missing', /line 1: no column named lat, latitude/],
    ['a latitude that is a word', 'a.csv', `${CSV}x,1,north,-8.6,,,,,\n`, 'value-invalid', /line 2: lat is "north"/],
    ['an empty longitude', 'a.csv', `${CSV}x,1,41,,,,,,\n`, 'value-invalid', /line 2: the longitude is empty/],
    [
      'a latitude beyond the pole',
      'a.csv',
      `${CSV}x,1,41,2,,,,,\nx,2,91,2,,,,,\n`,
      'out-of-range',
      /line 3: latitude 91/,
    ],
    ['a time that is none', 'a.csv', `${CSV}x,noon,41,2,,,,,\n`, 'value-invalid', /line 2: "noon" is not a time/],
    ['a gzip that is none', 'a.csv.gz', 'lat,lon\n', 'unreadable', /is not a gzip file/],
    ['bytes that are no text', 'a.csv', Uint8Array.of(0xc3, 0x28, 0xff), 'unreadable', /neither UTF-8 nor UTF-16/],
    ['XML cut off in the middle', 'a.gpx', '<gpx><trk>\n<trkseg>', 'syntax', /a\.gpx, line \d+: not well-formed XML/],
    ['XML that is no GPX', 'a.gpx', '<kml></kml>', 'syntax', /root element is not <gpx>/],
    ['text that is no XML', 'a.gpx', 'hello', 'syntax', /not well-formed XML|root element/],
    ['an empty GPX', 'a.gpx', '<gpx></gpx>', 'empty', /no <trkpt> and no <rtept>/],
    ['GPX with way points alone', 'a.gpx', '<gpx><wpt lat="1" lon="2"/></gpx>', 'empty', /way points alone/],
    [
      'a track point without a longitude',
      'a.gpx',
      gpx('<trkpt lat="1"/>'),
      'value-invalid',
      /point 1 has no readable lat/,
    ],
    ['a track point off the earth', 'a.gpx', gpx('<trkpt lat="1" lon="181"/>'), 'out-of-range', /longitude 181/],
    [
      'a GPX time that is none',
      'a.gpx',
      gpx('<trkpt lat="1" lon="2"><time>x</time></trkpt>'),
      'value-invalid',
      /point 1: "x" is not a time/,
    ],
    [
      'entities, which blow up readers',
      'a.gpx',
      `<!DOCTYPE gpx [<!ENTITY a "aaaa">]><gpx>&a;</gpx>`,
      'syntax',
      /may not have a DOCTYPE/,
    ],
    ['JSON with a comma too many', 'a.geojson', '{"type":"Feature",\n}', 'syntax', /a\.geojson.*not JSON/],
    ['a JSON list', 'a.json', '[]', 'syntax', /is an object/],
    ['JSON of another kind', 'a.json', '{"type":"Topology"}', 'syntax', /"Topology" is not GeoJSON/],
    ['a collection without features', 'a.json', '{"type":"FeatureCollection"}', 'syntax', /no list of features/],
    ['an empty collection', 'a.json', '{"type":"FeatureCollection","features":[]}', 'empty', /no LineString/],
    ['a position of words', 'a.geojson', line([['a', 'b']]), 'value-invalid', /feature 1, position 1 is not/],
    [
      'latitude before longitude, found out by its size',
      'a.geojson',
      line([[41, 141]]),
      'out-of-range',
      /latitude 141/,
    ],
    [
      'fewer times than positions',
      'a.geojson',
      line(
        [
          [1, 2],
          [3, 4],
        ],
        { times: [1] },
      ),
      'value-invalid',
      /2 positions but 1 times/,
    ],
    ['coordinates that are no list', 'a.geojson', line(7), 'syntax', /feature 1: the coordinates of a LineString/],
  ]
  for (const [name, file, content, fault, message] of cases) {
    test(name, async t => {
      await assert.rejects(read(t, file, content), error => {
        assert.ok(error instanceof TrackwireError)
        assert.equal(error.details?.fault, fault)
        assert.match(error.message, message)
        return true
      })
    })
  }

  test('a file that is not there', async () => {
    await assert.rejects(readTrackFile('no/such.csv'), /no\/such\.csv: cannot be read \(ENOENT\)/)
  })
})

describe('real files', () => {
  const data = process.env.TRACKWIRE_TEST_DATA
  const skip = data === undefined ? 'set TRACKWIRE_TEST_DATA to the folder of the shared data' : false
  /** Files without any track or route point, by the fault they are refused with. */
  const REFUSED: Readonly<Record<string, string>> = {
    'gh-no_trk.gpx': 'empty',
    'gh-no_trkpt.gpx': 'empty',
    'gh-no_trkseg.gpx': 'empty',
    'gpxpy-gpx1.1_with_extensions_without_namespaces.gpx': 'empty',
    'gpxpy-unicode.gpx': 'empty',
    'gpxpy-unicode_with_bom_noencoding.gpx': 'empty',
  }

  test('every GPX file is read, or refused with a code', { skip }, async () => {
    const folder = join(data!, 'gpx')
    const files = await readdir(folder)
    assert.ok(files.length >= 20)
    for (const file of files) {
      try {
        const [points] = [...(await readTrackFile(join(folder, file))).values()]
        assert.ok(points!.length > 0, file)
      } catch (error) {
        assert.ok(error instanceof TrackwireError, `${file}: ${error}`)
        assert.equal(error.details?.fault, REFUSED[file], `${file}: ${error.message}`)
      }
    }
  })

  const TRACES = {
    'porto-taxi': [170, 15_010],
    'helsinki-phones': [5, 4_424],
    'aracaju-gotrack': [17, 12_642],
  } as const
  for (const [name, [devices, fixes]] of Object.entries(TRACES)) {
    test(`the traces of ${name} have as many devices and fixes as their table says`, { skip }, async () => {
      const tracks = await readTrackFile(join(data!, 'traces', `${name}.csv.gz`))
      assert.equal(tracks.size, devices)
      assert.equal(
        [...tracks.values()].reduce((sum, points) => sum + points.length, 0),
        fixes,
      )
    })
  }
})
