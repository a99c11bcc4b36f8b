import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { type RunningPlatform, startTestPlatform } from '../support/platform.ts'
import { type TestScope, temporaryFolder } from '../support/scope.ts'
import { SQUARE, walkCrossings, walkFix } from '../support/square-walk.ts'
import { trackwire } from '../support/trackwire-command.ts'

const START = Date.UTC(2026, 0, 5, 12)
const COUNT = 30

async function platformWithWalk(t: TestScope): Promise<RunningPlatform> {
  const platform = await startTestPlatform(t)
  const admin = { role: 'admin', sub: 'boss' } as const
  await platform.request('/api/v1/fences', { ...admin, body: SQUARE })
  const updates = Array.from({ length: COUNT }, (_, n) => walkFix(n, START))
  const sent = await platform.request('/api/tracking/batch', {
    role: 'device',
    sub: 'truck-1',
    body: updates.map(fix => ({ ...fix, deviceId: 'truck-1' })),
  })
  assert.equal(sent.status, 202)
  return platform
}

const FIRST_LINES = [
  '2026-01-05 14:00:00  truck-1  enter   Square  0.01000, 0.01000',
  '2026-01-05 14:00:01  truck-1  exit    Square  0.01000, 0.03000',
]

test('replay prints the same beside a running platform and without one, and changes nothing', async t => {
  const platform = await platformWithWalk(t)
  const run = (...args: string[]) =>
    trackwire(t, ['replay', '--device', 'truck-1', '--time-zone', 'Europe/Helsinki', ...args], {
      TRACKWIRE_DATA: platform.dataDirectory,
    })
  const beside = await run()
  assert.equal(beside.code, 0, beside.stderr)
  const lines = beside.stdout.trimEnd().split('\n')
  assert.equal(lines.length, walkCrossings(COUNT, START).length)
  assert.deepEqual(lines.slice(0, 2), FIRST_LINES)
  assert.equal(beside.stderr, `${COUNT} fixes of 1 device, 4 events\n`)
  assert.deepEqual(await run(), beside, 'twice is the same')
  const unknown = await trackwire(t, ['replay', '--device', 'nobody'], { TRACKWIRE_DATA: platform.dataDirectory })
  assert.equal(unknown.code, 1)
  assert.match(unknown.stderr, /^trackwire: the platform at \S+ refused: no device nobody is registered[^\n]*\n$/)
  assert.equal(await platform.stop(), 0)
  assert.deepEqual(await run(), beside, 'the stopped platform gives the same')
})

test('replay --compare tries changed fences on what was announced', async t => {
  const platform = await platformWithWalk(t)
  const folder = await temporaryFolder(t)
  const file = join(folder, 'changed.geojson')
  const changed = { ...SQUARE, properties: { name: 'Square', events: ['enter'] } }
  await writeFile(file, JSON.stringify({ type: 'FeatureCollection', features: [changed] }))
  const compare = ['replay', '--device', 'truck-1', '--fences', file, '--compare', '--time-zone', 'UTC']
  const environment = { TRACKWIRE_DATA: platform.dataDirectory }
  const text = await trackwire(t, compare, environment)
  assert.deepEqual(text.stdout.trimEnd().split('\n'), [
    '- 2026-01-05 12:00:01  truck-1  exit    Square  0.01000, 0.03000',
    '- 2026-01-05 12:00:02  truck-1  exit    Square  0.01000, 0.03000',
  ])
  assert.match(text.stderr, /as announced: 2, gone: 2, new: 0/)
  const json = JSON.parse((await trackwire(t, [...compare, '--format', 'json'], environment)).stdout)
  assert.deepEqual([json.comparison.same, json.comparison.gone.length, json.comparison.added], [2, 2, []])
  assert.equal(json.events.length, 2)
  await platform.stop()
})

test('replay runs tracks from files, of one device or several, named or not', async t => {
  const folder = await temporaryFolder(t)
  const at = (name: string) => join(folder, name)
  await writeFile(at('fences.geojson'), JSON.stringify({ type: 'FeatureCollection', features: [SQUARE] }))
  const rows = Array.from({ length: COUNT }, (_, n) => walkFix(n, START))
  const csv = ['a', 'b'].flatMap(id =>
    rows.map(({ timestamp, location }) => `${id},${timestamp},${location.lat},${location.lng}`),
  )
  await writeFile(at('two.csv'), ['device,timestamp_ms,lat,lon', ...csv].join('\n'))
  await writeFile(at('one.jsonl'), rows.map(fix => JSON.stringify({ ...fix, deviceId: 'x' })).join('\n'))
  const points = rows.map(
    ({ timestamp, location }) =>
      `<trkpt lat="${location.lat}" lon="${location.lng}"><time>${new Date(timestamp).toISOString()}</time></trkpt>`,
  )
  await writeFile(
    at('walk.gpx'),
    `<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>${points.join('')}</trkseg></trk></gpx>`,
  )
  const run = async (...args: string[]) => {
    const outcome = await trackwire(
      t,
      ['replay', '--fences', at('fences.geojson'), '--format', 'json', ...args],
      {},
      folder,
    )
    assert.equal(outcome.code, 0, outcome.stderr)
    const { events } = JSON.parse(outcome.stdout) as { events: { deviceId: string }[] }
    return [...new Set(events.map(({ deviceId }) => deviceId))].map(
      id => `${id} ${events.filter(({ deviceId }) => deviceId === id).length}`,
    )
  }
  assert.deepEqual(await run('--track', at('two.csv')), ['a 4', 'b 4'])
  assert.deepEqual(await run('--track', at('two.csv'), '--device', 'b'), ['b 4'])
  assert.deepEqual(await run('--track', at('one.jsonl'), '--device', 'truck-1'), ['truck-1 4'])
  assert.deepEqual(await run('--track', at('walk.gpx')), ['walk 4'])
  const missing = await trackwire(t, ['replay', '--track', at('two.csv'), '--device', 'c'], {}, folder)
  assert.deepEqual([missing.code, missing.stdout], [2, ''])
  assert.match(missing.stderr, /has no track of c; it has a, b/)
  await writeFile(at('broken.jsonl'), '{"timestamp":1}\nnonsense\n')
  const broken = await trackwire(t, ['replay', '--track', at('broken.jsonl')], {}, folder)
  assert.deepEqual([broken.code, broken.stderr], [2, 'trackwire: broken.jsonl, line 2: not a LocationUpdate as JSON\n'])
})

test('explain prints the same sentences beside a running platform and without one', async t => {
  const platform = await platformWithWalk(t)
  const run = (...args: string[]) =>
    trackwire(
      t,
      ['explain', '--device', 'truck-1', '--from', '2026-01-05T12:00:00Z', '--to', '2026-01-05T13:00:00Z', ...args],
      {
        TRACKWIRE_DATA: platform.dataDirectory,
      },
    )
  const beside = await run()
  assert.equal(beside.code, 0, beside.stderr)
  const lines = beside.stdout.trimEnd().split('\n')
  assert.equal(lines.length, walkCrossings(COUNT, START).length)
  assert.match(lines[0]!, /^2026-01-05 12:00:00 UTC enter of Square was announced: \d+ m inside the border: /)
  assert.equal(beside.stderr, '')
  const json = JSON.parse((await run('--format', 'json', '--fence', 'square', '--time-zone', 'Asia/Kolkata')).stdout)
  assert.equal(json.items.length, lines.length)
  assert.match(json.items[0].text, /^2026-01-05 17:30:00 \(12:00:00 UTC\) enter/)
  const none = await run('--fence', 'elsewhere')
  assert.deepEqual([none.code, none.stdout], [0, ''])
  assert.match(none.stderr, /nothing was decided in that time/)
  assert.equal(await platform.stop(), 0)
  assert.deepEqual(await run(), beside)
})
