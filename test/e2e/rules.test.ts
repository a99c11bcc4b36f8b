import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DeviceEvent } from '../../contract/index.ts'
import { startTestPlatform } from '../support/platform.ts'
import { Ear } from '../support/wire.ts'

const DESK = { role: 'dispatcher', sub: 'desk' } as const
const TRUCK = { role: 'device', sub: 'truck-1' } as const

test('a rule set over HTTP begins and ends one alert over MQTT, across kill -9 in between', async t => {
  const first = await startTestPlatform(t)
  const rules = { overspeed: { limit: 22, severity: 'high' } }
  assert.equal((await first.request('/api/v1/rules', { ...DESK, method: 'PUT', body: rules })).status, 200)

  const start = Date.now() - 60_000
  const fix = (second: number, speed: number) =>
    JSON.stringify({ timestamp: start + second * 1_000, location: { lat: 60.17, lng: 24.94 + second / 1_000, speed } })
  const drive = async (platform: typeof first, fixes: readonly [second: number, speed: number][]) => {
    const truck = await platform.connect(TRUCK)
    for (const [second, speed] of fixes) {
      await truck.publishAsync('demo/devices/truck-1/location', fix(second, speed), { qos: 1 })
    }
  }
  const listen = async (platform: typeof first) => {
    const client = await platform.connect(DESK)
    const ear = new Ear(client)
    await client.subscribeAsync('demo/notifications/device/#', { qos: 1 })
    return ear
  }

  const before = await listen(first)
  await drive(first, [
    [0, 20],
    [1, 25],
    [2, 20],
    [3, 24],
    [4, 27],
  ])
  const begin = await before.hear<DeviceEvent>('the begin', ({ payload }) => payload.phase === 'begin')
  await first.stop('SIGKILL')

  const second = await startTestPlatform(t, { dataDirectory: first.dataDirectory })
  const after = await listen(second)
  await drive(second, [
    [5, 30],
    [6, 21],
    [7, 23],
    [8, 20],
    [9, 18],
  ])
  const end = await after.hear<DeviceEvent>('the end', ({ payload }) => payload.phase === 'end')

  const topic = 'demo/notifications/device/overspeed/truck-1'
  assert.deepEqual([begin.topic, end.topic], [topic, topic])
  const { id, episode, ...rest } = begin.payload
  assert.deepEqual(rest, {
    event: 'overspeed',
    phase: 'begin',
    deviceId: 'truck-1',
    timestamp: start + 3_000,
    location: { lat: 60.17, lng: 24.94 + 3 / 1_000, speed: 24 },
    value: 24,
    limit: 22,
    severity: 'high',
  })
  assert.notEqual(end.payload.id, id)
  assert.deepEqual(
    [end.payload.episode, end.payload.timestamp, end.payload.maximum, end.payload.seconds],
    [episode, start + 8_000, 30, 5],
  )

  const alerts = await second.request('/api/v1/alerts?deviceId=truck-1', DESK)
  assert.deepEqual(((await alerts.json()) as { items: unknown }).items, [end.payload, begin.payload])
  const effective = await second.request('/api/v1/devices/truck-1/rules', DESK)
  assert.deepEqual(((await effective.json()) as { sources: unknown }).sources, { overspeed: { scope: 'organisation' } })
})
