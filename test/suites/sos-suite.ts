import assert from 'node:assert/strict'
import { describe } from 'node:test'
import type { Database } from '../../bridge/index.ts'
import { buildTopic, type Command, type SosEvent, type SosPolicy, type SosTrailPoint } from '../../contract/index.ts'
import { onDatabase } from '../support/database-suite.ts'
import { fixAt, INSIDE, OUTSIDE, START, type TestIngest, withIngest } from '../support/ingest.ts'
import type { TestScope } from '../support/scope.ts'

const POLICY: SosPolicy = {
  tiers: [
    { afterSeconds: 60, notify: ['dispatcher'] },
    { afterSeconds: 120, notify: ['admin'] },
  ],
}
/** Longer than the clock of the escalations needs to look at the database. */
const SETTLED_MS = 1_200

/** A clock that stands still until it is moved. */
class Clock {
  ms = Date.now()
  readonly now = (): number => this.ms
  forward(seconds: number): void {
    this.ms += seconds * 1_000
  }
}

/** An SOS as an incident, whatever database is below it. */
export function sosSuite(name: string, openDatabase: (t: TestScope) => Promise<Database | undefined>): void {
  describe(`SOS incidents on ${name}`, () => {
    let db: Database
    const { it } = onDatabase(name, openDatabase, {
      orgs: 'sos',
      use: opened => {
        db = opened
      },
    })

    const send = ({ ingest }: TestIngest, org: string, request: Record<string, unknown>, receivedAt: number) =>
      ingest.sos({
        org,
        deviceId: 'truck',
        request: { action: 'trigger', ...request },
        receivedAt,
        registers: true,
        principal: 'truck',
      })
    const answer = (
      { ingest }: TestIngest,
      org: string,
      alertId: string,
      action: 'acknowledge' | 'resolve',
      receivedAt: number,
    ) => ingest.answerSos({ org, alertId, action, by: 'Ann', principal: 'ann', receivedAt })
    const topicOf = (org: string, event: string) => buildTopic('sosNotification', { org, event, deviceId: 'truck' })
    const told = (pipeline: TestIngest, org: string, event: string) =>
      pipeline.recorder.payloads<SosEvent>(topicOf(org, event)) as SosEvent[]
    const stored = async (org: string): Promise<string[]> => {
      const rows = await db.query<{ body: SosEvent }>('select body from sos_events where org = $1 order by seq', [org])
      return rows.map(({ body }) => (body.tier === undefined ? body.event : `${body.event} ${body.tier}`))
    }
    const alertOf = async (org: string) => {
      const [row] = await db.query<{ alert_id: string; due_at: number | null }>(
        'select alert_id, due_at from sos_alerts where org = $1 order by opened_at desc limit 1',
        [org],
      )
      return { alertId: row!.alert_id, dueAt: row!.due_at }
    }
    const until = (pipeline: TestIngest, org: string, event: string, tier?: number) =>
      pipeline.recorder.until(
        ({ topic, payload }) =>
          topic === topicOf(org, event) && (tier === undefined || (JSON.parse(payload) as SosEvent).tier === tier),
      )
    const settled = () => new Promise(resolve => setTimeout(resolve, SETTLED_MS))
    const withPolicy = async (t: TestScope, org: string, clock: Clock, policy = POLICY) => {
      const pipeline = await withIngest(t, db, org, { now: clock.now })
      await pipeline.ingest.putSosPolicy({ org, policy, principal: 'boss' })
      return pipeline
    }

    it('escalates by the policy, across restarts, each tier once', async (t, org) => {
      const clock = new Clock()
      const first = await withPolicy(t, org, clock)
      await send(first, org, { id: 'r-1', timestamp: clock.ms }, clock.ms)
      assert.equal((await alertOf(org)).dueAt, clock.ms + 60_000)
      clock.forward(61)
      await until(first, org, 'escalated', 1)
      await first.ingest.close()
      clock.forward(600)
      const second = await withIngest(t, db, org, { now: clock.now })
      await until(second, org, 'escalated', 2)
      await settled()
      await second.ingest.close()
      assert.deepEqual(await stored(org), ['triggered', 'escalated 1', 'escalated 2'])
      assert.deepEqual(
        [first, second].map(pipeline => told(pipeline, org, 'escalated').map(({ tier, notify }) => [tier, notify])),
        [[[1, ['dispatcher']]], [[2, ['admin']]]],
      )
      const retained = second.recorder.payloads<SosEvent>(buildTopic('sosOpen', { org, deviceId: 'truck' }))
      assert.deepEqual([retained.at(-1)?.event, retained.at(-1)?.tier], ['escalated', 2])
      assert.equal((await alertOf(org)).dueAt, null)
    })

    it('two processes escalate an alert once', async (t, org) => {
      const clock = new Clock()
      const nodes = [await withPolicy(t, org, clock), await withIngest(t, db, org, { now: clock.now })]
      await send(nodes[0]!, org, { id: 'r-1', timestamp: clock.ms }, clock.ms)
      clock.forward(500)
      await settled()
      for (const { ingest } of nodes) await ingest.close()
      assert.deepEqual(await stored(org), ['triggered', 'escalated 1', 'escalated 2'])
      assert.equal(nodes.flatMap(node => told(node, org, 'escalated')).length, 2)
    })

    it('an acknowledgement stops the clock, tells the device, and says who', async (t, org) => {
      const clock = new Clock()
      const pipeline = await withPolicy(t, org, clock)
      await send(pipeline, org, { id: 'r-1', timestamp: clock.ms }, clock.ms)
      const { alertId } = await alertOf(org)
      await answer(pipeline, org, alertId, 'acknowledge', clock.ms)
      assert.equal((await alertOf(org)).dueAt, null)
      clock.forward(1_000)
      await settled()
      await pipeline.ingest.close()
      assert.deepEqual(await stored(org), ['triggered', 'acknowledged'])
      const commands = pipeline.recorder.messages.filter(({ topic }) =>
        topic.startsWith(`${org}/devices/truck/commands/`),
      )
      assert.equal(new Set(commands.map(({ topic }) => topic)).size, 2)
      assert.deepEqual(
        commands.map(({ payload }) => (JSON.parse(payload) as Command).name),
        ['sos-received', 'sos-acknowledged'],
      )
      const { args, expiresAt } = JSON.parse(commands[1]!.payload) as Command
      assert.deepEqual(args, { alertId, by: 'Ann', text: 'help is coming' })
      assert.ok(expiresAt > clock.ms - 1_000_000)
    })

    it('tells the device again what it may have missed when it repeats its request', async (t, org) => {
      const clock = new Clock()
      const pipeline = await withPolicy(t, org, clock)
      const request = { id: 'r-1', timestamp: clock.ms }
      await send(pipeline, org, request, clock.ms)
      await answer(pipeline, org, (await alertOf(org)).alertId, 'acknowledge', clock.ms)
      await send(pipeline, org, request, clock.ms)
      await pipeline.ingest.close()
      const commands = pipeline.recorder.messages.filter(({ topic }) => topic.includes('/commands/'))
      assert.equal(commands.length, 4)
      assert.equal(new Set(commands.map(({ topic }) => topic)).size, 2, 'under the same ids')
      assert.deepEqual(await stored(org), ['triggered', 'acknowledged'])
    })

    it('a changed policy counts for open alerts: what it asks for already is told at once', async (t, org) => {
      const clock = new Clock()
      const pipeline = await withPolicy(t, org, clock, { tiers: [{ afterSeconds: 5_000, notify: [] }] })
      await send(pipeline, org, { id: 'r-1', timestamp: clock.ms }, clock.ms)
      clock.forward(100)
      await pipeline.ingest.putSosPolicy({ org, policy: POLICY, principal: 'boss' })
      await until(pipeline, org, 'escalated', 1)
      await settled()
      assert.equal((await alertOf(org)).dueAt, clock.ms + 20_000)
      await pipeline.ingest.close()
      assert.deepEqual(await stored(org), ['triggered', 'escalated 1'])
    })

    it('a person escalates; a closed alert cannot be escalated', async (t, org) => {
      const clock = new Clock()
      const pipeline = await withPolicy(t, org, clock)
      await send(pipeline, org, { id: 'r-1', timestamp: clock.ms }, clock.ms)
      const { alertId } = await alertOf(org)
      const call = { org, alertId, by: 'Ann', principal: 'ann', receivedAt: clock.ms, note: 'no answer on the phone' }
      const event = await pipeline.ingest.escalateSos(call)
      assert.deepEqual([event.event, event.tier, event.by, event.note], ['escalated', 1, 'Ann', call.note])
      await pipeline.ingest.answerSos({ ...call, action: 'resolve', outcome: 'false-alarm' })
      await assert.rejects(pipeline.ingest.escalateSos(call), { code: 'alert_closed' })
      await assert.rejects(pipeline.ingest.escalateSos({ ...call, alertId: 'none' }), { code: 'alert_unknown' })
      await pipeline.ingest.close()
      assert.equal(told(pipeline, org, 'resolved')[0]?.outcome, 'false-alarm')
    })

    it('a drill says so in every event, and gives way to the real thing', async (t, org) => {
      const clock = new Clock()
      const pipeline = await withPolicy(t, org, clock)
      await send(pipeline, org, { id: 'r-1', timestamp: clock.ms, drill: true }, clock.ms)
      await send(pipeline, org, { id: 'r-2', timestamp: clock.ms }, clock.ms)
      await pipeline.ingest.close()
      const rows = await db.query<{ body: SosEvent }>('select body from sos_events where org = $1 order by seq', [org])
      assert.deepEqual(
        rows.map(({ body }) => [body.event, body.drill]),
        [
          ['triggered', true],
          ['resolved', true],
          ['triggered', undefined],
        ],
      )
      const open = await db.query(`select 1 from sos_alerts where org = $1 and state = 'open'`, [org])
      assert.equal(open.length, 1)
      const retained = pipeline.recorder.payloads<SosEvent>(buildTopic('sosOpen', { org, deviceId: 'truck' }))
      assert.deepEqual([retained.at(-1)?.event, retained.at(-1)?.drill], ['triggered', undefined])
    })

    it('while the organisation exercises, every SOS is a drill; afterwards none', async (t, org) => {
      const clock = new Clock()
      const pipeline = await withPolicy(t, org, clock, { ...POLICY, drillUntil: clock.ms + 60_000 })
      await send(pipeline, org, { id: 'r-1', timestamp: clock.ms }, clock.ms)
      await send(pipeline, org, { action: 'cancel', id: 'r-1', timestamp: clock.ms }, clock.ms)
      clock.forward(60)
      await send(pipeline, org, { id: 'r-2', timestamp: clock.ms }, clock.ms)
      await pipeline.ingest.close()
      assert.deepEqual(
        told(pipeline, org, 'triggered').map(({ drill }) => drill),
        [true, undefined],
      )
    })

    it('a late SOS is told with when it happened and escalates from its receipt', async (t, org) => {
      const clock = new Clock()
      const pipeline = await withPolicy(t, org, clock)
      const happened = clock.ms - 3_600_000
      await send(pipeline, org, { id: 'r-1', timestamp: happened }, clock.ms)
      await pipeline.ingest.close()
      const [event] = told(pipeline, org, 'triggered')
      assert.deepEqual([event?.openedAt, event?.late, event?.receivedAt], [happened, true, clock.ms])
      assert.equal((await alertOf(org)).dueAt, clock.ms + 60_000)
    })

    for (const [what, request, openedAt] of [
      ['a clock of the future', { id: 'r-1', timestamp: 4_000_000_000_000 }, 'received'],
      ['seconds instead of milliseconds', { id: 'r-1', timestamp: 1_700_000_000 }, 'received'],
      ['a clock that rolled over', { id: 'r-1', timestamp: Date.now() - 1_024 * 604_800_000 }, 'received'],
      ['a timestamp that is a text', { id: 'r-1', timestamp: 'yesterday' }, 'received'],
      ['no timestamp and no id', {}, 'received'],
      ['a latitude of 91', { id: 'r-1', timestamp: START, location: { lat: 91, lng: 1 } }, START],
      ['a location that is a text', { id: 'r-1', timestamp: START, location: 'here' }, START],
      ['a message with a NUL', { id: 'r-1', timestamp: START, message: 'help\0' }, START],
      ['a message that is no text', { id: 'r-1', timestamp: START, message: { a: 1 } }, START],
    ] as const) {
      it(`stands with ${what}`, async (t, org) => {
        const clock = new Clock()
        const pipeline = await withPolicy(t, org, clock)
        const { amended } = await send(pipeline, org, request, clock.ms)
        await send(pipeline, org, request, clock.ms)
        await pipeline.ingest.close()
        const [event, ...more] = told(pipeline, org, 'triggered')
        assert.deepEqual(more, [], 'a repeat is one alert')
        assert.equal(event?.openedAt, openedAt === 'received' ? clock.ms : openedAt)
        if (!what.includes('NUL')) assert.ok(amended.length > 0, 'and the sender is told')
        const [kept] = await db.query<{ request: { sentTimestamp?: unknown } }>(
          'select request from sos_requests where org = $1',
          [org],
        )
        const sent = 'timestamp' in request ? request.timestamp : undefined
        if (openedAt === 'received') assert.equal(kept?.request.sentTimestamp, sent, 'what was sent is kept')
      })
    }

    it('tells every fix of an open alert on its trail, late ones marked, none before and after', async (t, org) => {
      const pipeline = await withIngest(t, db, org)
      await pipeline.send('truck', fixAt(1, INSIDE))
      await send(pipeline, org, { id: 'r-1', timestamp: fixAt(10, INSIDE).timestamp }, Date.now())
      await pipeline.send('truck', fixAt(12, INSIDE))
      await pipeline.send('truck', fixAt(12, INSIDE))
      await pipeline.send('truck', fixAt(14, OUTSIDE), fixAt(11, INSIDE), fixAt(-1_000, INSIDE))
      await pipeline.send('van', fixAt(12, INSIDE))
      const { alertId } = await alertOf(org)
      await answer(pipeline, org, alertId, 'resolve', Date.now())
      await pipeline.send('truck', fixAt(20, INSIDE))
      await pipeline.ingest.close()
      const trail = pipeline.recorder.payloads<SosTrailPoint>(buildTopic('sosTrail', { org, deviceId: 'truck' }))
      assert.deepEqual(
        trail.map(point => [(point!.timestamp - START) / 1_000, point!.late, point!.alertId]),
        [
          [12, undefined, alertId],
          [11, true, alertId],
          [14, undefined, alertId],
        ],
      )
    })

    it('keeps what became of each event, and lets nobody change the timeline', async (t, org) => {
      const pipeline = await withIngest(t, db, org)
      await send(pipeline, org, { id: 'r-1', timestamp: Date.now() }, Date.now())
      await pipeline.ingest.close()
      const [event] = told(pipeline, org, 'triggered')
      const receipts = await db.query('select event_id, channel, target, status from sos_receipts where org = $1', [
        org,
      ])
      assert.deepEqual(receipts, [
        { event_id: event!.id, channel: 'mqtt', target: topicOf(org, 'triggered'), status: 'announced' },
      ])
      for (const table of ['sos_events', 'sos_requests', 'sos_receipts']) {
        for (const sql of [`update ${table} set org = 'x'`, `delete from ${table}`, `truncate ${table}`]) {
          await assert.rejects(db.query(sql), { code: '23001', message: /append-only/ }, sql)
        }
      }
    })
  })
}
