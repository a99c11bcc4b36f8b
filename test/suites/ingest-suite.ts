import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { type Database, type FixResult, registerDevice } from '../../bridge/index.ts'
import {
  buildTopic,
  type GeofenceEvent,
  type LocationUpdate,
  type SosEvent,
  type TrackwireError,
} from '../../contract/index.ts'
import { onDatabase } from '../support/database-suite.ts'
import {
  FENCE,
  fixAt,
  INSIDE,
  OUTSIDE,
  START,
  sent,
  shortGeofence,
  shortSos,
  type TestIngest,
  withIngest,
} from '../support/ingest.ts'
import type { TestScope } from '../support/scope.ts'

/** So many fixes wait at the most: the last line of defence of the committer. */
const MOST_WAITING = 200_000

/** How the ingest pipeline behaves, whatever database is below it. Each test has an organisation of its own. */
export function ingestSuite(name: string, openDatabase: (t: TestScope) => Promise<Database | undefined>): void {
  describe(`ingest on ${name}`, async () => {
    let db: Database
    const { it } = onDatabase(name, openDatabase, {
      orgs: 'org',
      use: opened => {
        db = opened
      },
    })

    const last = (org: string, deviceId: string): string => buildTopic('last', { org, deviceId })
    const alerts = (org: string, event: string, deviceId: string): string =>
      buildTopic('geofenceNotification', { org, event, deviceId })
    const events = async (org: string): Promise<string[]> =>
      (await db.query<{ body: GeofenceEvent }>('select body from events where org = $1 order by seq', [org])).map(row =>
        shortGeofence(row.body),
      )
    const count = async (table: string, org: string): Promise<number> =>
      (await db.query<{ n: number }>(`select count(*)::int as n from ${table} where org = $1`, [org]))[0]!.n
    const outboxOf = async (org: string): Promise<string[]> =>
      (await db.query<{ topic: string }>('select topic from outbox where topic like $1 order by id', [`${org}/%`])).map(
        ({ topic }) => topic,
      )
    const newestOf = async (org: string, deviceId: string): Promise<LocationUpdate | undefined> =>
      (
        await db.query<{ newest: LocationUpdate }>(
          'select newest from device_state where org = $1 and device_id = $2',
          [org, deviceId],
        )
      )[0]?.newest
    const trigger = ({ ingest }: TestIngest, org: string, id: string, action: 'trigger' | 'cancel' = 'trigger') =>
      ingest.sos({
        org,
        deviceId: 'truck',
        request: { action, id, timestamp: Date.now() },
        receivedAt: Date.now(),
        registers: true,
        principal: 'truck',
      })
    const answer = ({ ingest }: TestIngest, org: string, alertId: string, action: 'acknowledge' | 'resolve') =>
      ingest.answerSos({ org, alertId, action, by: 'Ann', principal: 'ann', receivedAt: Date.now() })

    it('a fix that another node stored meanwhile is a repeat, and costs the others of its group nothing', async (t, org) => {
      const { send } = await withIngest(t, db, org)
      await send('truck', fixAt(1, INSIDE))
      await db.query(
        `insert into fixes (org, device_id, fix_time, received_at, lat, lng) values ($1, 'truck', $2, 0, 1, 1)`,
        [org, fixAt(3, INSIDE).timestamp],
      )
      const results = await send('truck', fixAt(2, INSIDE), fixAt(3, OUTSIDE), fixAt(4, INSIDE))
      assert.deepEqual(
        results.map(({ status }) => status),
        ['stored', 'repeated', 'stored'],
      )
      assert.equal(await count('fixes', org), 4)
      assert.deepEqual(await newestOf(org, 'truck'), { deviceId: 'truck', ...fixAt(4, INSIDE) })
    })

    it('answers after the commit: the fix, the state and the device are there', async (t, org) => {
      const { send } = await withIngest(t, db, org)
      const fix = fixAt(
        1,
        { ...INSIDE, speed: 3.5 },
        { userId: 'u-1', metadata: { battery: 50 }, attributes: { on: true } },
      )
      assert.deepEqual(await send('truck', fix), [{ status: 'stored' }])
      const [row] = await db.query('select * from fixes where org = $1', [org])
      assert.equal(row?.fix_time, fix.timestamp)
      assert.equal(row?.speed, 3.5)
      assert.deepEqual(row?.details, { userId: 'u-1', metadata: { battery: 50 }, attributes: { on: true } })
      assert.deepEqual(await newestOf(org, 'truck'), { deviceId: 'truck', ...fix })
      assert.equal(await count('devices', org), 1)
    })

    it('sending again changes nothing and announces nothing', async (t, org) => {
      const { ingest, recorder, send } = await withIngest(t, db, org)
      await ingest.putFence(org, FENCE)
      const fixes = [fixAt(1, OUTSIDE), fixAt(2, INSIDE), fixAt(3, OUTSIDE)]
      assert.deepEqual(
        await send('truck', ...fixes),
        fixes.map(() => ({ status: 'stored' })),
      )
      assert.deepEqual(
        await send('truck', ...fixes),
        fixes.map(() => ({ status: 'repeated' })),
      )
      assert.deepEqual(await send('truck', fixes[1], fixes[1]), [{ status: 'repeated' }, { status: 'repeated' }])
      assert.equal(await count('fixes', org), 3)
      assert.deepEqual(await events(org), ['enter 2', 'exit 3'])
      await ingest.close()
      assert.equal(recorder.on(alerts(org, 'enter', 'truck')).length, 1)
      assert.equal(recorder.on(alerts(org, 'exit', 'truck')).length, 1)
    })

    it('stores a crossing once, announces it as stored, and empties the outbox', async (t, org) => {
      const { ingest, recorder, send } = await withIngest(t, db, org)
      await ingest.putFence(org, FENCE)
      await send('truck', fixAt(1, OUTSIDE), fixAt(2, INSIDE))
      const message = await recorder.until(({ topic }) => topic === alerts(org, 'enter', 'truck'))
      assert.deepEqual([message.qos, message.retain], [1, false])
      const event = JSON.parse(message.payload) as GeofenceEvent
      assert.deepEqual([event.deviceId, event.fenceId, event.fenceName], ['truck', 'square', 'Square'])
      const [row] = await db.query<{ id: string; body: unknown }>('select id, body from events where org = $1', [org])
      assert.deepEqual(row, { id: event.id, body: event })
      await ingest.close()
      assert.deepEqual(await outboxOf(org), [])
    })

    it('judges the fixes of a batch one by one', async (t, org) => {
      const { send } = await withIngest(t, db, org)
      const results = await send(
        'truck',
        fixAt(1, INSIDE),
        { timestamp: 'yesterday' },
        fixAt(2, { lat: 0, lng: 0 }),
        { timestamp: 1_700_000_000, location: INSIDE },
        fixAt(3, INSIDE, { deviceId: 'other' }),
        fixAt(4, INSIDE),
      )
      assert.deepEqual(
        results.map(result => ('code' in result ? result.code : result.status)),
        ['stored', 'payload_invalid', 'position_null_island', 'timestamp_implausible', 'device_mismatch', 'stored'],
      )
      assert.equal(await count('fixes', org), 2)
    })

    it('announces what only a late fix reveals, without moving the device', async (t, org) => {
      const { ingest, recorder, send } = await withIngest(t, db, org)
      await ingest.putFence(org, FENCE)
      await send('truck', fixAt(1, OUTSIDE), fixAt(10, OUTSIDE))
      assert.deepEqual(await send('truck', fixAt(5, INSIDE)), [{ status: 'stored' }])
      assert.equal((await newestOf(org, 'truck'))?.timestamp, START + 10_000)
      assert.deepEqual(await events(org), ['enter 5', 'exit 10'])
      await ingest.close()
      const announced = recorder.messages.filter(({ topic }) => topic.startsWith(`${org}/notifications/`))
      assert.ok(announced.every(({ payload }) => (JSON.parse(payload) as GeofenceEvent).late === true))
      assert.deepEqual(
        recorder.payloads<LocationUpdate>(last(org, 'truck')).map(fix => fix?.timestamp),
        [START + 10_000],
      )
    })

    it('evaluates a batch in the order of its times, and answers in the order it was sent', async (t, org) => {
      const { ingest, send } = await withIngest(t, db, org)
      await ingest.putFence(org, FENCE)
      const batch = [fixAt(4, OUTSIDE), { nonsense: true }, fixAt(2, INSIDE), fixAt(3, INSIDE), fixAt(1, OUTSIDE)]
      const results = await send('truck', ...batch)
      assert.deepEqual(
        results.map(({ status }) => status),
        ['stored', 'refused', 'stored', 'stored', 'stored'],
      )
      assert.deepEqual(await events(org), ['enter 2', 'exit 4'])
    })

    it('sets a fix of the future aside: kept, told, not where the device is', async (t, org) => {
      const { ingest, recorder, send } = await withIngest(t, db, org)
      await ingest.putFence(org, FENCE)
      const future = { timestamp: Date.now() + 3_600_000, location: INSIDE }
      const [result, again] = await send('truck', future, fixAt(1, OUTSIDE))
      assert.ok(result?.status === 'set-aside' && result.code === 'timestamp_future')
      assert.equal(again?.status, 'stored')
      const [row] = await db.query('select reason, fix_time, fix from set_aside where org = $1', [org])
      assert.deepEqual(row, { reason: 'timestamp_future', fix_time: future.timestamp, fix: future })
      assert.equal(await count('fixes', org), 1)
      await ingest.close()
      assert.deepEqual(await events(org), [])
      assert.deepEqual(
        recorder.payloads<LocationUpdate>(last(org, 'truck')).map(fix => fix?.timestamp),
        [START + 1_000],
      )
    })

    describe('fixes that come alone', () => {
      const awaited = ({ ingest }: TestIngest, org: string, fix: LocationUpdate) =>
        new Promise<FixResult | Error>(resolve => ingest.awaited(sent(org, fix, resolve)))

      it('whose sender waits are told of after the commit, whoever the device is', async (t, org) => {
        const running = await withIngest(t, db, org)
        for (const second of [1, 2]) {
          assert.deepEqual(await awaited(running, org, fixAt(second, INSIDE)), { status: 'stored' })
          assert.equal(await count('fixes', org), second)
        }
        assert.deepEqual(await awaited(running, org, fixAt(2, INSIDE)), { status: 'repeated' })
        const poison = (await awaited(
          running,
          org,
          fixAt(3, INSIDE, { attributes: { note: 'a NUL \0 in it' } }),
        )) as Extract<FixResult, { status: 'refused' }>
        assert.deepEqual([poison.status, poison.code], ['refused', 'payload_invalid'])
        const future = (await awaited(running, org, {
          timestamp: Date.now() + 3_600_000,
          location: INSIDE,
        })) as FixResult
        assert.equal(future.status, 'set-aside')
        await assert.rejects(awaited(running, org, fixAt(4, { lat: 0, lng: 0 })), { code: 'position_null_island' })
        await running.ingest.correctClock({ org, deviceId: 'truck', offsetSeconds: 10, by: 'ann' })
        const repaired = (await awaited(running, org, fixAt(50, INSIDE))) as FixResult
        assert.ok(repaired.status === 'stored' && repaired.repaired?.timestamp === fixAt(40, INSIDE).timestamp)
        await running.recorder.until(({ topic }) => topic === buildTopic('location', { org, deviceId: 'truck' }))
      })

      it('that nobody waits for are passed on at once, stored, and told of only when there is something to say', async (t, org) => {
        const { ingest, send } = await withIngest(t, db, org)
        const told: (FixResult | Error)[] = []
        const unawaited = (fix: LocationUpdate) => ingest.unawaited(sent(org, fix, outcome => void told.push(outcome)))
        assert.equal(unawaited(fixAt(1, INSIDE)), undefined, 'the device is not known yet')
        await send('truck', fixAt(1, INSIDE))
        assert.equal(unawaited(fixAt(2, INSIDE)), 'forward')
        assert.equal(unawaited({ timestamp: Date.now() + 3_600_000, location: INSIDE }), 'swallow')
        assert.throws(() => unawaited(fixAt(3, { lat: 0, lng: 0 })), { code: 'position_null_island' })
        assert.equal(
          unawaited(fixAt(3, INSIDE, { attributes: { alarms: ['tow'] } })),
          undefined,
          'an alarm is waited for',
        )
        await send('truck', fixAt(4, INSIDE))
        assert.equal(await count('fixes', org), 3)
        assert.deepEqual(
          told.map(outcome => 'status' in outcome && outcome.status),
          ['set-aside'],
        )
        await ingest.correctClock({ org, deviceId: 'truck', offsetSeconds: 10, by: 'ann' })
        assert.equal(unawaited(fixAt(5, INSIDE)), undefined, 'its time is another one')
        await ingest.close()
        assert.equal(unawaited(fixAt(6, INSIDE)), undefined)
        const late = new Promise(resolve => ingest.awaited(sent(org, fixAt(6, INSIDE), resolve)))
        assert.equal(((await late) as TrackwireError).code, 'shutting_down')
      })

      it('in overload take the place of the one before, whoever is not the newest is left out', async (t, org) => {
        const { ingest, send } = await withIngest(t, db, org)
        await ingest.putFence(org, FENCE)
        await send('truck', fixAt(0, OUTSIDE))
        const told: unknown[] = []
        const unawaited = (second: number, bytes = 100, fix = fixAt(second, INSIDE)) =>
          ingest.unawaited({ ...sent(org, fix, outcome => void told.push(outcome)), bytes })
        // Together all that may wait.
        for (let second = 1; second <= 32; second += 1) assert.equal(unawaited(second, 1_048_576), 'forward')
        for (const second of [33, 34, 40]) assert.equal(unawaited(second), 'forward')
        assert.equal(ingest.backlog.overloaded, true)
        assert.throws(() => unawaited(41, 100, fixAt(41, { lat: 0, lng: 0 })), { code: 'position_null_island' })
        const { bytes, fixes } = ingest.backlog
        assert.equal(unawaited(42, 1_100), 'forward')
        assert.deepEqual(ingest.backlog, { bytes: bytes + 1_000, fixes, overloaded: true })
        assert.equal(unawaited(36), 'forward', 'late')
        assert.equal(unawaited(0, 100, { timestamp: Date.now() + 3_600_000, location: INSIDE }), 'swallow')
        await send('truck', fixAt(50, INSIDE))
        assert.equal(ingest.backlog.overloaded, false)
        const rows = await db.query<{ time: number }>(
          'select fix_time as time from fixes where org = $1 order by fix_time',
          [org],
        )
        const seconds = rows.map(({ time }) => (time - START) / 1_000)
        assert.deepEqual(seconds, [...Array.from({ length: 32 }, (_, i) => i), 42, 50])
        assert.deepEqual(told, [{ status: 'set-aside', code: 'timestamp_future', message: (told[0] as Error).message }])
        assert.equal((await newestOf(org, 'truck'))?.timestamp, fixAt(50, INSIDE).timestamp)
        assert.equal((await events(org))[0], 'enter 1')
      })

      it('beyond what can ever wait are refused, and of QoS 0 passed on all the same', async (t, org) => {
        const { ingest, send } = await withIngest(t, db, org)
        await send('truck', fixAt(1, INSIDE))
        const outcomes = new Map<string, number>()
        await new Promise<void>(resolve => {
          let open = MOST_WAITING
          const told = (outcome: FixResult | Error): void => {
            const { status } = outcome as FixResult
            outcomes.set(status, (outcomes.get(status) ?? 0) + 1)
            open -= 1
            if (open === 0) resolve()
          }
          for (let i = 0; i < MOST_WAITING; i += 1) ingest.awaited(sent(org, fixAt(2, INSIDE), told))
          assert.throws(() => ingest.awaited(sent(org, fixAt(3, INSIDE))), { code: 'overloaded' })
          const refused: (FixResult | Error)[] = []
          const went = ingest.unawaited(sent(org, fixAt(3, INSIDE), outcome => void refused.push(outcome)))
          assert.deepEqual([went, refused.map(error => (error as TrackwireError).code)], ['forward', ['overloaded']])
        })
        assert.deepEqual(Object.fromEntries(outcomes), { stored: 1, repeated: MOST_WAITING - 1 })
        assert.deepEqual(await send('truck', fixAt(3, INSIDE)), [{ status: 'stored' }])
      })

      it('cost the others nothing when whoever is told throws', async (t, org) => {
        const running = await withIngest(t, db, org)
        const faulty = (second: number) =>
          running.ingest.awaited(
            sent(org, fixAt(second, INSIDE), () => {
              throw new Error('a fault')
            }),
          )
        // Of a device that is not known yet, then of one that is.
        faulty(1)
        await running.send('truck', fixAt(2, INSIDE))
        faulty(3)
        assert.deepEqual(await awaited(running, org, fixAt(4, INSIDE)), { status: 'stored' })
      })
    })

    it('a value the database cannot hold costs only its own fix', async (t, org) => {
      const { send } = await withIngest(t, db, org)
      const poison = fixAt(1, INSIDE, { attributes: { note: 'a NUL \0 in it' } })
      const senders = Array.from({ length: 40 }, (_, i) =>
        send(`truck-${i}`, i === 17 ? poison : fixAt(1, INSIDE), fixAt(2, INSIDE)),
      )
      for (const [i, results] of (await Promise.all(senders)).entries()) {
        const statuses = results.map(result => ('code' in result ? result.code : result.status))
        assert.deepEqual(statuses, i === 17 ? ['payload_invalid', 'stored'] : ['stored', 'stored'])
      }
      assert.equal(await count('fixes', org), 79)
    })

    it('refuses a device nobody registered, and takes one that was registered elsewhere meanwhile', async (t, org) => {
      const { ingest } = await withIngest(t, db, org)
      const batch = { org, deviceId: 'truck', fixes: [fixAt(1, INSIDE)], receivedAt: Date.now(), registers: false }
      await assert.rejects(ingest.fixes(batch), { code: 'device_unknown' })
      assert.equal(ingest.deviceExists(org, 'truck'), false)
      await registerDevice(db, { org, deviceId: 'truck' }, Date.now())
      assert.deepEqual(await ingest.fixes(batch), [{ status: 'stored' }])
      assert.equal(ingest.deviceExists(org, 'truck'), true)
    })

    it('applies the groups of a device from its next fix on', async (t, org) => {
      const { ingest, send } = await withIngest(t, db, org)
      await ingest.putFence(org, { ...FENCE, properties: { appliesTo: { groups: ['vans'] } } })
      assert.deepEqual(await ingest.registerDevice({ org, deviceId: 'truck', name: 'Truck' }), {
        created: true,
        kept: 0,
      })
      await send('truck', fixAt(1, OUTSIDE), fixAt(2, INSIDE), fixAt(3, OUTSIDE))
      assert.deepEqual(await ingest.registerDevice({ org, deviceId: 'truck', groups: ['vans'] }), {
        created: false,
        kept: 0,
      })
      await send('truck', fixAt(4, INSIDE))
      assert.deepEqual(await events(org), ['enter 4'])
      assert.deepEqual(await db.query('select name, groups from devices where org = $1', [org]), [
        { name: 'Truck', groups: ['vans'] },
      ])
    })

    it('goes on after a restart where it was', async (t, org) => {
      const first = await withIngest(t, db, org)
      await first.ingest.putFence(org, FENCE)
      await first.send('truck', fixAt(1, OUTSIDE), fixAt(2, INSIDE))
      await first.ingest.close()
      const second = await withIngest(t, db, org)
      // Nobody waits for it: what is committed meanwhile would be published in its place.
      await second.recorder.until(({ topic }) => topic === last(org, 'truck'))
      await second.send('truck', fixAt(2, INSIDE), fixAt(3, INSIDE), fixAt(4, OUTSIDE))
      await second.ingest.close()
      assert.deepEqual(await events(org), ['enter 2', 'exit 4'])
      assert.equal(second.recorder.on(alerts(org, 'enter', 'truck')).length, 0)
      assert.equal(second.recorder.on(alerts(org, 'exit', 'truck')).length, 1)
      const retained = second.recorder.payloads<LocationUpdate>(last(org, 'truck'))
      assert.equal(retained[0]?.timestamp, START + 2_000, 'what the broker may have missed is published again')
      assert.equal(retained.at(-1)?.timestamp, START + 4_000)
    })

    it('announces what a crash left in the outbox, in order, before anything else of the device', async (t, org) => {
      const first = await withIngest(t, db, org, { announces: false })
      await first.ingest.putFence(org, FENCE)
      for (let second = 1; second <= 6; second++)
        await first.send('truck', fixAt(second, second % 2 ? OUTSIDE : INSIDE))
      await first.ingest.close()
      assert.equal((await outboxOf(org)).length, 6)
      const { ingest, recorder, send } = await withIngest(t, db, org)
      await send('truck', fixAt(7, INSIDE), fixAt(8, OUTSIDE))
      await ingest.close()
      const announced = recorder.messages
        .filter(({ topic }) => topic.startsWith(`${org}/notifications/`))
        .map(({ payload }) => shortGeofence(JSON.parse(payload) as GeofenceEvent))
      // Fix 6 is inside, fix 7 too.
      assert.deepEqual(announced, ['enter 2', 'exit 3', 'enter 4', 'exit 5', 'enter 6', 'exit 8'])
      assert.deepEqual(await outboxOf(org), [])
    })

    it('offers a message again until the broker takes it, and keeps the order of the device', async (t, org) => {
      const { ingest, recorder, send } = await withIngest(t, db, org)
      await ingest.putFence(org, FENCE)
      let refusals = 2
      recorder.refuse = ({ topic }) => topic === alerts(org, 'enter', 'truck') && refusals-- > 0
      await send('truck', fixAt(1, OUTSIDE), fixAt(2, INSIDE), fixAt(3, OUTSIDE))
      await recorder.until(({ topic }) => topic === alerts(org, 'exit', 'truck'))
      const order = recorder.messages.map(({ topic }) => topic)
      assert.ok(order.indexOf(alerts(org, 'enter', 'truck')) < order.indexOf(alerts(org, 'exit', 'truck')))
    })

    it('publishes the newest position, at most once a second', async (t, org) => {
      const { recorder, send } = await withIngest(t, db, org)
      const started = performance.now()
      for (let second = 1; second <= 20; second++) await send('truck', fixAt(second, INSIDE))
      await recorder.until(
        ({ topic, payload }) => topic === last(org, 'truck') && JSON.parse(payload).timestamp === START + 20_000,
      )
      const seconds = (performance.now() - started) / 1_000
      const published = recorder.on(last(org, 'truck'))
      assert.ok(published.length <= 1 + Math.ceil(seconds), `${published.length} in ${seconds} s`)
      assert.ok(published.every(({ retain, qos }) => retain && qos === 0))
    })

    it('evaluates where devices are when a fence is made, replaced, deleted', async (t, org) => {
      const { ingest, recorder, send } = await withIngest(t, db, org)
      await send('truck', fixAt(1, INSIDE))
      await send('van', fixAt(1, OUTSIDE))
      assert.deepEqual(await ingest.putFence(org, FENCE), { created: true })
      assert.deepEqual(await events(org), ['enter 1 initial'])
      assert.deepEqual(await ingest.putFence(org, FENCE), { created: false })
      assert.deepEqual(await events(org), ['enter 1 initial'], 'the same fence again is no news')
      assert.equal(await ingest.deleteFence(org, 'square'), true)
      assert.equal(await ingest.deleteFence(org, 'square'), false)
      await send('truck', fixAt(2, OUTSIDE), fixAt(3, INSIDE))
      assert.deepEqual(await events(org), ['enter 1 initial'], 'a deleted fence is crossed by nobody')
      await ingest.close()
      const retained = recorder.payloads<{ id: string }>(buildTopic('fence', { org, fenceId: 'square' }))
      assert.deepEqual(
        retained.map(fence => fence?.id ?? 'deleted'),
        ['square', 'square', 'deleted'],
      )
    })

    it('imports fences all or nothing', async (t, org) => {
      const { ingest, send } = await withIngest(t, db, org)
      await send('truck', fixAt(1, INSIDE))
      const bowTie = structuredClone(FENCE)
      bowTie.id = 'bow-tie'
      Object.assign(bowTie.geometry, {
        coordinates: [
          [
            [0, 0],
            [1, 1],
            [1, 0],
            [0, 1],
            [0, 0],
          ],
        ],
      })
      await assert.rejects(ingest.importFences(org, [FENCE, bowTie]), { code: 'fence_invalid' })
      assert.equal(await count('fences', org), 0)
      assert.deepEqual(await events(org), [])
      assert.equal(await ingest.importFences(org, [FENCE, { ...FENCE, id: 'twin' }]), 2)
      assert.equal(await count('fences', org), 2)
      assert.deepEqual(await events(org), ['enter 1 initial', 'enter 1 initial'])
    })

    it('takes an SOS through its life, once however often it is sent', async (t, org) => {
      const pipeline = await withIngest(t, db, org)
      const { ingest, recorder, send } = pipeline
      await send('truck', fixAt(1, INSIDE))
      await trigger(pipeline, org, 'r-1')
      await trigger(pipeline, org, 'r-1')
      await trigger(pipeline, org, 'r-2')
      const [row] = await db.query<{ alert_id: string; state: string }>(
        'select alert_id, state from sos_alerts where org = $1',
        [org],
      )
      const alertId = row!.alert_id
      const acknowledged = await answer(pipeline, org, alertId, 'acknowledge')
      assert.deepEqual([acknowledged.event, acknowledged.by], ['acknowledged', 'Ann'])
      assert.equal((await answer(pipeline, org, alertId, 'acknowledge')).id, acknowledged.id)
      assert.equal((await answer(pipeline, org, alertId, 'resolve')).event, 'resolved')
      await assert.rejects(answer(pipeline, org, alertId, 'resolve'), { code: 'alert_closed' })
      await assert.rejects(answer(pipeline, org, 'no-such-alert', 'resolve'), { code: 'alert_unknown' })
      await trigger(pipeline, org, 'r-1')
      await trigger(pipeline, org, 'r-2')
      await ingest.close()

      assert.equal(await count('sos_alerts', org), 1, 'requests met before open nothing')
      const stored = await db.query<{ event: string; principal: string }>(
        'select event, principal from sos_events where org = $1 order by seq',
        [org],
      )
      assert.deepEqual(stored, [
        { event: 'triggered', principal: 'truck' },
        { event: 'acknowledged', principal: 'ann' },
        { event: 'resolved', principal: 'ann' },
      ])
      const notified = ['triggered', 'acknowledged', 'resolved'].flatMap(event =>
        recorder.payloads<SosEvent>(buildTopic('sosNotification', { org, event, deviceId: 'truck' })),
      )
      assert.deepEqual(notified.map(shortSos), ['triggered', 'acknowledged', 'resolved'])
      assert.deepEqual(notified[0]?.location, INSIDE, 'with the newest known position')
      const retained = recorder.payloads<SosEvent>(buildTopic('sosOpen', { org, deviceId: 'truck' }))
      assert.deepEqual(retained.map(shortSos), ['triggered', 'acknowledged', 'closed'])
    })

    it('lets the sender cancel, and opens a new alert afterwards', async (t, org) => {
      const pipeline = await withIngest(t, db, org)
      await trigger(pipeline, org, 'r-1')
      await trigger(pipeline, org, 'r-1', 'cancel')
      await trigger(pipeline, org, 'r-1', 'cancel')
      await trigger(pipeline, org, 'r-2')
      await pipeline.ingest.close()
      const stored = await db.query<{ event: string }>('select event from sos_events where org = $1 order by seq', [
        org,
      ])
      assert.deepEqual(
        stored.map(({ event }) => event),
        ['triggered', 'cancelled', 'triggered'],
      )
    })

    it('shows the words of a trigger that joins on the topic of the alert, and announces nothing', async (t, org) => {
      const pipeline = await withIngest(t, db, org)
      await trigger(pipeline, org, 'r-1')
      const request = { action: 'trigger', id: 'r-2', timestamp: Date.now(), message: 'in the cellar' } as const
      await pipeline.ingest.sos({
        org,
        deviceId: 'truck',
        request,
        receivedAt: Date.now(),
        registers: true,
        principal: 'truck',
      })
      await pipeline.ingest.close()
      const { recorder } = pipeline
      const retained = recorder.payloads<SosEvent>(buildTopic('sosOpen', { org, deviceId: 'truck' }))
      assert.deepEqual(
        retained.map(event => event?.message),
        [undefined, 'in the cellar'],
      )
      assert.equal(recorder.on(buildTopic('sosNotification', { org, event: 'triggered', deviceId: 'truck' })).length, 1)
    })

    it('announces where the device is while its alert is open, also after a restart', async (t, org) => {
      const first = await withIngest(t, db, org)
      await trigger(first, org, 'r-1')
      await first.ingest.close()
      const { ingest, recorder, send } = await withIngest(t, db, org)
      const topic = buildTopic('sosOpen', { org, deviceId: 'truck' })
      const fix = { timestamp: Date.now() + 1_000, location: OUTSIDE }
      await send('truck', fix)
      const message = await recorder.until(m => m.topic === topic && m.payload.includes('"lng":2'))
      assert.equal(message.retain, true)
      const { alertId } = JSON.parse(message.payload) as SosEvent
      await ingest.answerSos({ org, alertId, action: 'resolve', by: 'Ann', principal: 'ann', receivedAt: Date.now() })
      await send('truck', { ...fix, timestamp: fix.timestamp + 1_000 })
      await ingest.close()
      assert.equal(recorder.on(topic).at(-1)?.payload, '', 'nothing comes after the empty message that closes it')
    })

    it('serves an SOS before the fixes that wait', async (t, org) => {
      const pipeline = await withIngest(t, db, org)
      const finished: string[] = []
      const fixes = Array.from({ length: 8 }, (_, i) =>
        pipeline
          .send(`van-${i}`, ...Array.from({ length: 250 }, (_, second) => fixAt(second + 1, INSIDE)))
          .then(() => finished.push('fixes')),
      )
      const sos = trigger(pipeline, org, 'r-1').then(() => finished.push('sos'))
      await Promise.all([...fixes, sos])
      assert.ok(finished.indexOf('sos') < finished.length - 1, finished.join(' '))
      assert.equal(await count('fixes', org), 2_000)
    })

    it('two pipelines that meet the same device see each other: every crossing once, none missing', async (t, org) => {
      const nodes = [await withIngest(t, db, org), await withIngest(t, db, org)]
      await nodes[0]!.ingest.putFence(org, FENCE)
      // The fences of another node are not told between nodes yet: start one that knows them.
      nodes[1] = await withIngest(t, db, org)
      for (let second = 1; second <= 40; second++) {
        const node = nodes[second % 2]!
        const fix = fixAt(second, Math.floor(second / 4) % 2 ? INSIDE : OUTSIDE)
        // The same fix through both at once, now and then: a device that reconnected elsewhere.
        await Promise.all([
          node.send('truck', fix),
          ...(second % 3 ? [] : [nodes[(second + 1) % 2]!.send('truck', fix)]),
        ])
      }
      const expected = Array.from({ length: 40 }, (_, i) => i + 1)
        .filter(second => second % 4 === 0)
        .map(second => `${(second / 4) % 2 ? 'enter' : 'exit'} ${second}`)
      assert.deepEqual(await events(org), expected)
      for (const { ingest } of nodes) await ingest.close()
      const announced = nodes.flatMap(({ recorder }) =>
        recorder.messages.filter(({ topic }) => topic.startsWith(`${org}/notifications/`)),
      )
      assert.equal(announced.length, expected.length)
    })

    it('two pipelines that get an SOS at once open one alert', async (t, org) => {
      const nodes = [await withIngest(t, db, org), await withIngest(t, db, org)]
      await nodes[0]!.ingest.registerDevice({ org, deviceId: 'truck' })
      await Promise.all(nodes.flatMap((node, i) => [trigger(node, org, `r-${i}`), trigger(node, org, 'r-both')]))
      assert.equal(await count('sos_alerts', org), 1)
      assert.equal(await count('sos_events', org), 1)
      assert.equal(await count('sos_requests', org), 3)
    })

    it('commits what is queued when it closes, and refuses what comes after', async (t, org) => {
      const { ingest, send } = await withIngest(t, db, org)
      const queued = Array.from({ length: 30 }, (_, i) => send(`van-${i}`, fixAt(1, INSIDE)))
      const closing = ingest.close()
      assert.equal(ingest.close(), closing)
      await assert.rejects(send('late', fixAt(1, INSIDE)), { code: 'shutting_down' })
      await assert.rejects(ingest.putFence(org, FENCE), { code: 'shutting_down' })
      assert.ok((await Promise.all(queued)).every(([result]) => result?.status === 'stored'))
      await closing
      assert.equal(await count('fixes', org), 30)
    })
  })
}
