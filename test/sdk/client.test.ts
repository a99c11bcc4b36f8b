import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type AlertEvent, type DeviceView, RealtimeClient, type SosState } from '../../web-client/sdk/node/index.ts'
import { startCutProxy } from '../support/cut-proxy.ts'
import { eventually } from '../support/eventually.ts'
import { type RunningPlatform, startTestPlatform } from '../support/platform.ts'
import { SQUARE } from '../support/square-walk.ts'
import type { Who } from '../support/who.ts'

function clientOf(t: TestContext, platform: RunningPlatform, who: Who, url = platform.httpUrl): RealtimeClient {
  const client = new RealtimeClient({ url, token: () => platform.token(who) })
  t.after(() => client.disconnect())
  return client
}

test('one platform, the whole client', async t => {
  const platform = await startTestPlatform(t)
  const desk = clientOf(t, platform, { role: 'dispatcher', sub: 'desk' })
  await desk.connect()

  await t.test('a fence, a device that enters it, and what the desk hears of it', async t => {
    const alerts: AlertEvent[] = []
    desk.on('geofenceNotification', ({ payload }) => alerts.push(payload!), { event: 'enter' })
    let view: DeviceView | undefined
    const stop = desk.trackDevice('van-1', next => {
      view = next
    })
    const fence = await desk.http.putFence({ ...SQUARE, id: 'square' })
    assert.equal(fence.id, 'square')
    const van = clientOf(t, platform, { role: 'device', sub: 'van-1' })
    await van.connect()
    const from = Date.now() - 10_000
    await (await van.sendLocation({ timestamp: from, location: { lat: 0.001, lng: 0.001 } })).delivered
    await van.publish(
      'location',
      { deviceId: 'van-1' },
      { timestamp: from + 1_000, location: { lat: 0.01, lng: 0.01 } },
    )
    await eventually('the alert', () => alerts.length === 1)
    await eventually('the view', () => view?.fix?.timestamp === from + 1_000 && view.status?.state === 'online')
    stop()
    assert.deepEqual(
      (await desk.http.history('van-1')).items.map(({ timestamp }) => timestamp),
      [from, from + 1_000],
    )
    const whole = []
    for await (const fix of desk.http.wholeHistory('van-1')) whole.push(fix)
    assert.equal(whole.length, 2)
    assert.equal((await desk.http.device('van-1')).last?.timestamp, from + 1_000)
    assert.equal((await desk.http.alerts({ deviceId: 'van-1', event: 'enter' })).items[0]?.id, alerts[0]!.id)
    await assert.rejects(desk.http.device('nobody'), { code: 'device_unknown', status: 404 })
    await desk.http.deleteFence('square')
  })

  await t.test('a client that was disconnected begins again: it sends, and follows what is added', async t => {
    const van = clientOf(t, platform, { role: 'device', sub: 'van-9' })
    const watcher = clientOf(t, platform, { role: 'dispatcher', sub: 'watcher' })
    const heard: number[] = []
    for (const [round, channel] of (['location', 'last'] as const).entries()) {
      await van.connect()
      await watcher.connect()
      const timestamp = Date.now() - 10_000 + round * 1_000
      const stop = watcher.on(channel, ({ payload }) => heard.push(payload!.timestamp), { deviceId: 'van-9' })
      await (await van.sendLocation({ timestamp, location: { lat: 1, lng: 1 } })).delivered
      await eventually('the fix', () => heard.includes(timestamp))
      // One that is not wanted any more is given up a second later: the client is gone by then.
      stop()
      watcher.disconnect()
      van.disconnect()
    }
  })

  await t.test('more than the platform follows at once is asked for by channel, and heard', async t => {
    const watcher = clientOf(t, platform, { role: 'dispatcher', sub: 'many' })
    const heard = new Set<string>()
    for (let i = 0; i < 30; i++) {
      for (const channel of ['location', 'last', 'status', 'sos'] as const)
        watcher.on(channel, ({ topic }) => heard.add(topic), { deviceId: `bus-${i}` })
    }
    await watcher.connect()
    const bus = clientOf(t, platform, { role: 'device', sub: 'bus-29' })
    await bus.connect()
    await (await bus.sendLocation({ timestamp: Date.now() - 1_000, location: { lat: 2, lng: 2 } })).delivered
    await eventually('its fix', () => heard.has('demo/devices/bus-29/location'))
    await eventually('its status', () => heard.has('demo/devices/bus-29/status'))
  })

  await t.test('a command, said twice, is one', async () => {
    const command = { id: 'c-1', name: 'locate' }
    const [first, second] = [
      await desk.http.sendCommand('van-1', command),
      await desk.http.sendCommand('van-1', command),
    ]
    assert.equal(first.id, 'c-1')
    assert.equal(second.createdAt, first.createdAt)
  })

  await t.test('an SOS and what becomes of it, as the device and as the desk see it', async t => {
    const phone = clientOf(t, platform, { role: 'device', sub: 'phone-1' })
    await phone.connect()
    const seen: SosState['phase'][] = []
    const sos = await phone.triggerSos({ message: 'help', location: { lat: 41, lng: -8 } })
    sos.state.subscribe(() => seen.push(sos.state.get().phase))
    await sos.sent
    await eventually('the answer', () => sos.state.get().phase === 'triggered')
    const { alertId } = sos.state.get()
    const { items } = await desk.http.sosAlerts()
    assert.deepEqual(
      items.map(alert => [alert.alertId, alert.newest?.message]),
      [[alertId, 'help']],
    )
    await desk.http.acknowledgeSos(alertId!, 'on our way')
    await eventually('help is coming', () => sos.state.get().phase === 'acknowledged')
    await phone.cancelSos(sos, 'found the keys')
    assert.equal(sos.state.get().phase, 'cancelled')
    await eventually('it is closed', async () => (await desk.http.sosAlerts()).items.length === 0)
  })

  await t.test('what is refused is told, by its code', async t => {
    const ann = clientOf(t, platform, { role: 'user', sub: 'ann' })
    const codes: string[] = []
    ann.on('refused', ({ code }) => codes.push(code))
    ann.on('incident', () => undefined)
    await ann.connect()
    await eventually('the filter is refused', () => codes.includes('subscribe_forbidden'))
    assert.deepEqual(ann.connection.get().refused, ['demo/incidents/+'])
    await ann.publish('location', { deviceId: 'van-1' }, { timestamp: 1, location: { lat: 1, lng: 1 } })
    await eventually('the position is refused', () => codes.includes('publish_forbidden'))
    await assert.rejects(ann.publish('location', { deviceId: 'a/b' }, { timestamp: 1, location: { lat: 1, lng: 1 } }), {
      code: 'topic_invalid',
    })
  })

  await t.test('tokens are renewed in place: no message is missed and the sending connection stays', async t => {
    const proxy = await startCutProxy(t, platform.httpUrl)
    const ttlSeconds = 4
    let asked = 0
    const van = new RealtimeClient({
      url: proxy.url,
      token: () => {
        asked += 1
        return platform.token({ role: 'device', sub: 'van-2', ttlSeconds })
      },
    })
    t.after(() => van.disconnect())
    const heard: number[] = []
    const phases: string[] = []
    van.on('location', ({ payload }) => heard.push(payload!.timestamp), { deviceId: 'van-2' })
    await van.connect()
    van.connection.subscribe(() => phases.push(van.connection.get().sending))
    const sent: number[] = []
    while (asked < 4) {
      const timestamp = Date.now() - 1_000
      await (await van.sendLocation({ timestamp, location: { lat: 41, lng: -8 } })).delivered
      sent.push(timestamp)
      await new Promise(resolve => setTimeout(resolve, 250))
    }
    await eventually('all of it', () => heard.length === sent.length)
    assert.deepEqual(heard, sent)
    assert.ok(!phases.includes('offline'), phases.join())
  })

  await t.test(
    'a client that cannot connect says why, and a fixed token that is refused is not tried for ever',
    async t => {
      const refused = new RealtimeClient({
        url: platform.httpUrl,
        token: 'e30.eyJzdWIiOiJhIiwib3JnIjoiZGVtbyIsImV4cCI6OTk5OTk5OTk5OX0.x',
      })
      t.after(() => refused.disconnect())
      await assert.rejects(refused.connect(), { code: 'token_invalid' })
      assert.deepEqual([refused.connection.get().phase, refused.connection.get().retryAtMs], ['offline', null])
      const lost = new RealtimeClient({
        url: 'http://127.0.0.1:1',
        token: () => platform.token({ role: 'user', sub: 'ann' }),
      })
      t.after(() => lost.disconnect())
      await assert.rejects(lost.connect(), { code: 'unreachable' })
      assert.ok(lost.connection.get().retryAtMs! > 0)
      await lost.disconnect()
      assert.equal(lost.connection.get().phase, 'idle')
      assert.throws(() => new RealtimeClient({ url: 'mqtt://x', token: '' }), { code: 'request_invalid' })
    },
  )
})
