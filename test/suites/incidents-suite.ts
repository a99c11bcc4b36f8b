import assert from 'node:assert/strict'
import { describe } from 'node:test'
import type { Database } from '../../bridge/index.ts'
import { buildTopic, type DeviceEvent, type Incident, parseTopic } from '../../contract/index.ts'
import { onDatabase } from '../support/database-suite.ts'
import { FENCE, fixAt, INSIDE, OUTSIDE, START, type TestIngest, withIngest } from '../support/ingest.ts'
import type { TestScope } from '../support/scope.ts'

const DEVICES = 500

/** How incidents are kept and who is told, whatever database is below. Each test has an organisation of its own. */
export function incidentsSuite(name: string, openDatabase: (t: TestScope) => Promise<Database | undefined>): void {
  describe(`incidents on ${name}`, () => {
    let db: Database
    const { it } = onDatabase(name, openDatabase, {
      orgs: 'incidents',
      use: opened => {
        db = opened
      },
    })

    // What other organisations retain is published again too.
    const messagesOf = ({ recorder }: TestIngest, org: string): Incident[] =>
      recorder.messages.flatMap(({ topic, payload }) =>
        topic.startsWith(`${org}/incidents/`) && payload !== '' ? (JSON.parse(payload) as Incident) : [],
      )
    const toldOf = ({ recorder }: TestIngest, event: string): number =>
      recorder.messages.filter(({ topic }) => {
        const parsed = parseTopic(topic)
        return parsed?.channel === 'deviceNotification' && parsed.params.event === event
      }).length
    const rows = (org: string) =>
      db.query<{ kind: string; state: string; n: number }>(
        'select kind, state, count(*)::int as n from incidents where org = $1 group by kind, state order by kind, state',
        [org],
      )
    const isIncident =
      (fits: (incident: Incident) => boolean) =>
      ({ topic, payload }: { topic: string; payload: string }): boolean =>
        parseTopic(topic)?.channel === 'incident' && payload !== '' && fits(JSON.parse(payload) as Incident)

    it('500 devices that fall silent at once are one announcement, and none is lost', async (t, org) => {
      let shift = 0
      const started = await withIngest(t, db, org, { now: () => Date.now() + shift })
      const { ingest, recorder, send } = started
      await ingest.setRules({ org, scope: 'organisation', subject: '' }, { offline: { silenceSeconds: 120 } })
      const all = Array.from({ length: DEVICES }, (_, i) => `d-${i}`)
      await Promise.all(all.map(deviceId => send(deviceId, fixAt(1, OUTSIDE))))
      await until(async () => {
        const [row] = await db.query<{ n: number }>('select count(*)::int as n from connectivity where org = $1', [org])
        return row!.n === DEVICES
      })
      shift = 125_000
      const news = await recorder.until(isIncident(({ storm }) => storm?.total === DEVICES))
      const storm = JSON.parse(news.payload) as Incident
      assert.equal(storm.text, `${DEVICES} devices offline: one incident`)
      const opened = messagesOf(started, org).filter(({ change }) => change === 'opened')
      assert.deepEqual(
        opened.map(({ kind }) => kind),
        ['storm'],
        'one announcement',
      )
      assert.equal(toldOf(started, 'offline'), 0)
      assert.deepEqual(await rows(org), [
        { kind: 'offline', state: 'open', n: DEVICES },
        { kind: 'storm', state: 'open', n: 1 },
      ])
      const [stored] = await db.query<{ n: number }>(
        `select count(distinct device_id)::int as n from events where org = $1 and event = 'offline'`,
        [org],
      )
      assert.equal(stored!.n, DEVICES, 'every one is stored')

      shift = 130_000
      await Promise.all(all.map(deviceId => send(deviceId, fixAt(2, OUTSIDE))))
      const topic = buildTopic('incident', { org, incidentId: storm.incidentId })
      await recorder.until(message => message.topic === topic && message.payload === '')
      await until(async () => (await rows(org)).every(({ state }) => state === 'closed'))
      assert.deepEqual(await rows(org), [
        { kind: 'offline', state: 'closed', n: DEVICES },
        { kind: 'storm', state: 'closed', n: 1 },
      ])
      assert.equal(toldOf(started, 'online'), 0, 'whose going was not told, their coming back is not either')
    })

    it('a fence with a severity opens and closes an incident, within the transaction of its events', async (t, org) => {
      const { ingest, recorder, send } = await withIngest(t, db, org)
      await ingest.putFence(org, { ...FENCE, properties: { ...FENCE.properties, severity: 'high' } })
      await send('truck', fixAt(1, OUTSIDE), fixAt(2, INSIDE))
      const opened = await recorder.until(isIncident(({ state }) => state === 'open'))
      const incident = JSON.parse(opened.payload) as Incident
      assert.deepEqual(
        [incident.kind, incident.severity, incident.openedAt, incident.text],
        ['geofence', 'high', START + 2_000, 'truck is in Square'],
      )
      await send('truck', fixAt(9, OUTSIDE))
      await recorder.until(({ topic, payload }) => topic === opened.topic && payload === '')
      assert.deepEqual(await rows(org), [{ kind: 'geofence', state: 'closed', n: 1 }])
      const order = recorder.messages.map(({ topic }) => parseTopic(topic)?.channel)
      assert.ok(order.indexOf('geofenceNotification') >= 0)
    })

    it('a late fix that takes the begin back takes the incident back', async (t, org) => {
      const { ingest, recorder, send } = await withIngest(t, db, org)
      await ingest.setRules({ org, scope: 'organisation', subject: '' }, { overspeed: { limit: 20, minFixes: 2 } })
      const drive = (second: number, speed: number) => fixAt(second, { ...OUTSIDE, speed })
      await send('truck', drive(1, 10), drive(3, 30), drive(7, 30))
      await recorder.until(isIncident(({ kind }) => kind === 'overspeed'))
      await send('truck', drive(8, 10), drive(9, 10))
      // In between it was slow: no two fast fixes in a row.
      await send('truck', drive(5, 10))
      await until(async () => {
        const [row] = await db.query<{ reason: string | null }>(
          `select body->'incident'->'closed'->>'reason' as reason from incidents where org = $1`,
          [org],
        )
        return row?.reason === 'retracted'
      })
    })

    it('answers go to those they are for; what is retained comes again after a restart', async (t, org) => {
      const first = await withIngest(t, db, org)
      await first.ingest.putFence(org, { ...FENCE, properties: { severity: 'low' } })
      await first.send('truck', fixAt(1, INSIDE))
      await first.send('van', fixAt(1, INSIDE))
      await first.recorder.until(isIncident(({ deviceId }) => deviceId === 'truck'))
      await first.recorder.until(isIncident(({ deviceId }) => deviceId === 'van'))
      const ids = messagesOf(first, org).map(({ incidentId }) => incidentId)
      const answered = await first.ingest.answerIncidents({
        org,
        incidentIds: [...ids, 'in-none'],
        action: 'acknowledge',
        by: 'ann',
      })
      assert.deepEqual(answered.map(({ incident, error }) => incident?.state ?? error?.code).sort(), [
        'acknowledged',
        'acknowledged',
        'incident_unknown',
      ])
      const other = await first.ingest.answerIncidents({ org: 'other', incidentIds: ids, action: 'close', by: 'eve' })
      assert.ok(
        other.every(({ error }) => error?.code === 'incident_unknown'),
        'no answer reaches another organisation',
      )
      const [closed] = await first.ingest.answerIncidents({ org, incidentIds: [ids[0]!], action: 'close', by: 'ann' })
      assert.equal(closed?.incident?.closed?.reason, 'by-hand')
      const again = await first.ingest.answerIncidents({ org, incidentIds: [ids[0]!], action: 'close', by: 'ann' })
      assert.equal(again[0]?.error?.code, 'incident_closed')
      await first.ingest.close()

      const second = await withIngest(t, db, org)
      const retained = await second.recorder.until(isIncident(({ incidentId }) => incidentId === ids[1]))
      assert.equal((JSON.parse(retained.payload) as Incident).acknowledged?.by, 'ann')
      assert.equal(second.recorder.on(buildTopic('incident', { org, incidentId: ids[0]! })).length, 0)
    })

    it('two devices that meet are near, then far: one episode, also across a restart; late fixes do not count', async (t, org) => {
      const first = await withIngest(t, db, org)
      const at = (meters: number) => ({ lat: 0.5, lng: 2 + meters / 111_319 })
      const soon = Date.now() - 30_000
      const fix = (second: number, meters: number) => ({ timestamp: soon + second * 1_000, location: at(meters) })
      const rule = { devices: ['guard'], group: 'vips', nearMeters: 100, farMeters: 150 }
      assert.equal(await first.ingest.putProximityRule(org, 'escort', rule), true)
      await assert.rejects(first.ingest.putProximityRule(org, 'bad', { ...rule, farMeters: 50 }), {
        code: 'payload_invalid',
      })
      await first.ingest.registerDevice({ org, deviceId: 'vip', groups: ['vips'] })
      await first.send('guard', fix(1, 0))
      await first.send('stranger', fix(1, 0))
      await first.send('vip', fix(2, 50))
      const told = (event: string) => buildTopic('deviceNotification', { org, event, deviceId: 'guard' })
      const near = JSON.parse(
        (await first.recorder.until(({ topic }) => topic === told('near'))).payload,
      ) as DeviceEvent
      assert.deepEqual(
        [near.phase, near.otherDeviceId, near.timestamp, near.limit],
        ['begin', 'vip', soon + 2_000, 100],
      )
      await first.recorder.until(isIncident(({ kind, otherDeviceId }) => kind === 'near' && otherDeviceId === 'vip'))
      await first.ingest.close()

      const second = await withIngest(t, db, org)
      await second.send('vip', fix(1, 5_000))
      await second.send('vip', fix(3, 120))
      await second.send('vip', fix(9, 400))
      const far = JSON.parse((await second.recorder.until(({ topic }) => topic === told('far'))).payload) as DeviceEvent
      assert.deepEqual([far.episode, far.timestamp, far.seconds], [near.episode, soon + 9_000, 7])
      assert.equal(toldOf(second, 'near'), 0)
      assert.equal(second.recorder.on(told('far')).length, 1)
      await until(async () => (await rows(org)).every(({ state }) => state === 'closed'))
      assert.equal(await second.ingest.deleteProximityRule(org, 'escort'), true)
      assert.deepEqual(second.ingest.proximityRules(org), [])
    })

    it('a minimum duration is counted by rows: a restart announces what lasted meanwhile', async (t, org) => {
      let shift = 0
      const now = () => Date.now() + shift
      const first = await withIngest(t, db, org, { now })
      await first.ingest.setIncidentSettings(org, { minSeconds: { overspeed: 900 } })
      await first.ingest.setRules(
        { org, scope: 'organisation', subject: '' },
        { overspeed: { limit: 20, minFixes: 1 } },
      )
      await first.send('truck', fixAt(1, { ...OUTSIDE, speed: 10 }), fixAt(2, { ...OUTSIDE, speed: 30 }))
      await first.ingest.close()
      assert.equal(toldOf(first, 'overspeed'), 0)
      assert.deepEqual(messagesOf(first, org), [])
      shift = 900_000
      const second = await withIngest(t, db, org, { now })
      const told = await second.recorder.until(({ topic }) => parseTopic(topic)?.channel === 'deviceNotification')
      const event = JSON.parse(told.payload) as DeviceEvent
      assert.deepEqual([event.event, event.phase, event.timestamp], ['overspeed', 'begin', START + 2_000])
      await second.recorder.until(isIncident(({ kind, state }) => kind === 'overspeed' && state === 'open'))
    })
  })
}

async function until(fits: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await fits()); tries++) {
    assert.ok(tries < 2_000, 'what was waited for did not come')
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}
