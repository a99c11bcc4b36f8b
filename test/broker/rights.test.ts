import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Acl } from '../../contract/index.ts'
import { fix, mint, startTestBroker, type TestBroker } from '../support/broker.ts'
import { openRaw, type RawClient } from '../support/raw-mqtt.ts'
import type { Who } from '../support/who.ts'

const DEVICE: Who = { role: 'device', sub: 'truck-7' }
const DESK: Who = { role: 'dispatcher', sub: 'desk' }
const REFUSED = 0x80
// biome-ignore-start lint/suspicious/noTemplateCurlyInString: placeholders of the acl claim
const BY_CLIENT_ID = 'demo/devices/${clientid}/location'
const BY_USERNAME = 'demo/devices/${username}/location'
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: placeholders of the acl claim

async function connected(t: TestContext, { port }: TestBroker, who: Who, clientId = 'raw'): Promise<RawClient> {
  const raw = await openRaw(t, port)
  assert.equal((await raw.connect(await mint(who), { clientId })).returnCode, 0)
  return raw
}

const status = (topic: string) => ({ topic, payload: '{"state":"online"}', qos: 1, retain: true }) as const
const topics = (raw: RawClient) => raw.of('publish').map(({ topic }) => topic)

interface Row {
  readonly who: Who
  readonly filter: string
  readonly granted: boolean
}

const acl = (rules: Acl): Who => ({ role: 'user', sub: 'ann', acl: rules })
const USER: Who = { role: 'user', sub: 'ann', devices: ['truck-7'] }

const FILTERS: readonly Row[] = [
  { who: DESK, filter: 'demo/devices/+/location', granted: true },
  { who: DESK, filter: 'demo/devices/#', granted: true },
  { who: DESK, filter: 'demo/users/desk/errors', granted: true },
  { who: DESK, filter: 'demo/users/ann/errors', granted: false },
  { who: DESK, filter: 'demo/#', granted: false },
  { who: DESK, filter: '#', granted: false },
  { who: DESK, filter: '+/devices/+/location', granted: false },
  { who: DESK, filter: 'rival/devices/+/location', granted: false },
  { who: DESK, filter: '$SYS/#', granted: false },
  { who: DESK, filter: '$SYS/+/new/clients', granted: false },
  { who: DESK, filter: '$share/group/demo/devices/+/location', granted: false },
  { who: DESK, filter: '$auth/token', granted: false },
  { who: DESK, filter: 'constructor', granted: false },
  { who: DESK, filter: '__proto__', granted: false },
  { who: { role: 'admin', sub: 'boss' }, filter: 'demo/#', granted: true },
  { who: { role: 'admin', sub: 'boss' }, filter: '#', granted: false },
  { who: { role: 'admin', sub: 'boss' }, filter: '$SYS/#', granted: false },
  { who: DEVICE, filter: 'demo/devices/truck-7/#', granted: true },
  { who: DEVICE, filter: 'demo/devices/truck-8/location', granted: false },
  { who: DEVICE, filter: 'demo/devices/+/location', granted: false },
  { who: DEVICE, filter: 'demo/fences/+', granted: true },
  { who: USER, filter: 'demo/devices/+/location', granted: true },
  { who: USER, filter: 'demo/devices/truck-7/location', granted: true },
  { who: USER, filter: 'demo/devices/truck-8/location', granted: false },
  { who: DESK, filter: 'demo/incidents/#', granted: true },
  { who: USER, filter: 'demo/incidents/#', granted: false },
  { who: USER, filter: 'demo/incidents/+', granted: false },
  { who: { ...USER, role: 'driver' }, filter: 'demo/incidents/#', granted: false },
  { who: DEVICE, filter: 'demo/incidents/#', granted: false },
  { who: acl({ sub: ['demo/devices/truck-9/location'] }), filter: 'demo/devices/truck-9/location', granted: true },
  { who: acl({ all: ['rival/#'] }), filter: 'rival/devices/truck-9/location', granted: false },
  { who: acl({ sub: ['#'] }), filter: '$SYS/#', granted: false },
  { who: acl({ sub: [BY_USERNAME] }), filter: 'demo/devices/any/location', granted: true },
  { who: acl({ sub: [BY_CLIENT_ID] }), filter: 'demo/devices/raw/location', granted: true },
  { who: acl({ sub: [BY_CLIENT_ID] }), filter: 'demo/devices/else/location', granted: false },
  {
    who: acl([
      { permission: 'deny', action: 'subscribe', topic: 'demo/devices/truck-9/#' },
      { permission: 'allow', action: 'all', topic: 'demo/devices/#' },
    ]),
    filter: 'demo/devices/truck-9/location',
    granted: false,
  },
]

for (const { who, filter, granted } of FILTERS) {
  const claim = who.acl ? ` with acl ${JSON.stringify(who.acl)}` : ''
  test(`SUBSCRIBE: ${who.role} ${who.sub}${claim} ${granted ? 'may' : 'may not'} hold ${filter}`, async t => {
    const raw = await connected(t, await startTestBroker(t), who)
    assert.deepEqual(await raw.subscribe(filter), [granted ? 1 : REFUSED])
  })
}

test('SUBSCRIBE: only the forbidden filter of several is refused, and told', async t => {
  const raw = await connected(t, await startTestBroker(t), DESK)
  await raw.subscribe('demo/users/desk/errors')
  const granted = await raw.subscribe('demo/devices/+/location', 'rival/#', 'demo/fences/+')
  assert.deepEqual(granted, [1, REFUSED, 1])
  const notice = JSON.parse((await raw.next('publish')).payload.toString())
  assert.equal(notice.code, 'subscribe_forbidden')
  assert.equal(notice.topic, 'rival/#')
})

for (const filter of ['a#', '+a', 'demo/a+', 'demo/#/x', 'demo/+a/x', 'demo/a#', 'demo/\0', '']) {
  test(`SUBSCRIBE: the malformed filter ${JSON.stringify(filter)} closes the connection [MQTT-4.7.1]`, async t => {
    const raw = await connected(t, await startTestBroker(t), DESK)
    // By hand: the generator refuses to write some of these.
    const name = Buffer.from(filter)
    raw.sendBytes(Buffer.from([0x82, 5 + name.length, 0, 9, 0, name.length, ...name, 1]))
    await raw.closed()
    assert.deepEqual(raw.of('suback'), [])
  })
}

for (const levels of [17, 100, 101, 5_000]) {
  test(`a topic or filter of ${levels} levels is refused, by a claim that allows it too, and the connection lives on`, async t => {
    const running = await startTestBroker(t)
    const deep = ['demo', ...Array(levels - 1).fill('a')].join('/')
    const acl = [{ permission: 'allow', action: 'all', topic: 'demo/#' }] as const
    for (const who of [DEVICE, { ...DEVICE, acl: [...acl] }]) {
      const raw = await connected(t, running, who)
      raw.publish(deep, '{}', 1)
      await raw.next('puback')
      assert.deepEqual(await raw.subscribe(deep), [REFUSED])
      await raw.unsubscribe(deep)
      await raw.ping()
    }
  })
}

test('filtered wildcard: a user hears exactly the devices granted to it, live and retained', async t => {
  const running = await startTestBroker(t)
  for (const id of ['truck-7', 'truck-8', 'truck-9']) await running.broker.publish(status(`demo/devices/${id}/status`))
  const user = await connected(t, running, { role: 'user', sub: 'ann', devices: ['truck-7', 'truck-9'] })
  await user.subscribe('demo/devices/+/status', 'demo/devices/+/location', 'demo/notifications/#')
  await user.until('the retained ones', () => user.of('publish').length === 2)
  for (const id of ['truck-8', 'truck-9']) {
    await running.broker.publish({ topic: `demo/devices/${id}/location`, payload: fix(), qos: 1, retain: false })
    await running.broker.publish({
      topic: `demo/notifications/geofence/enter/${id}`,
      payload: '{}',
      qos: 1,
      retain: false,
    })
  }
  await user.until('the live ones', () => user.of('publish').length === 4)
  await user.ping()
  assert.deepEqual(topics(user).sort(), [
    'demo/devices/truck-7/status',
    'demo/devices/truck-9/location',
    'demo/devices/truck-9/status',
    'demo/notifications/geofence/enter/truck-9',
  ])
})

test('organisations are isolated, also where ids are the same', async t => {
  const running = await startTestBroker(t)
  const rival = await connected(t, running, { ...DESK, org: 'rival' })
  await rival.subscribe('rival/devices/+/location')
  const ours = await connected(t, running, DESK)
  await ours.subscribe('demo/devices/+/location')
  const device = await connected(t, running, DEVICE)
  device.publish('demo/devices/truck-7/location', fix(), 1)
  await device.next('puback')
  await ours.next('publish')
  await rival.ping()
  assert.deepEqual(topics(rival), [])
})

test('an acl claim that denies a device is held to also under a wildcard', async t => {
  const running = await startTestBroker(t)
  const rule = { permission: 'deny', action: 'subscribe', topic: 'demo/devices/secret/#' } as const
  const desk = await connected(t, running, { ...DESK, acl: [rule] })
  await desk.subscribe('demo/devices/+/location')
  for (const id of ['secret', 'truck-7'])
    await running.broker.publish({ topic: `demo/devices/${id}/location`, payload: fix(), qos: 1, retain: false })
  await desk.next('publish')
  await desk.ping()
  assert.deepEqual(topics(desk), ['demo/devices/truck-7/location'])
})

test('a client id that is a wildcard does not widen an acl placeholder', async t => {
  const running = await startTestBroker(t)
  const who = { ...DEVICE, acl: { sub: [BY_CLIENT_ID] } }
  const raw = await connected(t, running, who, '+')
  assert.deepEqual(await raw.subscribe('demo/devices/+/location', 'demo/devices/truck-8/location'), [REFUSED, REFUSED])
})

test('the 101st subscription is refused with subscription_limit, one by one and in one packet', async t => {
  const running = await startTestBroker(t)
  const filters = Array.from({ length: 101 }, (_, i) => `demo/devices/truck-${i}/location`)
  for (const clean of [true, false]) {
    const raw = await openRaw(t, running.port)
    await raw.connect(await mint(DESK), { clean, clientId: `clean-${clean}` })
    await raw.subscribe('demo/users/desk/errors')
    assert.deepEqual(await raw.subscribe(...filters), [...Array(99).fill(1), REFUSED, REFUSED])
    const notice = await raw.next('publish')
    assert.equal(JSON.parse(notice.payload.toString()).code, 'subscription_limit')
    await raw.unsubscribe(filters[0]!)
    assert.deepEqual(await raw.subscribe(filters[100]!), [1])
    assert.deepEqual(await raw.subscribe(filters[1]!), [1], 'a filter held already is no new one')
  }
})

test('with limits off a connection holds any number of subscriptions', async t => {
  const running = await startTestBroker(t, { limits: false })
  const raw = await connected(t, running, DESK)
  const granted = await raw.subscribe(...Array.from({ length: 500 }, (_, i) => `demo/devices/truck-${i}/location`))
  assert.deepEqual(granted, Array(500).fill(1))
})

test('a filter refused to a persistent session is not stored, and nothing is queued for it', async t => {
  const running = await startTestBroker(t)
  const password = await mint(USER)
  const first = await openRaw(t, running.port)
  await first.connect(password, { clean: false })
  assert.deepEqual(await first.subscribe('demo/devices/truck-8/location', 'demo/devices/truck-7/location'), [
    REFUSED,
    1,
  ])
  first.send({ cmd: 'disconnect' })
  await first.closed()
  const granted = await connected(t, running, { ...USER, devices: ['truck-7', 'truck-8'] }, 'other')
  await granted.ping()
  for (const id of ['truck-8', 'truck-7'])
    await running.broker.publish({ topic: `demo/devices/${id}/location`, payload: fix(), qos: 1, retain: false })
  const second = await openRaw(t, running.port)
  // Now it would be allowed to read truck-8, so what comes shows what was queued.
  const connack = await second.connect(await mint({ ...USER, devices: ['truck-7', 'truck-8'] }), { clean: false })
  assert.equal(connack.sessionPresent, true)
  await second.next('publish')
  await second.ping()
  assert.deepEqual(topics(second), ['demo/devices/truck-7/location'])
})

test('a stored subscription that the token does not allow any more ends with the restored session', async t => {
  const running = await startTestBroker(t)
  const both = await mint({ ...USER, devices: ['truck-7', 'truck-8'] })
  const first = await openRaw(t, running.port)
  await first.connect(both, { clean: false })
  await first.subscribe('demo/devices/truck-8/location', 'demo/devices/truck-7/location')
  first.send({ cmd: 'disconnect' })
  await first.closed()
  const second = await openRaw(t, running.port)
  await second.connect(await mint(USER), { clean: false })
  await second.ping()
  second.send({ cmd: 'disconnect' })
  await second.closed()
  for (const id of ['truck-8', 'truck-7'])
    await running.broker.publish({ topic: `demo/devices/${id}/location`, payload: fix(), qos: 1, retain: false })
  const third = await openRaw(t, running.port)
  await third.connect(both, { clean: false })
  await third.next('publish')
  await third.ping()
  assert.deepEqual(topics(third), ['demo/devices/truck-7/location'])
})

test('$auth/token renews the rights in place: new ones hold, lost subscriptions are dropped and told', async t => {
  const running = await startTestBroker(t)
  const user = await connected(t, running, USER)
  await user.subscribe('demo/users/ann/errors', 'demo/devices/truck-7/location')
  assert.deepEqual(await user.subscribe('demo/devices/truck-8/location'), [REFUSED])
  await user.find('publish', ({ payload }) => payload.toString().includes('truck-8'))
  user.publish('$auth/token', await mint({ ...USER, devices: ['truck-8'] }), 1)
  await user.next('puback')
  await user.find('publish', ({ payload }) => payload.toString().includes('truck-7'))
  assert.deepEqual(await user.subscribe('demo/devices/truck-8/location'), [1])
  for (const id of ['truck-7', 'truck-8'])
    await running.broker.publish({ topic: `demo/devices/${id}/location`, payload: fix(), qos: 1, retain: false })
  await user.find('publish', ({ topic }) => topic === 'demo/devices/truck-8/location')
  await user.ping()
  assert.ok(!topics(user).includes('demo/devices/truck-7/location'))
})

for (const [what, who] of [
  ['another sub', { ...DESK, sub: 'other' }],
  ['another organisation', { ...DESK, org: 'rival' }],
] as const) {
  test(`$auth/token refuses the token of ${what}, and the connection keeps its rights`, async t => {
    const raw = await connected(t, await startTestBroker(t), DESK)
    await raw.subscribe('demo/users/desk/errors')
    raw.publish('$auth/token', await mint(who), 1)
    await raw.next('puback')
    assert.equal(JSON.parse((await raw.next('publish')).payload.toString()).code, 'token_invalid')
    assert.deepEqual(await raw.subscribe('demo/devices/+/location'), [1])
  })
}

test('a token that expires ends the connection, and its will is published [MQTT-3.1.2-8]', async t => {
  const running = await startTestBroker(t)
  const desk = await connected(t, running, DESK)
  await desk.subscribe('demo/devices/+/status')
  const device = await openRaw(t, running.port)
  const will = {
    topic: 'demo/devices/truck-7/status',
    payload: Buffer.from('{"state":"offline","battery":7}'),
    qos: 1,
    retain: true,
  } as const
  await device.connect(await mint({ ...DEVICE, ttlSeconds: 2 }), { will })
  await device.subscribe('demo/users/truck-7/errors')
  await device.closed()
  const offline = await desk.find('publish', ({ payload }) => payload.toString().includes('offline'))
  assert.equal(JSON.parse(offline.payload.toString()).battery, 7)
  const codes = device.of('publish').map(({ payload }) => JSON.parse(payload.toString()).code)
  assert.deepEqual(codes, ['token_expiring', 'token_expired'])
})

test('a token renewed in time does not end the connection', async t => {
  const running = await startTestBroker(t)
  const desk = await connected(t, running, { ...DESK, ttlSeconds: 2 })
  desk.publish('$auth/token', await mint(DESK), 1)
  await desk.next('puback')
  const witness = await connected(t, running, { ...DEVICE, ttlSeconds: 2 })
  await witness.closed()
  await desk.ping()
})
