import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type FixResult, migrate, openDatabase } from '../../../bridge/index.ts'
import { buildTopic } from '../../../contract/index.ts'
import { silent, withCluster } from '../../support/databases.ts'
import { FENCE, fixAt, INSIDE, OUTSIDE, withIngest } from '../../support/ingest.ts'

const DEVICES = 20
const FIXES = 60

test('a database server that goes away and comes back costs time only', async t => {
  const cluster = await withCluster(t)
  if (cluster === undefined) return
  const db = await openDatabase({ url: cluster.url, dataDirectory: '', logger: silent })
  t.after(() => db.close())
  await migrate(db)
  const { ingest, recorder, send } = await withIngest(t, db, 'demo')
  await ingest.putFence('demo', FENCE)

  const acknowledged: Promise<FixResult[]>[] = []
  let restarted: Promise<void> | undefined
  for (let second = 1; second <= FIXES; second++) {
    for (let i = 0; i < DEVICES; i++) {
      acknowledged.push(send(`truck-${i}`, fixAt(second, Math.floor(second / 5) % 2 ? INSIDE : OUTSIDE)))
    }
    if (second === FIXES / 3) restarted = cluster.stop().then(() => cluster.start())
    // Fixes keep coming while it is down.
    await delay(5)
  }
  const sos = ingest.sos({
    org: 'demo',
    deviceId: 'truck-0',
    request: { action: 'trigger', id: 'r-1', timestamp: Date.now() },
    receivedAt: Date.now(),
    registers: true,
    principal: 'truck-0',
  })
  await restarted
  const results = (await Promise.all(acknowledged)).flat()
  await sos
  assert.ok(results.every(({ status }) => status === 'stored' || status === 'repeated'))
  const [row] = await db.query<{ n: number }>('select count(*)::int as n from fixes')
  assert.equal(row!.n, DEVICES * FIXES)

  await ingest.close()
  const crossings = FIXES / 5
  assert.deepEqual(await db.query('select event, count(*)::int as n from events group by event order by event'), [
    { event: 'enter', n: (DEVICES * crossings) / 2 },
    { event: 'exit', n: (DEVICES * crossings) / 2 },
  ])
  for (let i = 0; i < DEVICES; i++) {
    for (const event of ['enter', 'exit']) {
      const ids = recorder
        .on(buildTopic('geofenceNotification', { org: 'demo', event, deviceId: `truck-${i}` }))
        .map(({ payload }) => (JSON.parse(payload) as { id: string }).id)
      assert.equal(new Set(ids).size, crossings / 2, `every ${event} of truck-${i} is announced`)
    }
  }
  assert.equal(
    recorder.on(buildTopic('sosNotification', { org: 'demo', event: 'triggered', deviceId: 'truck-0' })).length,
    1,
  )
  assert.deepEqual(await db.query('select * from outbox'), [])
})

test('closing while the server is away tells the senders that nothing was stored', async t => {
  const cluster = await withCluster(t)
  if (cluster === undefined) return
  const db = await openDatabase({ url: cluster.url, dataDirectory: '', logger: silent })
  t.after(() => db.close())
  await migrate(db)
  const { ingest, send } = await withIngest(t, db, 'demo')
  await send('truck', fixAt(1, INSIDE))
  await cluster.stop()
  const fixes = assert.rejects(send('truck', fixAt(2, INSIDE)), { code: 'storage_unavailable' })
  const device = assert.rejects(ingest.registerDevice({ org: 'demo', deviceId: 'van' }), {
    code: 'storage_unavailable',
  })
  await ingest.close()
  await Promise.all([fixes, device])
})
