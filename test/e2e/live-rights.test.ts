import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MqttClient } from 'mqtt'
import { startTestPlatform } from '../support/platform.ts'

const once = (client: MqttClient, event: 'message' | 'close'): Promise<void> =>
  new Promise(resolve => client.once(event, () => resolve()))

const ADMIN = { role: 'admin', sub: 'boss' } as const

test('what an administrator changes over HTTP reaches live MQTT connections', async t => {
  const platform = await startTestPlatform(t)
  const admin = async (method: string, path: string, body?: unknown): Promise<Response> => {
    const response = await platform.request(path, { ...ADMIN, method, body })
    assert.ok(response.ok, `${method} ${path}: ${response.status}`)
    return response
  }
  await admin('POST', '/api/v1/users', { id: 'ann', role: 'user', password: null })
  await admin('POST', '/api/v1/devices', { id: 'truck-1', groups: ['vans'] })
  const ann = await platform.connect({ role: 'user', sub: 'ann' })
  const truck = await platform.connect({ role: 'device', sub: 'truck-1' })
  await ann.subscribeAsync('demo/devices/+/location', { qos: 1 })
  const received: number[] = []
  ann.on('message', (_topic, payload) => received.push(JSON.parse(payload.toString()).timestamp))
  const send = (timestamp: number) =>
    truck.publishAsync(
      'demo/devices/truck-1/location',
      JSON.stringify({ timestamp, location: { lat: 41.15, lng: -8.61 } }),
      { qos: 1 },
    )
  const start = Date.now() - 60_000

  await send(start)
  await admin('PATCH', '/api/v1/users/ann', { groups: ['vans'] })
  let arrived = once(ann, 'message')
  await send(start + 1_000)
  await arrived
  await admin('PATCH', '/api/v1/devices/truck-1', { groups: [] })
  await send(start + 2_000)
  await admin('PATCH', '/api/v1/devices/truck-1', { groups: ['vans'] })
  arrived = once(ann, 'message')
  await send(start + 3_000)
  await arrived
  assert.deepEqual(received, [start + 1_000, start + 3_000], 'what she might not see at its time never came')

  const closed = [ann, truck].map(client => once(client, 'close'))
  await admin('POST', '/api/v1/admin/bans', { sub: 'ann' })
  await closed[0]
  await admin('DELETE', '/api/v1/devices/truck-1/tokens')
  await closed[1]

  const van = await platform.connect({ role: 'device', sub: 'van-1' })
  const withItsKey = once(van, 'close')
  const keys = (await (await admin('GET', '/api/v1/admin/keys')).json()) as { items: { kid: string }[] }
  await admin('POST', '/api/v1/admin/keys/rotate', { immediately: true })
  await admin('POST', `/api/v1/admin/keys/${keys.items[0]!.kid}/retire`)
  await withItsKey
})
