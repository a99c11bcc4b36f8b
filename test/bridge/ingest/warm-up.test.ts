import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Database } from '../../../bridge/index.ts'
import { buildTopic } from '../../../contract/index.ts'
import { withPglite } from '../../support/databases.ts'
import { FENCE, fixAt, INSIDE, OUTSIDE, withIngest } from '../../support/ingest.ts'

/** The rows of every table, as text. */
async function everything(db: Database): Promise<Record<string, string[]>> {
  const tables = await db.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1`,
  )
  const rows: Record<string, string[]> = {}
  for (const { name } of tables) {
    const found = await db.query<{ row: string }>(`select t::text as row from "${name}" as t order by 1`)
    rows[name] = found.map(({ row }) => row)
  }
  return rows
}

test('a warm-up leaves nothing in the database and tells nobody', async t => {
  const db = await withPglite(t)
  const { ingest, recorder, send } = await withIngest(t, db, 'demo')
  await ingest.putFence('demo', FENCE)
  await send('truck', fixAt(1, OUTSIDE))
  await recorder.until(({ topic }) => topic === buildTopic('last', { org: 'demo', deviceId: 'truck' }))
  const [before, messages] = [await everything(db), recorder.messages.length]
  await ingest.warmUp()
  assert.deepEqual(await everything(db), before)
  assert.equal(recorder.messages.length, messages)
  await send('truck', fixAt(2, INSIDE))
  await recorder.until(({ topic }) => topic.includes('/enter/'))
})

test('what comes during a warm-up is stored, and ends it', async t => {
  const db = await withPglite(t)
  const { ingest, send } = await withIngest(t, db, 'demo')
  const warm = ingest.warmUp()
  const request = { action: 'trigger', id: 'cry', timestamp: Date.now() } as const
  const sos = ingest.sos({
    org: 'demo',
    deviceId: 'truck',
    request,
    receivedAt: Date.now(),
    registers: true,
    principal: 'truck',
  })
  assert.deepEqual(await send('truck', fixAt(1, OUTSIDE)), [{ status: 'stored' }])
  await Promise.all([sos, warm])
  const [{ n } = { n: 0 }] = await db.query<{ n: number }>('select count(*)::int as n from devices')
  assert.equal(n, 1)
})

test('a platform that is stopped during a warm-up closes', async t => {
  const db = await withPglite(t)
  const { ingest } = await withIngest(t, db, 'demo')
  const warm = ingest.warmUp()
  await ingest.close()
  await warm
})
