import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { startTestPlatform } from '../support/platform.ts'
import { temporaryFolder } from '../support/scope.ts'
import { trackwire } from '../support/trackwire-command.ts'

test('import works beside a running platform and without one', async t => {
  const platform = await startTestPlatform(t)
  await platform.request('/api/v1/devices', { role: 'admin', sub: 'boss', body: { id: 'truck-1' } })
  const folder = await temporaryFolder(t)
  const write = async (name: string, minutes: readonly number[]) => {
    const path = join(folder, name)
    const rows = minutes.map(minute => `2026-01-05T12:${String(minute).padStart(2, '0')}:00Z,41,2\n`)
    await writeFile(path, `time,lat,lon\n${rows.join('')}2026-01-05T13:00:00Z,,2\n`)
    return path
  }
  const run = (file: string, ...more: string[]) =>
    trackwire(t, ['import', file, '--device', 'truck-1', ...more], { TRACKWIRE_DATA: platform.dataDirectory })
  const first = await write('first.csv', [1, 2, 3])
  const tried = await run(first, '--dry-run')
  assert.equal(tried.code, 0, tried.stderr)
  assert.equal(tried.stdout, 'csv: would be imported 3, there already 0, left out 1\n')
  assert.match(tried.stderr, /left out: line 5: has no latitude/)
  assert.equal((await run(first)).stdout, 'csv: imported 3, there already 0, left out 1\n')
  const broken = join(folder, 'broken.gpx')
  await writeFile(broken, '<gpx><trk>')
  const refused = await run(broken)
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /the gpx file cannot be read: line 1: the file ends before <\/trk>/)

  assert.equal(await platform.stop(), 0)
  const second = await write('second.csv', [3, 4, 5])
  const alone = await run(second)
  assert.equal(alone.code, 0, alone.stderr)
  assert.equal(alone.stdout, 'csv: imported 2, there already 1, left out 1\n')
  assert.equal((await run(broken)).code, 1)
  assert.match((await run(second, '--device', 'nobody')).stderr, /no device nobody is registered/)
})
