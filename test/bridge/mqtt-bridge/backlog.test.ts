import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Registry } from 'prom-client'
import { Backlog } from '../../../bridge/mqtt-bridge/backlog.ts'
import { createBridgeMetrics } from '../../../bridge/mqtt-bridge/metrics.ts'
import type { BridgeSettings } from '../../../bridge/mqtt-bridge/settings.ts'
import { routesOf } from '../../../bridge/mqtt-bridge/topic-map.ts'
import { keepPositionsForBridges, readBridgeQueue, replaceBridgeRoutes } from '../../../bridge/store/bridge-queue.ts'
import type { Database } from '../../../bridge/store/database.ts'
import { insertOutbox } from '../../../bridge/store/outbox.ts'
import { silent, withPglite, withPostgres } from '../../support/databases.ts'

const SETTINGS: BridgeSettings = {
  name: 'yard',
  org: 'demo',
  url: 'mqtt://127.0.0.1:1',
  protocol: '3.1.1',
  clientId: 'x',
  cleanSession: false,
  keepAliveSeconds: 30,
  maxBacklog: 4,
  topics: [
    { direction: 'out', filter: '#', localPrefix: 'devices/', remotePrefix: 'fleet/', qos: 1 },
    { direction: 'out', filter: '#', localPrefix: 'notifications/', remotePrefix: 'alerts/', qos: 1 },
  ],
}
const OTHER: BridgeSettings = { ...SETTINGS, name: 'other', org: 'acme' }

const at = (n: number) => ({ topic: 'demo/devices/x/location', payload: String(n), from: undefined })
const alert = (n: number) => ({
  topic: `demo/notifications/device/tow/x`,
  payload: String(n),
  qos: 1 as const,
  retain: false,
})

for (const [kind, open] of [
  ['embedded', withPglite],
  ['server', withPostgres],
] as const) {
  test(`${kind}: what goes out is kept by the transaction that causes it, and given up oldest position first`, async t => {
    const db = await open(t)
    if (db !== undefined) await keepsAndGivesUp(t, db)
  })
}

async function keepsAndGivesUp(t: TestContext, db: Database): Promise<void> {
  const queued = async (bridge: string) =>
    (await readBridgeQueue(db, bridge, 100)).map(({ topic, payload }) => `${topic} ${payload}`)
  await replaceBridgeRoutes(db, [SETTINGS, OTHER].flatMap(routesOf), ['yard', 'other'])
  await insertOutbox(db, [alert(1)], 0)
  await keepPositionsForBridges(db, [at(2), { ...at(3), from: 'yard' }, at(4)], 0)
  await db
    .transaction(async tx => {
      await insertOutbox(tx, [alert(99)], 0)
      throw new Error('rolled back')
    })
    .catch(() => {})
  assert.deepEqual(await queued('yard'), ['alerts/device/tow/x 1', 'fleet/x/location 2', 'fleet/x/location 4'])
  assert.deepEqual(await queued('other'), [], 'of another organisation')

  const metrics = createBridgeMetrics(new Registry(), () => [])
  const backlog = new Backlog(SETTINGS, { db, logger: silent, metrics })
  t.after(() => backlog.close())
  await insertOutbox(db, [alert(5), alert(6), alert(7)], 0)
  await backlog.look()
  assert.deepEqual(
    await queued('yard'),
    [1, 5, 6, 7].map(n => `alerts/device/tow/x ${n}`),
    'positions go first',
  )
  await insertOutbox(db, [alert(8)], 0)
  await keepPositionsForBridges(db, [at(9)], 0)
  await backlog.look()
  assert.deepEqual(
    await queued('yard'),
    [5, 6, 7, 8].map(n => `alerts/device/tow/x ${n}`),
    'and then the oldest',
  )
  const dropped = await metrics.dropped.get()
  assert.deepEqual(Object.fromEntries(dropped.values.map(({ labels, value }) => [labels.kind, value])), {
    position: 3,
    other: 1,
  })

  const [first] = await backlog.next(1)
  const [second] = await backlog.next(1)
  assert.deepEqual([first!.payload, second!.payload], ['5', '6'])
  backlog.putBack(first!.id)
  backlog.done(second!.id)
  await backlog.close()
  assert.deepEqual(
    await queued('yard'),
    [5, 7, 8].map(n => `alerts/device/tow/x ${n}`),
  )
  assert.equal(await replaceBridgeRoutes(db, [], ['other']), 3, 'what waits for a bridge that is no more goes with it')
  await insertOutbox(db, [alert(10)], 0)
  assert.deepEqual(await queued('yard'), [])
}
