import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { MqttClient } from 'mqtt'
import type { Incident } from '../../contract/index.ts'
import { fix } from '../support/broker.ts'
import { type RunningPlatform, startTestPlatform } from '../support/platform.ts'
import type { Who } from '../support/who.ts'
import { Ear } from '../support/wire.ts'

const BOSS: Who = { role: 'admin', sub: 'boss' }
const DESK: Who = { role: 'dispatcher', sub: 'desk' }
const ADMIN_PATH = '/api/v1/admin'

interface ConnectionItem {
  readonly id: string
  readonly sub: string
  readonly clientId: string
  readonly [more: string]: unknown
}

async function list(
  platform: RunningPlatform,
  query = '',
  who = BOSS,
): Promise<{ items: ConnectionItem[]; next: string | null }> {
  const answer = await platform.request(`${ADMIN_PATH}/connections${query}`, who)
  assert.equal(answer.status, 200)
  return (await answer.json()) as { items: ConnectionItem[]; next: string | null }
}

async function device(platform: RunningPlatform, sub: string, clientId = `modem-${sub}`): Promise<MqttClient> {
  const will = {
    topic: `demo/devices/${sub}/status`,
    payload: Buffer.from('{"state":"offline","battery":3}'),
    qos: 1,
  } as const
  const client = await platform.connect({ role: 'device', sub }, { clientId, will: { ...will, retain: true } })
  client.on('error', () => {})
  return client
}

const closeOf = (client: MqttClient) => new Promise<void>(resolve => client.once('close', resolve))

async function fleet(t: TestContext, count: number): Promise<{ platform: RunningPlatform; clients: MqttClient[] }> {
  const platform = await startTestPlatform(t)
  const clients: MqttClient[] = []
  for (let i = 0; i < count; i++) clients.push(await device(platform, `truck-${i}`))
  return { platform, clients }
}

test('an administrator sees who is connected, page by page, and nobody of another organisation', async t => {
  const { platform, clients } = await fleet(t, 5)
  await clients[0]!.subscribeAsync(['demo/devices/truck-0/#', 'demo/fences/+'], { qos: 1 })
  const rival = await platform.connect({ role: 'device', sub: 'truck-0', org: 'rival' })
  const seen: ConnectionItem[] = []
  let cursor: string | null = ''
  for (let page = 0; cursor !== null; page++) {
    assert.ok(page < 3)
    const { items, next }: Awaited<ReturnType<typeof list>> = await list(
      platform,
      `?limit=2${cursor && `&cursor=${cursor}`}`,
    )
    seen.push(...items)
    cursor = next
  }
  assert.deepEqual(
    seen.map(({ sub }) => sub),
    ['truck-0', 'truck-1', 'truck-2', 'truck-3', 'truck-4'],
  )
  const { id, since, tokenExpiresAt, ...first } = seen[0]!
  assert.match(id, /^[0-9a-z]+-\d+$/)
  assert.ok((since as number) <= Date.now() && (tokenExpiresAt as number) > Date.now())
  assert.deepEqual(first, {
    sub: 'truck-0',
    role: 'device',
    clientId: 'modem-truck-0',
    transport: 'tcp',
    address: '127.0.0.1',
    cleanSession: true,
    subscriptions: ['demo/devices/truck-0/#', 'demo/fences/+'],
    queuedBytes: 0,
  })
  const [theirs] = (await list(platform, '', { ...BOSS, org: 'rival' })).items
  const refused = await platform.request(`${ADMIN_PATH}/connections/${theirs!.id}`, { ...BOSS, method: 'DELETE' })
  assert.deepEqual([refused.status, ((await refused.json()) as { code: string }).code], [404, 'connection_unknown'])
  const kicked = await platform.request(`${ADMIN_PATH}/kick`, { ...BOSS, body: { sub: 'nobody' } })
  assert.deepEqual(await kicked.json(), { disconnected: 0 })
  assert.equal(rival.connected, true)
  for (const who of [DESK, { role: 'device', sub: 'truck-0' } as const]) {
    assert.equal((await platform.request(`${ADMIN_PATH}/connections`, who)).status, 403)
  }
})

test('a connection is ended, told why, and its will is published; a kick ends all of one principal', async t => {
  const { platform, clients } = await fleet(t, 1)
  const ear = new Ear(await platform.connect(DESK))
  const desk = await platform.connect(DESK)
  const deskEar = new Ear(desk)
  await desk.subscribeAsync(['demo/devices/+/status', 'demo/users/desk/errors'], { qos: 1 })
  const found = (await list(platform)).items.find(({ sub }) => sub === 'truck-0')!
  const gone = closeOf(clients[0]!)
  const answer = await platform.request(`${ADMIN_PATH}/connections/${found.id}`, { ...BOSS, method: 'DELETE' })
  assert.equal(answer.status, 204)
  await gone
  await deskEar.hear<{ battery?: number }>('its will', ({ payload }) => payload?.battery === 3)
  const again = await platform.request(`${ADMIN_PATH}/connections/${found.id}`, { ...BOSS, method: 'DELETE' })
  assert.equal(again.status, 404)
  const closed = closeOf(desk)
  const kick = await platform.request(`${ADMIN_PATH}/kick`, { ...BOSS, body: { sub: 'desk' } })
  assert.deepEqual(await kick.json(), { disconnected: 2 })
  await closed
  await deskEar.hear<{ code?: string }>('why', ({ payload }) => payload?.code === 'kicked')
  assert.equal(ear.heard.length, 0)
  const audit = await platform.request('/api/v1/admin/audit?action=connection', BOSS)
  assert.deepEqual(
    ((await audit.json()) as { items: { action: string; target: string; actor: string }[] }).items.map(
      ({ action, target, actor }) => [action, target, actor],
    ),
    [
      ['connection.kick', 'desk', 'boss'],
      ['connection.end', 'truck-0', 'boss'],
    ],
  )
  assert.deepEqual((await list(platform)).items, [])
})

test('one device active from two places is one incident, and one notification, until a person closes it', async t => {
  const platform = await startTestPlatform(t)
  const ear = new Ear(
    await platform.connect(DESK).then(async client => {
      await client.subscribeAsync(['demo/incidents/+', 'demo/notifications/device/#'], { qos: 1 })
      return client
    }),
  )
  const clones = [await device(platform, 'truck-7', 'one'), await device(platform, 'truck-7', 'two')]
  for (let round = 0; round < 6; round++) {
    for (const clone of clones) await clone.publishAsync('demo/devices/truck-7/location', fix(), { qos: 1 })
  }
  const { payload } = await ear.hear<Incident>('the incident', heard => heard.payload?.kind === 'identity-clash')
  assert.deepEqual(
    { change: payload.change, deviceId: payload.deviceId, text: payload.text, count: payload.count },
    { change: 'opened', deviceId: 'truck-7', text: 'truck-7 is active from two places at once', count: 1 },
  )
  await ear.hear('the notification', ({ topic }) => topic === 'demo/notifications/device/identity-clash/truck-7')
  const listed = await platform.request('/api/v1/incidents?kind=identity-clash&state=open', DESK)
  assert.equal(((await listed.json()) as { items: unknown[] }).items.length, 1)
  const closed = await platform.request(`/api/v1/incidents/${payload.incidentId}/close`, { ...DESK, body: {} })
  assert.equal(closed.status, 200)
})

test('/health/realtime counts connections, sessions, subscriptions and retained messages', async t => {
  const platform = await startTestPlatform(t)
  const read = async () => (await (await fetch(`${platform.httpUrl}/health/realtime`)).json()) as Record<string, number>
  const before = await read()
  assert.equal(before.status, 'ok')
  const desk = await platform.connect(DESK, { clean: false, clientId: 'desk' })
  await desk.subscribeAsync(['demo/devices/+/last', 'demo/fences/+'], { qos: 1 })
  const { connections, sessions, subscriptions } = await read()
  assert.deepEqual(
    [connections, sessions, subscriptions],
    [before.connections! + 1, before.sessions! + 1, before.subscriptions! + 2],
  )
  await device(platform, 'truck-1')
  while ((await read()).retained === before.retained) await new Promise(setImmediate)
})
