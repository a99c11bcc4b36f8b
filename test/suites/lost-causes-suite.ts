import assert from 'node:assert/strict'
import { describe } from 'node:test'
import type { Database } from '../../bridge/index.ts'
import { buildTopic, type FenceFeature, type Incident, parseTopic, type RuleSettings } from '../../contract/index.ts'
import { onDatabase } from '../support/database-suite.ts'
import { FENCE, fixAt, INSIDE, OUTSIDE, type TestIngest, withIngest } from '../support/ingest.ts'
import type { TestScope } from '../support/scope.ts'

const ALARM: FenceFeature = { ...FENCE, properties: { name: 'Square', severity: 'high' } }
const CORRIDOR: FenceFeature = {
  type: 'Feature',
  id: 'road',
  properties: { buffer: 100 },
  geometry: {
    type: 'LineString',
    coordinates: [
      [0, 0.5],
      [1, 0.5],
    ],
  },
}
const DRIVING = (second: number, speed: number) => fixAt(second, { ...INSIDE, speed })

interface Row {
  readonly incident: Incident
  readonly timeline: readonly string[]
}

/** No incident stays open when what it was about is watched no more, whatever database is below. */
export function lostCausesSuite(name: string, openDatabase: (t: TestScope) => Promise<Database | undefined>): void {
  describe(`incidents whose cause is gone, on ${name}`, () => {
    let db: Database
    const { it, org: latestOrg } = onDatabase(name, openDatabase, {
      orgs: 'causes',
      use: opened => {
        db = opened
      },
    })

    const incidents = async (org: string): Promise<Row[]> => {
      const rows = await db.query<{ id: string; body: { incident: Incident } }>(
        'select incident_id as id, body from incidents where org = $1 order by opened_at, incident_id',
        [org],
      )
      const told = await db.query<{ id: string; change: string; reason: string | null }>(
        `select incident_id as id, change, body->>'reason' as reason from incident_events where org = $1 order by seq`,
        [org],
      )
      return rows.map(({ id, body: { incident } }) => ({
        incident,
        timeline: told
          .filter(entry => entry.id === id)
          .map(({ change, reason }) => (reason === null ? change : `${change} ${reason}`)),
      }))
    }
    /** `kind device state reason`, in order of their devices. */
    const summary = async (org: string): Promise<string[]> =>
      (await incidents(org))
        .map(({ incident: { kind, deviceId, otherDeviceId, state, closed } }) =>
          [kind, deviceId, otherDeviceId, state, closed?.reason].filter(part => part !== undefined).join(' '),
        )
        .sort()
    const opened = ({ recorder }: TestIngest, kind: string, deviceId = 'truck') =>
      recorder.until(({ topic, payload }) => {
        // What other organisations retain is published again too.
        if (!topic.startsWith(`${latestOrg()}/incidents/`) || payload === '') return false
        const incident = JSON.parse(payload) as Incident
        return incident.kind === kind && incident.deviceId === deviceId
      })
    const emptied = ({ recorder }: TestIngest, topic: string) =>
      recorder.until(message => message.topic === topic && message.payload === '' && message.retain)
    const notifications = ({ recorder }: TestIngest, org: string): string[] =>
      recorder.messages.flatMap(({ topic }) =>
        topic.startsWith(`${org}/notifications/`) ? topic.slice(`${org}/notifications/`.length) : [],
      )
    const set = ({ ingest }: TestIngest, org: string, settings: RuleSettings | null, deviceId?: string) =>
      ingest.setRules(
        deviceId === undefined
          ? { org, scope: 'organisation', subject: '' }
          : { org, scope: 'device', subject: deviceId },
        settings,
      )

    it('a deleted fence closes its incidents at once, tells it on their topics, and announces nothing else', async (t, org) => {
      const started = await withIngest(t, db, org)
      const { ingest, send } = started
      await ingest.putFence(org, ALARM)
      await ingest.putFence(org, { ...ALARM, id: 'other' })
      await send('truck', fixAt(1, OUTSIDE), fixAt(2, INSIDE))
      const { topic } = await opened(started, 'geofence')
      await until(async () => notifications(started, org).length === 2)
      const before = notifications(started, org)
      assert.deepEqual(before, ['geofence/enter/truck', 'geofence/enter/truck'])
      assert.equal(await ingest.deleteFence(org, 'square'), true)
      const closed = (await incidents(org)).filter(({ incident }) => incident.fenceId === 'square')
      assert.deepEqual(
        closed.map(({ incident: { state, closed }, timeline }) => [state, closed?.reason, timeline]),
        [['closed', 'fence-deleted', ['began', 'opened', 'closed fence-deleted']]],
        'when the answer comes it is done',
      )
      const squareTopic = buildTopic('incident', { org, incidentId: closed[0]!.incident.incidentId })
      await emptied(started, squareTopic)
      assert.ok(topic === squareTopic || started.recorder.on(topic).every(({ payload }) => payload !== ''))
      assert.deepEqual(await summary(org), ['geofence truck closed fence-deleted', 'geofence truck open'])
      assert.deepEqual(notifications(started, org), before)

      // The device goes on as if there had been no such fence, and the same fence, drawn again, is another alert.
      await send('truck', fixAt(3, OUTSIDE))
      await ingest.putFence(org, ALARM)
      await send('truck', fixAt(4, INSIDE))
      await until(async () => (await summary(org)).length === 4)
      assert.deepEqual(await summary(org), [
        'geofence truck closed ended',
        'geofence truck closed fence-deleted',
        'geofence truck open',
        'geofence truck open',
      ])
    })

    it('a stay that is too long, a limit and a route of a fence that is deleted are closed too', async (t, org) => {
      let shift = 0
      const started = await withIngest(t, db, org, { now: () => Date.now() + shift })
      const { ingest, send } = started
      await ingest.putFence(org, { ...FENCE, properties: { maxStaySeconds: 60, speedLimit: 10 } })
      await ingest.putFence(org, CORRIDOR)
      await set(started, org, { offRoute: { fenceId: 'road', minFixes: 1 }, overspeed: { minFixes: 1 } })
      const away = { lat: 0.6, lng: 0.5, speed: 30 }
      await send('truck', fixAt(1, { ...away, speed: 5 }), fixAt(2, away), fixAt(100, away))
      for (const kind of ['overstay', 'overspeed', 'off-route']) await opened(started, kind)
      await ingest.deleteFence(org, 'square')
      assert.deepEqual(await summary(org), [
        'off-route truck open',
        'overspeed truck closed fence-deleted',
        'overstay truck closed fence-deleted',
      ])
      await ingest.deleteFence(org, 'road')
      assert.deepEqual((await summary(org))[0], 'off-route truck closed fence-deleted')
      // What the next fix ends was closed before.
      shift = 1_000
      await send('truck', fixAt(110, away))
      await until(
        async () => notifications(started, org).filter(topic => topic === 'device/off-route/truck').length === 2,
      )
      const rows = await incidents(org)
      assert.ok(rows.every(({ incident }) => incident.closed?.reason === 'fence-deleted'))
      assert.deepEqual(rows.find(({ incident }) => incident.kind === 'off-route')!.timeline, [
        'began',
        'opened',
        'closed fence-deleted',
        'ended',
      ])
    })

    it('a fence that asks for no alert any more, or not of this device, closes what it opened', async (t, org) => {
      const started = await withIngest(t, db, org)
      const { ingest, send } = started
      await ingest.putFence(org, ALARM)
      await send('truck', fixAt(1, INSIDE))
      await send('van', fixAt(1, INSIDE))
      await opened(started, 'geofence', 'truck')
      await opened(started, 'geofence', 'van')
      const told = notifications(started, org)
      await ingest.putFence(org, { ...ALARM, properties: { ...ALARM.properties, appliesTo: { devices: ['van'] } } })
      assert.deepEqual(await summary(org), ['geofence truck closed fence-changed', 'geofence van open'])
      await ingest.putFence(org, { ...ALARM, properties: { name: 'Renamed', severity: 'low' } })
      assert.equal((await summary(org)).at(-1), 'geofence van open', 'another name or severity is no reason')
      await ingest.putFence(org, FENCE)
      assert.equal((await summary(org)).at(-1), 'geofence van closed fence-changed')
      assert.ok(
        !notifications(started, org)
          .slice(told.length)
          .some(topic => topic.startsWith('geofence/exit')),
      )
    })

    it('a rule that is switched off closes its incidents before any fix comes; the end that comes later changes nothing', async (t, org) => {
      const started = await withIngest(t, db, org)
      const { send } = started
      await set(started, org, { overspeed: { limit: 20, minFixes: 1 } })
      await set(started, org, { overspeed: { limit: 25, minFixes: 1 } }, 'van')
      for (const deviceId of ['truck', 'van']) await send(deviceId, DRIVING(1, 10), DRIVING(2, 30))
      const { topic } = await opened(started, 'overspeed', 'truck')
      await opened(started, 'overspeed', 'van')
      await set(started, org, { overspeed: null })
      await emptied(started, topic)
      assert.deepEqual(
        await summary(org),
        ['overspeed truck closed rule-off', 'overspeed van open'],
        'the narrower counts',
      )
      await send('truck', DRIVING(3, 30))
      await until(
        async () => notifications(started, org).filter(told => told === 'device/overspeed/truck').length === 2,
      )
      const [truck] = (await incidents(org)).filter(({ incident }) => incident.deviceId === 'truck')
      assert.deepEqual(truck?.timeline, ['began', 'opened', 'closed rule-off', 'ended'])
      assert.equal(truck?.incident.closed?.reason, 'rule-off')
      await set(started, org, null, 'van')
      assert.equal((await summary(org)).at(-1), 'overspeed van closed rule-off')

      // Switched on again, what begins is another one, and news.
      await set(started, org, { overspeed: { limit: 20, minFixes: 1 } })
      await send('truck', DRIVING(4, 30))
      await until(async () => (await summary(org)).includes('overspeed truck open'))
    })

    it('a limit of the device goes, the limit of the fence that it is in stays', async (t, org) => {
      const started = await withIngest(t, db, org)
      await started.ingest.putFence(org, { ...FENCE, properties: { speedLimit: 15 } })
      await set(started, org, { overspeed: { limit: 20, minFixes: 1 } })
      await started.send('truck', DRIVING(1, 10), DRIVING(2, 30))
      await started.send('van', fixAt(1, { ...OUTSIDE, speed: 10 }), fixAt(2, { ...OUTSIDE, speed: 30 }))
      await opened(started, 'overspeed', 'truck')
      await opened(started, 'overspeed', 'van')
      await set(started, org, {})
      assert.deepEqual(await summary(org), ['overspeed truck open', 'overspeed van closed rule-off'])
    })

    it('the offline rule is switched off while a device is offline: closed, and no one hears that it is back', async (t, org) => {
      let shift = 0
      const started = await withIngest(t, db, org, { now: () => Date.now() + shift })
      const { send } = started
      await set(started, org, { offline: { silenceSeconds: 120 } })
      await send('truck', fixAt(1, OUTSIDE))
      await until(async () => (await db.query('select 1 from connectivity where org = $1', [org])).length === 1)
      shift = 125_000
      const { topic } = await opened(started, 'offline')
      await set(started, org, { offline: null })
      await emptied(started, topic)
      assert.deepEqual(await summary(org), ['offline truck closed rule-off'])
      // On again at once: silence counts anew, and is another incident.
      await set(started, org, { offline: { silenceSeconds: 120 } })
      shift = 250_000
      await until(async () => (await summary(org)).includes('offline truck open'))
      await set(started, org, { offline: null })
      await send('truck', fixAt(2, OUTSIDE))
      await set(started, org, { offline: { silenceSeconds: 120 } })
      await send('truck', fixAt(3, OUTSIDE))
      // Whatever the watch still has to do is done when another one has gone and come back.
      shift = 375_000
      await until(async () => (await summary(org)).includes('offline truck open'))
      shift = 376_000
      await send('truck', fixAt(4, OUTSIDE))
      await until(async () => notifications(started, org).includes('device/online/truck'))
      assert.deepEqual(
        notifications(started, org),
        ['offline', 'offline', 'offline', 'online'].map(event => `device/${event}/truck`),
      )
      assert.deepEqual(await summary(org), [
        'offline truck closed ended',
        'offline truck closed rule-off',
        'offline truck closed rule-off',
      ])
    })

    it('a storm whose rule is switched off is over with all that are in it', async (t, org) => {
      const started = await withIngest(t, db, org)
      const { ingest, send, recorder } = started
      await ingest.setIncidentSettings(org, { storm: { devices: 3 } })
      await set(started, org, { overspeed: { limit: 20, minFixes: 1 } })
      for (const id of ['a', 'b', 'c', 'd']) await send(id, DRIVING(1, 10), DRIVING(2, 30))
      const storm = await recorder.until(({ topic, payload }) => {
        if (parseTopic(topic)?.channel !== 'incident' || payload === '') return false
        return (JSON.parse(payload) as Incident).kind === 'storm'
      })
      await set(started, org, null)
      await emptied(started, storm.topic)
      const states = (await incidents(org)).map(({ incident }) => `${incident.kind} ${incident.closed?.reason}`).sort()
      assert.deepEqual(states, [...Array(4).fill('overspeed rule-off'), 'storm ended'])
      const shown = recorder.messages.filter(({ topic, payload }) => {
        return parseTopic(topic)?.channel === 'incident' && payload !== '' && payload.includes('left-storm')
      })
      assert.deepEqual(shown, [], 'none is shown on its own on the way')
    })

    it('pairs of a proximity rule that is deleted or changed are near no more; another rule of the pair keeps its own', async (t, org) => {
      const started = await withIngest(t, db, org)
      const { ingest, send } = started
      const soon = Date.now() - 30_000
      const fix = (second: number) => ({ timestamp: soon + second * 1_000, location: OUTSIDE })
      const rule = { devices: ['guard', 'vip'], nearMeters: 100 }
      await ingest.putProximityRule(org, 'one', rule)
      await ingest.putProximityRule(org, 'two', { ...rule, nearMeters: 200 })
      await send('guard', fix(1))
      await send('vip', fix(2))
      const { topic } = await opened(started, 'near', 'guard')
      await until(async () => notifications(started, org).length === 2)
      const pairs = async () =>
        (
          await db.query<{ id: string }>('select rule_id as id from proximity_states where org = $1 order by 1', [org])
        ).map(({ id }) => id)
      assert.deepEqual(await pairs(), ['one', 'two'])
      assert.equal(await ingest.deleteProximityRule(org, 'one'), true)
      assert.deepEqual([await pairs(), await summary(org)], [['two'], ['near guard vip open']])
      await ingest.putProximityRule(org, 'two', { ...rule, nearMeters: 200 })
      assert.deepEqual([await pairs(), await summary(org)], [['two'], ['near guard vip open']], 'the same again')
      await ingest.putProximityRule(org, 'two', { ...rule, nearMeters: 150 })
      assert.deepEqual([await pairs(), await summary(org)], [[], ['near guard vip closed rule-changed']])
      await emptied(started, topic)

      // By the new rule they are near with their next fix: another incident.
      await send('vip', fix(3))
      await until(async () => (await summary(org)).includes('near guard vip open'))
      await ingest.deleteProximityRule(org, 'two')
      assert.deepEqual(
        [await pairs(), await summary(org)],
        [[], ['near guard vip closed rule-changed', 'near guard vip closed rule-deleted']],
      )
      assert.deepEqual(notifications(started, org), Array(3).fill('device/near/guard'), 'no far comes of it')
    })

    it('a device that leaves a group leaves no incident of the group behind', async (t, org) => {
      const started = await withIngest(t, db, org)
      const { ingest, send } = started
      const vans = ['vans']
      for (const deviceId of ['van', 'bus']) await ingest.registerDevice({ org, deviceId, groups: vans })
      await ingest.putFence(org, { ...ALARM, properties: { severity: 'high', appliesTo: { groups: vans } } })
      await ingest.setRules({ org, scope: 'group', subject: 'vans' }, { overspeed: { limit: 20, minFixes: 1 } })
      await ingest.putProximityRule(org, 'escort', { devices: ['guard'], group: 'vans', nearMeters: 1_000 })
      const soon = Date.now() - 30_000
      const fix = (second: number, speed: number) => ({
        timestamp: soon + second * 1_000,
        location: { ...INSIDE, speed },
      })
      await send('guard', fix(1, 0))
      for (const deviceId of ['van', 'bus']) await send(deviceId, fix(1, 10), fix(2, 30))
      await until(async () => (await summary(org)).length === 6)
      await ingest.registerDevice({ org, deviceId: 'van', groups: ['other'] })
      assert.deepEqual(await summary(org), [
        'geofence bus open',
        'geofence van closed fence-changed',
        'near guard bus open',
        'near guard van closed rule-off',
        'overspeed bus open',
        'overspeed van closed rule-off',
      ])
    })

    it('leaving when the schedule of the fence is not in force ends what its enter opened, though no exit is announced', async (t, org) => {
      const started = await withIngest(t, db, org)
      const { ingest, send } = started
      // In force in the hour of the first fix alone.
      const hour = Math.floor((Date.now() - 7_200_000) / 3_600_000) * 3_600_000
      const at = (minute: number, location: typeof INSIDE) => ({ timestamp: hour + minute * 60_000, location })
      const clock = (time: number) => new Date(time).toISOString().slice(11, 16)
      const schedule = { from: clock(hour), to: clock(hour + 3_600_000), timeZone: 'UTC' }
      await ingest.putFence(org, { ...FENCE, properties: { severity: 'high', maxStaySeconds: 600, schedule } })
      await send('truck', at(1, OUTSIDE), at(2, INSIDE), at(20, INSIDE), at(70, INSIDE))
      const { topic } = await opened(started, 'geofence')
      await opened(started, 'overstay')
      await send('truck', at(80, OUTSIDE))
      await emptied(started, topic)
      assert.deepEqual(await summary(org), ['geofence truck closed ended', 'overstay truck closed ended'])
      assert.ok(!notifications(started, org).some(told => told.startsWith('geofence/exit')))
      assert.ok((await incidents(org)).every(({ incident }) => incident.closed?.at === hour + 80 * 60_000))
    })

    it('what nobody has seen yet is closed unseen, and never told', async (t, org) => {
      let shift = 0
      const started = await withIngest(t, db, org, { now: () => Date.now() + shift })
      await started.ingest.setIncidentSettings(org, { minSeconds: { overspeed: 900 } })
      await set(started, org, { overspeed: { limit: 20, minFixes: 1 } })
      await started.send('truck', DRIVING(1, 10), DRIVING(2, 30))
      await until(async () => (await summary(org)).length === 1)
      await set(started, org, {})
      // Its end is told later, after it would have been news: neither is.
      shift = 1_000_000
      await started.send('truck', DRIVING(950, 10))
      await until(async () => (await incidents(org))[0]!.timeline.includes('ended'))
      assert.deepEqual(await summary(org), ['overspeed truck closed rule-off'])
      assert.deepEqual(notifications(started, org), [])
    })
  })
}

async function until(fits: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await fits()); tries++) {
    assert.ok(tries < 2_000, 'what was waited for did not come')
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}
