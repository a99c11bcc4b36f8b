import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Database, OutgoingMessage } from '../../bridge/index.ts'
import { buildTopic, type FenceFeature, type GeofenceEvent } from '../../contract/index.ts'
import { onDatabase } from '../support/database-suite.ts'
import { FENCE, INSIDE, OUTSIDE, Recorder, type TestIngest, withIngest } from '../support/ingest.ts'
import type { TestScope } from '../support/scope.ts'
import { consume, standingEvents, standingIds } from '../support/standing.ts'

const DWELL_SECONDS = 60
const STAY: FenceFeature = { ...FENCE, properties: { dwellSeconds: DWELL_SECONDS } }
/** Beyond the pause after which a node looks again whatever it knows. */
const A_LOOK_MS = 2_500

/** What the clock makes of silence, whatever database is below. The clock of the nodes is set forward instead of waited for. */
export function deviceTimersSuite(name: string, openDatabase: (t: TestScope) => Promise<Database | undefined>): void {
  describe(`device timers on ${name}`, async () => {
    let db: Database
    const { it, org: latestOrg } = onDatabase(name, openDatabase, {
      orgs: 'timers',
      use: opened => {
        db = opened
      },
    })

    /** A clock that is set forward by hand, and fixes whose times count from its start. */
    const clock = () => {
      const start = Date.now()
      let ahead = 0
      return {
        now: () => Date.now() + ahead,
        forward: (seconds: number) => {
          ahead += seconds * 1_000
        },
        at: (second: number, location: typeof INSIDE) => ({ timestamp: start + second * 1_000, location }),
        second: ({ timestamp }: GeofenceEvent) => (timestamp - start) / 1_000,
      }
    }
    const topicOf = (org: string, event: string): string =>
      buildTopic('geofenceNotification', { org, event, deviceId: 'truck' })
    const dwellOf = async ({ recorder }: TestIngest, org: string): Promise<GeofenceEvent> =>
      JSON.parse((await recorder.until(({ topic }) => topic === topicOf(org, 'dwell'))).payload) as GeofenceEvent
    const kinds = (messages: readonly OutgoingMessage[]): string[] =>
      messages
        .filter(({ topic }) => topic.startsWith(`${latestOrg()}/notifications/`))
        .map(({ payload }) => (JSON.parse(payload) as GeofenceEvent).event)
    const inOrder = async (t: TestScope, org: string, now: () => number, fixes: readonly unknown[]) => {
      const { ingest, send } = await withIngest(t, db, org, { now })
      await ingest.putFence(org, STAY)
      await send('truck', ...fixes)
      await ingest.close()
      return standingEvents(db, org)
    }

    it('a silent device dwells, once; the next fix confirms it and nobody is told again', async (t, org) => {
      const { now, forward, at, second } = clock()
      const node = await withIngest(t, db, org, { now })
      await node.ingest.putFence(org, STAY)
      await node.send('truck', at(-1, OUTSIDE))
      await node.send('truck', at(0, INSIDE))
      forward(DWELL_SECONDS + 1)
      const dwell = await dwellOf(node, org)
      assert.equal(dwell.inferred, true)
      assert.equal(second(dwell), DWELL_SECONDS)
      await node.send('truck', at(DWELL_SECONDS + 30, INSIDE))
      forward(10 * DWELL_SECONDS)
      await delay(A_LOOK_MS)
      await node.ingest.close()
      assert.deepEqual(kinds(node.recorder.messages), ['enter', 'dwell'])
      const batch = [at(-1, OUTSIDE), at(0, INSIDE), at(DWELL_SECONDS + 30, INSIDE)]
      assert.deepEqual(await standingEvents(db, org), await inOrder(t, `${org}-b`, now, batch))
    })

    it('an exit in time cancels it', async (t, org) => {
      const { now, forward, at } = clock()
      const node = await withIngest(t, db, org, { now })
      await node.ingest.putFence(org, STAY)
      await node.send('truck', at(-1, OUTSIDE), at(0, INSIDE))
      await node.send('truck', at(1, OUTSIDE))
      forward(2 * DWELL_SECONDS)
      await delay(A_LOOK_MS)
      await node.ingest.close()
      assert.deepEqual(kinds(node.recorder.messages), ['enter', 'exit'])
    })

    it('a fix that was under way and contradicts it takes it back by name', async (t, org) => {
      const { now, forward, at } = clock()
      const node = await withIngest(t, db, org, { now })
      await node.ingest.putFence(org, STAY)
      await node.send('truck', at(-1, OUTSIDE), at(0, INSIDE))
      forward(DWELL_SECONDS + 1)
      const dwell = await dwellOf(node, org)
      await node.send('truck', at(10, OUTSIDE))
      await node.ingest.close()
      assert.deepEqual(kinds(node.recorder.messages), ['enter', 'dwell', 'correction', 'exit'])
      const [correction] = node.recorder.payloads<GeofenceEvent>(topicOf(org, 'correction'))
      assert.equal(correction!.retracts, dwell.id)
      assert.deepEqual(consume(node.recorder.messages, org), await standingIds(db, org))
    })

    it('a late fix that shortens the stay takes it back, and it is due again later', async (t, org) => {
      const { now, forward, at, second } = clock()
      const node = await withIngest(t, db, org, { now })
      await node.ingest.putFence(org, STAY)
      await node.send('truck', at(-1, OUTSIDE), at(0, INSIDE), at(40, INSIDE))
      forward(DWELL_SECONDS + 1)
      await dwellOf(node, org)
      await node.send('truck', at(30, OUTSIDE))
      await node.recorder.until(({ topic }) => topic === topicOf(org, 'correction'))
      forward(DWELL_SECONDS)
      await delay(A_LOOK_MS)
      await node.ingest.close()
      const dwells = node.recorder.payloads<GeofenceEvent>(topicOf(org, 'dwell')).map(event => second(event!))
      assert.deepEqual(dwells, [DWELL_SECONDS, 40 + DWELL_SECONDS])
      assert.deepEqual(consume(node.recorder.messages, org), await standingIds(db, org))
    })

    it('an old track that comes in parts gives no schedule begin in between, and what it gives is that of a batch', async (t, org) => {
      const from = new Date(Date.now() + 5 * 60_000).toISOString().slice(11, 16)
      const to = new Date(Date.now() + 65 * 60_000).toISOString().slice(11, 16)
      const { now, at } = clock()
      const fence: FenceFeature = { ...FENCE, properties: { schedule: { from, to } } }
      const hour = 3_600
      const fixes = Array.from({ length: 72 }, (_, i) =>
        at((i - 20 * 24) * hour - 60, { ...INSIDE, lat: 0.3 + i / 1_000 }),
      )
      const node = await withIngest(t, db, org, { now })
      await node.ingest.putFence(org, fence)
      for (const part of [fixes.slice(0, 20), fixes.slice(20, 50), fixes.slice(50)]) {
        await node.send('truck', ...part)
        await delay(A_LOOK_MS / 2)
      }
      await node.ingest.close()
      assert.deepEqual(kinds(node.recorder.messages), ['enter', 'enter', 'enter'])
      const batch = await withIngest(t, db, `${org}-b`, { now })
      await batch.ingest.putFence(`${org}-b`, fence)
      await batch.send('truck', ...fixes)
      await batch.ingest.close()
      assert.deepEqual(await standingEvents(db, org), await standingEvents(db, `${org}-b`))
    })

    it('what the clock said of a schedule is amended when the device was somewhere else before, and nobody is told', async (t, org) => {
      const { now, forward, at } = clock()
      const begin = (Math.floor(now() / 60_000) + 3) * 60_000
      const times = {
        from: new Date(begin).toISOString().slice(11, 16),
        to: new Date(begin + 3_600_000).toISOString().slice(11, 16),
      }
      const node = await withIngest(t, db, org, { now })
      await node.ingest.putFence(org, { ...FENCE, properties: { schedule: times } })
      await node.send('truck', at(-1, INSIDE))
      forward(200)
      const told = JSON.parse((await node.recorder.until(({ topic }) => topic === topicOf(org, 'enter'))).payload)
      assert.deepEqual([told.timestamp, told.scheduled, told.location], [begin, true, INSIDE])
      const elsewhere = { ...INSIDE, lat: 0.25 }
      await node.send('truck', at(30, elsewhere))
      await node.ingest.close()
      assert.deepEqual(kinds(node.recorder.messages), ['enter'])
      const [stands, ...others] = await standingEvents(db, org)
      assert.equal(others.length, 0)
      assert.ok(stands!.includes(JSON.stringify(elsewhere)), stands)
    })

    it('it survives a restart, and a crash between its commit and its announcement', async (t, org) => {
      const { now, forward, at } = clock()
      const first = await withIngest(t, db, org, { now })
      await first.ingest.putFence(org, STAY)
      await first.send('truck', at(-1, OUTSIDE), at(0, INSIDE))
      await first.ingest.close()
      forward(DWELL_SECONDS + 1)
      const recorder = new Recorder()
      const second = await withIngest(t, db, org, { now, announces: false })
      await until(async () => (await standingIds(db, org)).length === 2)
      await second.ingest.close()
      const third = await withIngest(t, db, org, { now, recorder })
      await dwellOf(third, org)
      await delay(A_LOOK_MS)
      await third.ingest.close()
      assert.deepEqual(kinds(recorder.messages), ['dwell'])
    })

    it('two nodes announce it once', async (t, org) => {
      const { now, forward, at } = clock()
      const first = await withIngest(t, db, org, { now })
      await first.ingest.putFence(org, STAY)
      const nodes = [first, await withIngest(t, db, org, { now })]
      for (let i = 0; i < 50; i++) await nodes[i % 2]!.send(`truck-${i}`, at(-1, OUTSIDE), at(0, INSIDE))
      forward(DWELL_SECONDS + 1)
      await until(async () => (await standingIds(db, org)).length === 100)
      await delay(A_LOOK_MS)
      for (const { ingest } of nodes) await ingest.close()
      const all = nodes.flatMap(({ recorder }) => recorder.messages)
      assert.equal(kinds(all).filter(event => event === 'dwell').length, 50)
      assert.deepEqual(consume(all, org), await standingIds(db, org))
    })

    it('a thousand due at once do not hold up an SOS or a fix', async (t, org) => {
      const { now, forward, at } = clock()
      const node = await withIngest(t, db, org, { now })
      await node.ingest.putFence(org, STAY)
      await Promise.all(Array.from({ length: 1_000 }, (_, i) => node.send(`van-${i}`, at(-1, OUTSIDE), at(0, INSIDE))))
      forward(DWELL_SECONDS + 1)
      await until(async () => (await standingIds(db, org)).length > 1_000)
      await node.ingest.sos({
        org,
        deviceId: 'van-1',
        request: { action: 'trigger', id: 'r-1', timestamp: now() },
        receivedAt: now(),
        registers: true,
        principal: 'van-1',
      })
      const dwelledBySos = (await standingIds(db, org)).length - 1_000
      await node.send('van-2', at(DWELL_SECONDS, INSIDE))
      const dwelledByFix = (await standingIds(db, org)).length - 1_000
      assert.ok(dwelledBySos < 1_000 && dwelledByFix < 1_000, `${dwelledBySos} and ${dwelledByFix} of 1,000 came first`)
      await until(async () => (await standingIds(db, org)).length === 2_000)
      await node.ingest.close()
      assert.equal(kinds(node.recorder.messages).filter(event => event === 'dwell').length, 1_000)
    })
  })
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 30_000; !(await isSo()); await delay(20)) {
    assert.ok(Date.now() < deadline, 'it did not come about within 30 s')
  }
}
