import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SosEvent } from '../../contract/index.ts'
import { type RunningPlatform, startTestPlatform } from '../support/platform.ts'
import { Ear } from '../support/wire.ts'

const DESK = { role: 'dispatcher', sub: 'desk' } as const
const DEVICE = { role: 'device', sub: 'phone-1' } as const
const SOS_TOPIC = 'demo/devices/phone-1/sos'
const OPEN_TOPIC = 'demo/sos/phone-1'

async function listen(
  platform: RunningPlatform,
): Promise<{ ear: Ear; publish(topic: string, payload: object): Promise<unknown> }> {
  const client = await platform.connect(DESK)
  const ear = new Ear(client)
  await client.subscribeAsync(['demo/notifications/sos/#', OPEN_TOPIC], { qos: 1 })
  return { ear, publish: (topic, payload) => client.publishAsync(topic, JSON.stringify(payload), { qos: 1 }) }
}

test('an SOS is triggered, survives kill -9, is acknowledged over MQTT and resolved over HTTP', async t => {
  const first = await startTestPlatform(t)
  const before = await listen(first)
  const phone = await first.connect(DEVICE)
  const timestamp = Date.now() - 5_000
  const fix = { timestamp: timestamp - 1_000, location: { lat: 60.17, lng: 24.94, accuracy: 8 } }
  await phone.publishAsync('demo/devices/phone-1/location', JSON.stringify(fix), { qos: 1 })
  const request = JSON.stringify({ action: 'trigger', id: 'press-1', timestamp, message: 'fell from a ladder' })
  await phone.publishAsync(SOS_TOPIC, request, { qos: 1 })

  const triggered = await before.ear.hear<SosEvent>(
    'the SOS',
    ({ topic }) => topic === 'demo/notifications/sos/triggered/phone-1',
  )
  const { alertId, location, message, openedAt, event } = triggered.payload
  assert.deepEqual(
    { location, message, openedAt, event },
    { location: fix.location, message: 'fell from a ladder', openedAt: timestamp, event: 'triggered' },
  )

  // A repeat, and another press while it is open, are one alert.
  await phone.publishAsync(SOS_TOPIC, request, { qos: 1 })
  await phone.publishAsync(
    SOS_TOPIC,
    JSON.stringify({ action: 'trigger', id: 'press-2', timestamp: timestamp + 1_000 }),
    { qos: 1 },
  )
  // While it is open, its topic follows the device.
  const moved = { timestamp: timestamp + 2_000, location: { lat: 60.18, lng: 24.95 } }
  await phone.publishAsync('demo/devices/phone-1/location', JSON.stringify(moved), { qos: 1 })
  await before.ear.hear<SosEvent>(
    'the new position',
    ({ topic, payload }) => topic === OPEN_TOPIC && payload?.location?.lat === 60.18,
  )
  await first.stop('SIGKILL')
  assert.equal(before.ear.heard.filter(({ topic }) => topic.includes('/triggered/')).length, 1)

  const second = await startTestPlatform(t, { dataDirectory: first.dataDirectory })
  const after = await listen(second)
  const retained = await after.ear.hear<SosEvent>(
    'the retained alert',
    ({ topic, retain }) => topic === OPEN_TOPIC && retain,
  )
  assert.equal(retained.payload.alertId, alertId)
  const open = (await (await second.request('/api/v1/sos?state=open', DESK)).json()) as { items: { alertId: string }[] }
  assert.deepEqual(
    open.items.map(item => item.alertId),
    [alertId],
  )

  await after.publish(`demo/sos/${alertId}/acknowledge`, { note: 'on my way' })
  const acknowledged = await after.ear.hear<SosEvent>(
    'the acknowledgement',
    ({ topic }) => topic === 'demo/notifications/sos/acknowledged/phone-1',
  )
  assert.deepEqual({ by: acknowledged.payload.by, note: acknowledged.payload.note }, { by: 'desk', note: 'on my way' })
  const resolve = await second.request(`/api/v1/sos/${alertId}/resolve`, { ...DESK, body: { note: 'all well' } })
  assert.equal(resolve.status, 200)
  await after.ear.hear<SosEvent>('the end', ({ topic }) => topic === 'demo/notifications/sos/resolved/phone-1')
  await after.ear.hear<null>('the emptied topic', ({ topic, payload }) => topic === OPEN_TOPIC && payload === null)
  assert.equal((await second.request(`/api/v1/sos/${alertId}/resolve`, { ...DESK, body: {} })).status, 409)

  // The first press sent once more, after all is over: still the same alert, and nothing opens.
  const again = await second.connect(DEVICE)
  await again.publishAsync(SOS_TOPIC, request, { qos: 1 })
  const still = (await (await second.request('/api/v1/sos?state=open', DESK)).json()) as { items: unknown[] }
  assert.deepEqual(still.items, [])
  assert.equal(await second.stop(), 0)
})

test('its sender cancels an SOS; a device cannot acknowledge one', async t => {
  const platform = await startTestPlatform(t)
  const { ear } = await listen(platform)
  const phone = await platform.connect(DEVICE)
  const told = new Ear(phone)
  await phone.subscribeAsync('demo/users/phone-1/errors')
  const timestamp = Date.now()
  await phone.publishAsync(SOS_TOPIC, JSON.stringify({ action: 'trigger', id: 'press-1', timestamp }), { qos: 1 })
  const { payload } = await ear.hear<SosEvent>('the SOS', ({ topic }) => topic.includes('/triggered/'))
  await phone.publishAsync(`demo/sos/${payload.alertId}/resolve`, '{}', { qos: 1 })
  await told.hear('the refusal', ({ payload }) => (payload as { code: string }).code === 'publish_forbidden')
  await phone.publishAsync(
    SOS_TOPIC,
    JSON.stringify({ action: 'cancel', id: 'press-1', timestamp: timestamp + 1_000 }),
    { qos: 1 },
  )
  await ear.hear<SosEvent>('the cancellation', ({ topic }) => topic.includes('/cancelled/'))
})

test('an escalation that was due while the platform was down is told once after kill -9; an acknowledgement ends it', async t => {
  const first = await startTestPlatform(t)
  const before = await listen(first)
  const policy = { tiers: [3, 4, 3_600].map(afterSeconds => ({ afterSeconds, notify: ['admin'] })) }
  const saved = await first.request('/api/v1/sos/policy', { role: 'admin', sub: 'boss', method: 'PUT', body: policy })
  assert.equal(saved.status, 200)
  const phone = await first.connect(DEVICE)
  await phone.publishAsync(SOS_TOPIC, JSON.stringify({ action: 'trigger', id: 'p', timestamp: Date.now() }), { qos: 1 })
  await first.stop('SIGKILL')
  const toldBefore = before.ear.heard.filter(({ topic }) => topic.includes('/escalated/')).length

  await new Promise(resolve => setTimeout(resolve, 4_000))
  const second = await startTestPlatform(t, { dataDirectory: first.dataDirectory })
  const after = await listen(second)
  const timeline = async () => {
    const list = await (await second.request('/api/v1/sos?state=all', DESK)).json()
    const [{ alertId }] = (list as { items: [{ alertId: string }] }).items
    const body = await (await second.request(`/api/v1/sos/${alertId}`, DESK)).json()
    const { timeline: steps } = body as { timeline: { event: SosEvent }[] }
    return { alertId, steps: steps.map(({ event }) => [event.event, event.tier]) }
  }
  await after.ear.until('both tiers on the retained alert', () =>
    after.ear.heard.some(({ topic, payload }) => topic === OPEN_TOPIC && (payload as SosEvent | null)?.tier === 2),
  )
  const { alertId, steps } = await timeline()
  assert.deepEqual(
    steps,
    [
      ['triggered', undefined],
      ['escalated', 1],
      ['escalated', 2],
    ],
    `${toldBefore} of them before the kill`,
  )
  await after.publish(`demo/sos/${alertId}/acknowledge`, {})
  await after.ear.hear('the acknowledgement', ({ topic }) => topic.includes('/acknowledged/'))
  const open = (await (await second.request(`/api/v1/sos/${alertId}`, DESK)).json()) as { alert: { dueAt: unknown } }
  assert.equal(open.alert.dueAt, null, 'the third tier is not waited for any more')
})

test('the device is answered, a malformed SOS stands, its trail is for those who may see the device', async t => {
  const platform = await startTestPlatform(t)
  const { ear } = await listen(platform)
  const phone = await platform.connect(DEVICE)
  const told = new Ear(phone)
  await phone.subscribeAsync(['demo/users/phone-1/errors', 'demo/devices/phone-1/commands/+'], { qos: 1 })
  const family = await platform.connect({ role: 'user', sub: 'mum', devices: ['phone-1'] })
  const stranger = await platform.connect({ role: 'user', sub: 'eve', devices: ['phone-2'] })
  const [seen, unseen] = [new Ear(family), new Ear(stranger)]
  for (const client of [family, stranger])
    await client.subscribeAsync(['demo/sos/#', 'demo/notifications/#'], { qos: 1 })

  const request = { action: 'trigger', timestamp: 4_000_000_000_000, location: { lat: 91, lng: 1 }, drill: true }
  await phone.publishAsync(SOS_TOPIC, JSON.stringify(request), { qos: 1 })
  const { payload } = await ear.hear<SosEvent>('the SOS', ({ topic }) => topic.includes('/triggered/'))
  assert.deepEqual([payload.drill, payload.location], [true, undefined])
  assert.ok(Math.abs(payload.openedAt - Date.now()) < 30_000)
  await told.hear('what was amended', heard => (heard.payload as { code: string }).code === 'sos_amended')
  await told.hear('that it was received', heard => (heard.payload as { name: string }).name === 'sos-received')

  const fix = { timestamp: Date.now(), location: { lat: 60.17, lng: 24.94 } }
  await phone.publishAsync('demo/devices/phone-1/location', JSON.stringify(fix), { qos: 1 })
  await seen.hear('the trail', ({ topic }) => topic === 'demo/sos/phone-1/trail')
  const acknowledged = await platform.request(`/api/v1/sos/${payload.alertId}/acknowledge`, { ...DESK, body: {} })
  assert.equal(acknowledged.status, 200)
  const command = await told.hear<{ name: string; args: { text: string } }>(
    'that somebody comes',
    heard => heard.payload.name === 'sos-acknowledged',
  )
  assert.match(command.payload.args.text, /^drill/)

  const trail = await platform.request(`/api/v1/sos/${payload.alertId}/trail`, DESK)
  assert.equal(trail.headers.get('content-type')?.split(';')[0], 'application/geo+json')
  const { geometry, properties } = (await trail.json()) as { geometry: object; properties: { times: number[] } }
  assert.deepEqual(geometry, { type: 'Point', coordinates: [24.94, 60.17] })
  assert.deepEqual(properties.times, [fix.timestamp])
  const hidden = { role: 'user' as const, sub: 'eve', devices: ['phone-2'] }
  assert.equal((await platform.request(`/api/v1/sos/${payload.alertId}/trail`, hidden)).status, 404)
  assert.deepEqual(unseen.heard, [], 'who may not see the device hears nothing')
})
