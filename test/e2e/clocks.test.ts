import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { buildTopic, type ErrorNotice, type LocationUpdate } from '../../contract/index.ts'
import { eventually } from '../support/eventually.ts'
import { type RunningPlatform, startTestPlatform } from '../support/platform.ts'
import { readTrickyUploads, sentFix, type TrickyFix } from '../support/tricky-uploads.ts'
import { Ear } from '../support/wire.ts'

const HOUR_MS = 3_600_000
const DESK = { role: 'dispatcher', sub: 'desk' } as const
const data = process.env.TRACKWIRE_TEST_DATA
const skip = data === undefined && 'TRACKWIRE_TEST_DATA does not say where the real uploads are'

interface SetAside {
  readonly id: number
  readonly timestamp: number
  readonly suggestedTime: number | null
  readonly suggestedOffsetSeconds: number | null
}

async function itemsOf<T>(platform: RunningPlatform, path: string): Promise<T[]> {
  const response = await platform.request(path, DESK)
  assert.equal(response.status, 200)
  return ((await response.json()) as { items: T[] }).items
}

const timesOf = async (platform: RunningPlatform, deviceId: string): Promise<number[]> =>
  (await itemsOf<LocationUpdate>(platform, `/api/v1/devices/${deviceId}/history?limit=1000`)).map(fix => fix.timestamp)

const lastOf = async (platform: RunningPlatform, deviceId: string): Promise<number> =>
  ((await (await platform.request(`/api/v1/devices/${deviceId}/last`, DESK)).json()) as LocationUpdate).timestamp

for (const qos of [0, 1] as const) {
  test(`real uploads with lost week counts, moved to now, over MQTT with QoS ${qos}, and kill -9 behind them`, {
    skip,
  }, async t => {
    // Days of fixes are sent in seconds: of their clocks, not of how fast a device may send.
    const environment = { TRACKWIRE_LIMITS: 'off' }
    const first = await startTestPlatform(t, { environment })
    const desk = await first.connect(DESK)
    const ear = new Ear(desk)
    await desk.subscribeAsync('demo/devices/+/location', { qos: 1 })
    const truth = new Map<string, number[]>()
    const wanted = ['week-rollover', 'week-rollover-future'].flatMap(name =>
      readTrickyUploads(data!).filter(
        ({ case: of, device }) => of === name && /^(chi-086|porto-20000688|hel-3)$/.test(device),
      ),
    )
    for (const { case: name, device, uploads } of wanted) {
      const deviceId = `${name}-${device}`
      const fixes = uploads.flatMap(upload => upload.fixes)
      const shiftMs = Date.now() - 1_000 - Math.max(...fixes.map(trueTime))
      const client = await first.connect({ role: 'device', sub: deviceId })
      const errors = new Ear(client)
      await client.subscribeAsync(buildTopic('errors', { org: 'demo', userId: deviceId }))
      for (const fix of fixes) {
        await client.publishAsync(`demo/devices/${deviceId}/location`, JSON.stringify(sentFix(fix, shiftMs)), { qos })
      }
      const times = [...new Set(fixes.map(fix => trueTime(fix) + shiftMs))].sort((a, b) => a - b)
      truth.set(deviceId, times)
      await ear.until(`all of ${deviceId}`, () => heardOf(ear, deviceId).length >= times.length)
      assert.deepEqual(
        heardOf(ear, deviceId).sort((a, b) => a - b),
        times,
        'subscribers get the true times only',
      )
      const { payload } = await errors.hear<ErrorNotice>(
        'the notice',
        heard => heard.payload.code === 'timestamp_repaired',
      )
      assert.match(payload.message, /1024 weeks off/)
      assert.equal(errors.heard.length, 1, 'told once, not with each fix')
    }
    for (const [deviceId, times] of truth) {
      // Subscribers have fixes of QoS 0 before they are stored.
      await eventually(
        `all of ${deviceId} are stored`,
        async () => (await timesOf(first, deviceId)).length >= times.length,
      )
      assert.deepEqual(await timesOf(first, deviceId), times)
      assert.equal(await lastOf(first, deviceId), times.at(-1))
    }
    await first.stop('SIGKILL')

    const second = await startTestPlatform(t, { dataDirectory: first.dataDirectory, environment })
    for (const [deviceId, times] of truth) {
      // A device that did not see its acknowledgements sends again what it has, lost week count and all.
      const again = { timestamp: times.at(-1)! - 1_024 * 7 * 24 * HOUR_MS, location: { lat: 60, lng: 24 } }
      const client = await second.connect({ role: 'device', sub: deviceId })
      await client.publishAsync(`demo/devices/${deviceId}/location`, JSON.stringify(again), { qos: 1 })
      assert.deepEqual(await timesOf(second, deviceId), times)
      assert.equal(await lastOf(second, deviceId), times.at(-1))
    }
  })
}

function trueTime({ t, true_t }: TrickyFix): number {
  return true_t ?? t
}

function heardOf(ear: Ear, deviceId: string): number[] {
  return ear.heard
    .filter(({ topic }) => topic === `demo/devices/${deviceId}/location`)
    .map(({ payload }) => (payload as LocationUpdate).timestamp)
}

test('a fix from the future never is where a device is, also across kill -9, and never goes out', async t => {
  const first = await startTestPlatform(t)
  const ear = new Ear(await first.connect(DESK))
  const publish = async (platform: RunningPlatform, timestamp: number, qos: 0 | 1 = 1) => {
    const client = await platform.connect({ role: 'device', sub: 'truck-1' })
    const fix = { timestamp, location: { lat: 60.17, lng: 24.94 } }
    await client.publishAsync('demo/devices/truck-1/location', JSON.stringify(fix), { qos })
    await client.endAsync()
  }
  const now = Date.now()
  await publish(first, now - 10_000)
  for (const aheadMs of [121_000, HOUR_MS, 400 * 24 * HOUR_MS]) await publish(first, Date.now() + aheadMs)
  await publish(first, Date.now() + 3 * HOUR_MS, 0)
  await first.stop('SIGKILL')

  const second = await startTestPlatform(t, { dataDirectory: first.dataDirectory })
  assert.equal(await lastOf(second, 'truck-1'), now - 10_000)
  await publish(second, now - 5_000)
  assert.equal(await lastOf(second, 'truck-1'), now - 5_000, 'the device goes on from its true time')
  assert.deepEqual(await timesOf(second, 'truck-1'), [now - 10_000, now - 5_000])
  assert.ok((await itemsOf<SetAside>(second, '/api/v1/set-aside')).length >= 3)
  assert.ok(ear.heard.every(({ payload }) => (payload as LocationUpdate).timestamp <= now))
})

test('a clock eight hours ahead over MQTT: told once, suggested; set by a person, all goes out with its true time', async t => {
  const platform = await startTestPlatform(t)
  const desk = await platform.connect(DESK)
  const ear = new Ear(desk)
  await desk.subscribeAsync('demo/devices/+/location', { qos: 1 })
  const truck = await platform.connect({ role: 'device', sub: 'truck-1' })
  const errors = new Ear(truck)
  await truck.subscribeAsync('demo/users/truck-1/errors')
  const sent: number[] = []
  const send = async (qos: 0 | 1) => {
    const timestamp = Math.max(Date.now() + 8 * HOUR_MS, (sent.at(-1) ?? 0) + 1)
    sent.push(timestamp)
    const fix = { timestamp, location: { lat: 60.17, lng: 24.94 } }
    await truck.publishAsync('demo/devices/truck-1/location', JSON.stringify(fix), { qos })
  }
  for (let i = 0; i < 8; i++) await send(1)
  const notice = await errors.hear<ErrorNotice>('the offset', heard => heard.payload.code === 'clock_offset')
  assert.match(notice.payload.message, /28800 s \(8 h\) ahead/)
  const rows = await itemsOf<SetAside>(platform, '/api/v1/set-aside?deviceId=truck-1')
  assert.deepEqual(
    rows.map(({ timestamp, suggestedOffsetSeconds }) => [timestamp, suggestedOffsetSeconds]),
    sent.toReversed().map(timestamp => [timestamp, 28_800]),
  )

  const url = '/api/v1/devices/truck-1/clock-offset'
  await platform.request(url, { ...DESK, method: 'PUT', body: { offsetSeconds: 28_800 } })
  for (const qos of [0, 1] as const) await send(qos)
  await ear.until('both fixes', () => heardOf(ear, 'truck-1').length === 2)
  assert.deepEqual(
    heardOf(ear, 'truck-1'),
    sent.slice(-2).map(timestamp => timestamp - 8 * HOUR_MS),
  )
  assert.equal(errors.heard.filter(({ payload }) => (payload as ErrorNotice).code === 'clock_offset').length, 1)
})

test('kill -9 while a thousand fixes are accepted neither loses nor doubles one', async t => {
  const first = await startTestPlatform(t)
  const start = Date.now() + HOUR_MS
  const updates = Array.from({ length: 1_000 }, (_, i) => ({
    timestamp: start + i * 10,
    deviceId: 'truck-1',
    location: { lat: 60.17, lng: 24.94 },
  }))
  const device = { role: 'device', sub: 'truck-1' } as const
  assert.equal((await first.request('/api/tracking/batch', { ...device, body: updates })).status, 202)
  const body = { deviceId: 'truck-1', offsetSeconds: 3_700 }
  const accepting = first.request('/api/v1/set-aside/accept', { ...DESK, body }).catch(() => {})
  await delay(60)
  await first.stop('SIGKILL')
  await accepting

  const second = await startTestPlatform(t, { dataDirectory: first.dataDirectory })
  const waiting = await itemsOf<SetAside>(second, '/api/v1/set-aside?limit=1000')
  const stored = await timesOf(second, 'truck-1')
  const truth = updates.map(({ timestamp }) => timestamp - 3_700_000)
  assert.deepEqual(
    [...stored, ...waiting.map(({ timestamp }) => timestamp - 3_700_000)].sort((a, b) => a - b),
    truth,
    'each is in the history or waits, none both',
  )
  const rest = await second.request('/api/v1/set-aside/accept', { ...DESK, body })
  assert.deepEqual(await rest.json(), { accepted: waiting.length, refused: [], next: null })
  assert.deepEqual(await timesOf(second, 'truck-1'), truth)
})
