import assert from 'node:assert/strict'
import { test } from 'node:test'
import { migrate, openDatabase } from '../../../bridge/index.ts'
import { dayOf, openDayPartitions } from '../../../bridge/store/partitions.ts'
import { storeSuite } from '../../suites/store-suite.ts'
import { silent, withPostgres, withPostgresUrl } from '../../support/databases.ts'

storeSuite('PostgreSQL', withPostgres)

test('two processes that migrate a fresh database at once share the work', async t => {
  const url = await withPostgresUrl(t)
  if (url === undefined) return
  const nodes = await Promise.all([1, 2].map(() => openDatabase({ url, dataDirectory: '', logger: silent })))
  for (const db of nodes) t.after(() => db.close())
  const applied = await Promise.all(nodes.map(db => migrate(db)))
  const [none, all] = applied.sort((a, b) => a.length - b.length)
  assert.deepEqual(none, [])
  assert.ok(all!.length > 0)
})

test('a server that is not there is said to be out of reach', async () => {
  const opening = openDatabase({ url: 'postgres://nobody@127.0.0.1:9/none', dataDirectory: '', logger: silent })
  await assert.rejects(opening, { code: 'connection', message: /cannot be reached: .*ECONNREFUSED/ })
})

test('a reader that holds the history for long delays no fix of a new day: it goes to the default partition', async t => {
  const db = await withPostgres(t)
  if (db === undefined) return
  const nowMs = Date.UTC(2026, 2, 1, 12)
  const partitions = await openDayPartitions(db, 30)
  await db.transaction(async reader => {
    await reader.query('select 1 from fixes')
    await partitions.ensure([nowMs], nowMs)
    assert.deepEqual(partitions.days(), [], 'not made, and not waited for without end')
    await partitions.ensure([nowMs], nowMs + 1_000)
  })
  await partitions.ensure([nowMs], nowMs + 61_000)
  assert.deepEqual(partitions.days(), [dayOf(nowMs)], 'made once the reader has gone')
})
