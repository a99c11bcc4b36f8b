import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { DeviceEvent, Incident } from '../../contract/index.ts'
import { type RunningPlatform, startTestPlatform } from '../support/platform.ts'
import { Ear } from '../support/wire.ts'

const DESK = { role: 'dispatcher', sub: 'desk' } as const
const device = (sub: string) => ({ role: 'device', sub }) as const

async function watch(platform: RunningPlatform): Promise<Ear> {
  const client = await platform.connect(DESK)
  const ear = new Ear(client)
  await client.subscribeAsync(['demo/notifications/device/#', 'demo/incidents/+'], { qos: 1 })
  return ear
}

async function sendFix(platform: RunningPlatform, deviceId: string, lng = 24.94): Promise<void> {
  const gateway = await platform.connect(device(deviceId))
  const fix = { timestamp: Date.now(), location: { lat: 60.17, lng } }
  await gateway.publishAsync(`demo/devices/${deviceId}/location`, JSON.stringify(fix), { qos: 1 })
  await gateway.endAsync()
}

async function put(platform: RunningPlatform, path: string, body: object): Promise<void> {
  const answer = await platform.request(path, { role: 'admin', sub: 'boss', method: 'PUT', body })
  assert.ok(answer.ok, await answer.text())
}

async function list(platform: RunningPlatform, query: string): Promise<Incident[]> {
  const answer = await platform.request(`/api/v1/incidents?${query}`, DESK)
  assert.equal(answer.status, 200)
  return ((await answer.json()) as { items: Incident[] }).items
}

const told = (event: string, deviceId: string) => {
  const topic = `demo/notifications/device/${event}/${deviceId}`
  return (heard: { topic: string }): boolean => heard.topic === topic
}

test('a silent device is an incident, looked after by a person, until it is heard again; across kill -9 when it is due', async t => {
  const first = await startTestPlatform(t)
  await put(first, '/api/v1/rules', { offline: { silenceSeconds: 2 } })
  const before = await watch(first)
  await sendFix(first, 'truck-1')
  const offline = await before.hear<DeviceEvent>('that it is offline', told('offline', 'truck-1'))
  assert.deepEqual([offline.payload.phase, offline.payload.inferred, offline.payload.value], ['begin', true, 2])
  const opened = await before.hear<Incident>('the incident', ({ payload }) => payload?.change === 'opened')
  const { incidentId, kind, state, deviceId, openedAt, count } = opened.payload
  assert.deepEqual(
    { kind, state, deviceId, openedAt, count },
    { kind: 'offline', state: 'open', deviceId: 'truck-1', openedAt: offline.payload.timestamp, count: 1 },
  )
  assert.equal(opened.topic, `demo/incidents/${incidentId}`)

  const answer = await first.request(`/api/v1/incidents/${incidentId}/acknowledge`, {
    ...DESK,
    body: { note: 'calling the driver' },
  })
  assert.equal(answer.status, 200)
  await before.hear<Incident>('the acknowledgement', ({ payload }) => payload?.state === 'acknowledged')

  // A second one is heard of, and its time comes while nobody is there to see it.
  await sendFix(first, 'truck-2')
  await first.stop('SIGKILL')
  await delay(2_500)
  const restartedAt = Date.now()
  const second = await startTestPlatform(t, { dataDirectory: first.dataDirectory })
  const after = await watch(second)
  const retained = await after.hear<Incident>('what is retained', ({ retain, payload }) => retain && payload !== null)
  assert.deepEqual(
    [retained.payload.incidentId, retained.payload.acknowledged?.by, retained.payload.acknowledged?.note],
    [incidentId, 'desk', 'calling the driver'],
  )
  // Its silence counts from when we could hear again.
  const late = await after.hear<DeviceEvent>('that the second one is offline', told('offline', 'truck-2'))
  assert.ok(late.payload.timestamp >= restartedAt + 2_000, 'not because we were down')

  await sendFix(second, 'truck-1')
  const online = await after.hear<DeviceEvent>('that it is back', told('online', 'truck-1'))
  assert.deepEqual([online.payload.phase, online.payload.episode], ['end', offline.payload.episode])
  await after.hear<null>(
    'the emptied topic',
    ({ topic, payload }) => topic === `demo/incidents/${incidentId}` && payload === null,
  )
  assert.deepEqual(
    (await list(second, 'state=all&kind=offline')).map(({ deviceId, state }) => [deviceId, state]),
    [
      ['truck-2', 'open'],
      ['truck-1', 'closed'],
    ],
  )
  const one = await second.request(`/api/v1/incidents/${incidentId}`, DESK)
  const { timeline } = (await one.json()) as { timeline: { change: string; by?: string }[] }
  assert.deepEqual(
    timeline.map(({ change, by }) => (by === undefined ? change : `${change} by ${by}`)),
    ['began', 'opened', 'acknowledged by desk', 'ended', 'closed'],
  )
  assert.equal(before.heard.filter(told('offline', 'truck-1')).length, 1, 'once before the kill')
  assert.equal(after.heard.filter(told('offline', 'truck-1')).length, 0, 'and not again')
  assert.equal(await second.stop(), 0)
})

test('a device whose session ends is offline when it has not come back within its grace', async t => {
  const platform = await startTestPlatform(t)
  await put(platform, '/api/v1/rules', { offline: { silenceSeconds: 600, graceSeconds: 1 } })
  const ear = await watch(platform)
  const phone = await platform.connect(device('phone-1'))
  await phone.endAsync()
  const gone = await ear.hear<DeviceEvent>('that it is offline', told('offline', 'phone-1'))
  assert.equal(gone.payload.limit, 1)
  await platform.connect(device('phone-1'))
  await ear.hear<DeviceEvent>('that it is back', told('online', 'phone-1'))
})
