import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runDuties } from '../../../bridge/ingest/housekeeping.ts'
import { insertFixes } from '../../../bridge/store/fixes.ts'
import { DAY_MS, openDayPartitions } from '../../../bridge/store/partitions.ts'
import { silent, withPglite } from '../../support/databases.ts'

const HOUR_MS = 3_600_000

test('a fix beyond the retention is kept until the next clean-up: once a day, never in the first hour', async t => {
  const db = await withPglite(t)
  const startedAt = Date.UTC(2026, 0, 10)
  const partitions = await openDayPartitions(db, 2)
  const storeOldFix = (): Promise<number[]> =>
    insertFixes(db, [
      {
        org: 'demo',
        deviceId: 'truck',
        receivedAt: startedAt,
        fix: { timestamp: startedAt - 5 * DAY_MS, location: { lat: 1, lng: 1 } },
      },
    ])
  const isKept = async (): Promise<boolean> => (await db.query('select 1 from fixes')).length === 1
  const dutiesAt = async (nowMs: number, start = startedAt): Promise<boolean> => {
    await runDuties({ db, logger: silent, now: () => nowMs, partitions, retentionRawDays: 2 }, start)
    return isKept()
  }

  await storeOldFix()
  assert.equal(await dutiesAt(startedAt + HOUR_MS - 1), true, 'in the first hour')
  assert.equal(await dutiesAt(startedAt + HOUR_MS), false, 'after it')
  await storeOldFix()
  assert.equal(await dutiesAt(startedAt + DAY_MS), true, 'not a day after the last clean-up')
  const restartedAt = startedAt + DAY_MS
  assert.equal(await dutiesAt(restartedAt + HOUR_MS - 1, restartedAt), true, 'nor because of a restart')
  assert.equal(await dutiesAt(restartedAt + HOUR_MS, restartedAt), false, 'a day after')
  assert.deepEqual(
    partitions.days().map(day => new Date(day * DAY_MS).toISOString().slice(0, 10)),
    ['2026-01-10', '2026-01-11', '2026-01-12'],
    'the days ahead have their partitions',
  )
})
