import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Database } from '../../../bridge/index.ts'
import type { DeviceEvent, Incident } from '../../../contract/index.ts'
import { withPglite } from '../../support/databases.ts'
import { fixAt, OUTSIDE, type Recorder, START, type TestIngest, withIngest } from '../../support/ingest.ts'
import { openScope } from '../../support/scope.ts'

const raising = (second: number, ...alarms: string[]) => fixAt(second, OUTSIDE, { attributes: { alarms } })
const short = (event: DeviceEvent | null) => `${event!.phase} ${(event!.timestamp - START) / 1_000}`
const told = (recorder: Recorder, deviceId: string, kind: string) =>
  recorder.payloads<DeviceEvent>(`demo/notifications/device/${kind}/${deviceId}`)

describe('alarms that devices raise themselves', () => {
  const scope = openScope()
  let db: Database
  let first: TestIngest
  let nowMs = Date.now()
  before(async () => {
    db = await withPglite(scope)
    first = await withIngest(scope, db, 'demo', { now: () => nowMs })
  })

  after(() => scope.release())

  const incidentsOf = async (deviceId: string): Promise<string[]> => {
    const rows = await db.query<{ body: { incident: Incident } }>(
      'select body from incidents where device_id = $1 order by opened_at',
      [deviceId],
    )
    return rows.map(({ body: { incident } }) =>
      [incident.kind, incident.source, incident.state, incident.closed?.reason, incident.count].join(' '),
    )
  }

  it('one alert for however many messages; it ends when the device says so; a repeat of all of it changes nothing', async () => {
    const { send, recorder } = first
    const fixes = [
      raising(0, 'power-cut', 'hard-braking'),
      raising(10, 'power-cut'),
      raising(20, 'power-cut', 'no-such-alarm'),
      fixAt(30, OUTSIDE, { attributes: { externalPower: true } }),
    ]
    for (const fix of fixes) await send('van-1', fix)
    await send('van-1', ...fixes)
    await recorder.until(({ payload }) => payload.includes('"end"') && payload.includes('van-1'))
    const [begin, end, ...more] = told(recorder, 'van-1', 'power-cut')
    assert.deepEqual([short(begin!), short(end!), more], ['begin 0', 'end 30', []])
    assert.deepEqual([begin!.source, begin!.location, end!.seconds], ['device', OUTSIDE, 30])
    assert.equal(begin!.episode, end!.episode)
    assert.deepEqual(await incidentsOf('van-1'), ['power-cut device closed ended 1'])
  })

  it('one that nobody waited for ends an alarm too', async () => {
    await first.send('van-9', raising(0, 'power-cut'))
    const fix = fixAt(10, OUTSIDE, { attributes: { externalPower: true } })
    const from = { sub: 'van-9', role: 'device', address: undefined } as const
    const sent = { org: 'demo', deviceId: 'van-9', fix, receivedAt: nowMs, registers: true, bytes: 100, from }
    assert.equal(first.ingest.unawaited({ ...sent, told: () => {} }), 'forward')
    await first.recorder.until(({ payload }) => payload.includes('"end"') && payload.includes('van-9'))
  })

  it('of two messages of one moment the second may be the alarm, though it is the same fix', async () => {
    await first.send('van-2', fixAt(0, OUTSIDE))
    const [result] = await first.send('van-2', raising(0, 'overspeed'))
    assert.equal(result!.status, 'repeated')
    await first.recorder.until(({ topic }) => topic === 'demo/notifications/device/overspeed/van-2')
  })

  it('a message without a position raises it as well', async () => {
    await first.send('van-3', fixAt(0, OUTSIDE))
    const report = { timestamp: START + 5_000, alarms: ['low-battery'], attributes: {} }
    await first.ingest.alarms({ org: 'demo', deviceId: 'van-3', reports: [report] })
    await first.ingest.alarms({ org: 'demo', deviceId: 'van-3', reports: [report] })
    await first.recorder.until(({ topic }) => topic === 'demo/notifications/device/low-battery/van-3')
    const events = told(first.recorder, 'van-3', 'low-battery')
    assert.deepEqual(events.map(short), ['begin 5'])
    assert.deepEqual(events[0]!.location, OUTSIDE)
  })

  it('`alarms: null` ends what is open, and nothing begins any more; `kinds` are those that are heeded', async () => {
    const { ingest, send, recorder } = first
    await send('van-4', raising(0, 'tampering'))
    assert.deepEqual(await incidentsOf('van-4'), ['tampering device open  1'])
    const subject = { org: 'demo', scope: 'device' as const, subject: 'van-4' }
    await ingest.setRules(subject, { alarms: null })
    assert.deepEqual(await incidentsOf('van-4'), ['tampering device closed rule-off 1'])
    await send('van-4', raising(10, 'accident'))
    await ingest.setRules(subject, { alarms: { kinds: ['jamming'], severity: 'high' } })
    await send('van-4', raising(20, 'accident', 'jamming'))
    await recorder.until(({ topic }) => topic === 'demo/notifications/device/jamming/van-4')
    assert.equal(told(recorder, 'van-4', 'jamming')[0]!.severity, 'high')
    assert.deepEqual(told(recorder, 'van-4', 'accident'), [])
  })

  it('a rule that is off does not close what the device raised itself', async () => {
    const { ingest, send } = first
    const subject = { org: 'demo', scope: 'device' as const, subject: 'van-5' }
    await ingest.setRules(subject, { lowBattery: { limit: 20 } })
    await send('van-5', raising(0, 'low-battery'))
    await ingest.setRules(subject, { lowBattery: null })
    assert.deepEqual(await incidentsOf('van-5'), ['low-battery device open  1'])
  })

  it('`sos` among the alarms of a fix is an SOS, once for a fix', async () => {
    await first.send('van-6', raising(0, 'sos'))
    await first.send('van-6', raising(0, 'sos'))
    await first.recorder.until(({ topic }) => topic === 'demo/notifications/sos/triggered/van-6')
    assert.equal(first.recorder.on('demo/notifications/sos/triggered/van-6').length, 1)
  })

  it('what is not raised again is over after the quiet time, also when the platform was restarted in between', async () => {
    await first.send('van-7', raising(0, 'vibration'))
    await first.ingest.close()
    nowMs += 301_000
    const { recorder } = await withIngest(scope, db, 'demo', { now: () => nowMs })
    await recorder.until(({ topic, payload }) => topic.endsWith('vibration/van-7') && payload.includes('"end"'))
    const end = told(recorder, 'van-7', 'vibration').at(-1)!
    assert.deepEqual([short(end), end.inferred], ['end 300', true])
    assert.deepEqual(await incidentsOf('van-7'), ['vibration device closed ended 1'])
  })
})
