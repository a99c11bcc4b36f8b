import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Gap, type Message, RealtimeClient } from '../../web-client/sdk/node/index.ts'
import { startCutProxy } from '../support/cut-proxy.ts'
import { eventually } from '../support/eventually.ts'
import { type RunningPlatform, startTestPlatform } from '../support/platform.ts'
import { randomOf } from '../support/seeded-random.ts'
import { SQUARE } from '../support/square-walk.ts'

const DESK = { role: 'dispatcher', sub: 'desk' } as const
const CUTS = 6
const FIXES = 250

function clientOf(t: TestContext, platform: RunningPlatform, url: string): RealtimeClient {
  const client = new RealtimeClient({ url, token: () => platform.token(DESK) })
  t.after(() => client.disconnect())
  return client
}

test('coming back', async t => {
  const before = await startTestPlatform(t)

  await t.test(
    'the network is cut at random instants: every message arrives once and in order, at whatever byte it was cut',
    async t => {
      const proxy = await startCutProxy(t, before.httpUrl)
      const random = randomOf(20_261_128)
      const client = clientOf(t, before, proxy.url)
      const heard: number[] = []
      const gaps: Gap[] = []
      client.on('location', ({ payload }) => heard.push(payload!.timestamp))
      client.on('gap', gap => gaps.push(gap))
      await client.connect()

      const van = await before.connect({ role: 'device', sub: 'van-1' })
      const from = Date.now() - FIXES * 1_000
      const times = Array.from({ length: FIXES }, (_, i) => from + i * 1_000)
      let isSending = true
      const cutting = (async () => {
        for (let cuts = 0; cuts < CUTS || isSending; cuts++) {
          await sleep(random() * 500)
          proxy.cut()
          // Now and then another one before the client is back.
          if (random() < 0.3) proxy.close()
          await sleep(random() * 100)
          proxy.open()
        }
      })()
      for (const [i, timestamp] of times.entries()) {
        const body = JSON.stringify({ timestamp, location: { lat: 41 + i / 10_000, lng: -8.6 } })
        // Every third as QoS 0: what MQTT itself would lose in a cut.
        if (i % 3 === 0) van.publish('demo/devices/van-1/location', body, { qos: 0 })
        else await van.publishAsync('demo/devices/van-1/location', body, { qos: 1 })
        await sleep(5)
      }
      isSending = false
      await cutting
      await eventually('all fixes', () => heard.length >= FIXES)
      await sleep(100)
      assert.deepEqual(heard, times)
      assert.deepEqual(gaps, [])
      assert.ok(proxy.connections > CUTS / 2, `${proxy.connections} connections`)
    },
  )

  await t.test(
    'where it cannot go on exactly it says so, and what is retained is as it is now, not as it was',
    async t => {
      for (const id of ['home', 'work']) {
        const fence = { ...SQUARE, id, properties: { name: id } }
        assert.equal((await before.request('/api/v1/fences', { ...DESK, body: fence })).status, 201)
      }
      const proxy = await startCutProxy(t, before.httpUrl)
      const client = clientOf(t, before, proxy.url)
      const gaps: Gap[] = []
      const fences = new Map<string, string | undefined>()
      const told: string[] = []
      client.on('gap', gap => {
        gaps.push(gap)
        told.push('gap')
      })
      client.on('fence', ({ params, payload, isSnapshot }: Message<'fence'>) => {
        told.push(`${params.fenceId}${payload === null ? ' gone' : ''}${isSnapshot ? '' : ' live'}`)
        if (payload === null) fences.delete(params.fenceId)
        else fences.set(params.fenceId, payload.properties.name)
      })
      await client.connect()
      await eventually('both fences', () => fences.size === 2)
      proxy.close()
      await eventually('the loss is seen', () => client.connection.get().phase === 'offline')
      assert.equal((await before.request('/api/v1/fences/home', { ...DESK, method: 'DELETE' })).status, 204)
      await before.stop()
      const after = await startTestPlatform(t, { dataDirectory: before.dataDirectory })
      told.length = 0
      const backAtMs = Date.now()
      proxy.open(after.httpUrl)
      await eventually('the client is back', () => client.connection.get().phase === 'online')
      assert.equal(gaps.length, 1)
      assert.ok(gaps[0]!.sinceMs < backAtMs)
      assert.deepEqual(told, ['gap', 'work', 'home gone'])
      assert.deepEqual([...fences], [['work', 'work']])

      // Whoever subscribes later is told the present too, over the stream that stands and over one that is widened.
      const later: string[] = []
      client.on('fence', ({ params }) => later.push(params.fenceId))
      client.on('last', ({ params }) => later.push(params.deviceId))
      const fix = { deviceId: 'van-2', timestamp: Date.now() - 1_000, location: { lat: 41, lng: -8 } }
      await after.request('/api/tracking/location', { role: 'device', sub: 'van-2', body: fix })
      await eventually('the position', () => later.includes('van-2'))
      assert.deepEqual(
        later.filter(id => id !== 'van-1'),
        ['work', 'van-2'],
      )
    },
  )
})
