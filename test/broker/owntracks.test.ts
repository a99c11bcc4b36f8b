import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { mint, startTestBroker, type TestBroker } from '../support/broker.ts'
import { openRaw } from '../support/raw-mqtt.ts'
import type { Who } from '../support/who.ts'

const PHONE: Who = { role: 'device', sub: 'phone-1' }
const DESK: Who = { role: 'dispatcher', sub: 'desk' }
const TST = Math.floor(Date.now() / 1_000)
const LOCATION = { _type: 'location', lat: 41.15, lon: -8.61, tst: TST, vel: 36, batt: 80, tid: 'p1' }
const FIX = {
  timestamp: TST * 1_000,
  location: { lat: 41.15, lng: -8.61, speed: 10 },
  metadata: { battery: 80 },
  attributes: { tid: 'p1' },
}

async function phone(t: TestContext, { port }: TestBroker, who: Who = PHONE, more: object = {}) {
  const raw = await openRaw(t, port)
  assert.equal((await raw.connect(await mint(who), more)).returnCode, 0)
  return raw
}

/** A raw client that is subscribed. */
async function subscribed(t: TestContext, running: TestBroker, who: Who, ...filters: string[]) {
  const raw = await phone(t, running, who, { clientId: 'listener' })
  assert.deepEqual(
    (await raw.subscribe(...filters)).map(qos => qos < 128),
    filters.map(() => true),
  )
  return raw
}

test('a location is the fix of the device whose token it is: PUBACK after it is stored, and others see it as ours', async t => {
  const running = await startTestBroker(t)
  running.work.held = true
  const desk = await subscribed(t, running, DESK, 'demo/devices/+/location', 'owntracks/#')
  const app = await phone(t, running)
  const id = app.publish('owntracks/ann/iphone', JSON.stringify(LOCATION), 1, { retain: true })
  await running.work.arrived(1)
  await app.ping()
  assert.deepEqual(app.of('puback'), [])
  const { channel, message } = running.work.calls[0]!
  assert.equal(channel, 'location')
  assert.deepEqual([message.topic, message.payload], ['demo/devices/phone-1/location', FIX])
  running.work.calls[0]!.resolve()
  assert.equal((await app.next('puback')).messageId, id)
  const heard = await desk.next('publish')
  assert.deepEqual([heard.topic, heard.retain], ['demo/devices/phone-1/location', false])
  assert.deepEqual(JSON.parse(heard.payload.toString()), FIX)
  await desk.ping()
  assert.ok(desk.of('publish').every(({ topic }) => topic.startsWith('demo/')))
  const later = await phone(t, running, DESK, { clientId: 'later' })
  await later.subscribe('demo/devices/+/location', 'owntracks/+/+')
  await later.ping()
  assert.deepEqual(later.of('publish'), [], 'nothing was retained')
})

test('a transition under /event is a fix too; QoS 0 and 2 as well', async t => {
  const running = await startTestBroker(t)
  const app = await phone(t, running)
  app.publish('owntracks/ann/iphone/event', JSON.stringify({ ...LOCATION, _type: 'transition', event: 'enter' }), 0)
  await running.work.arrived(1)
  const id = app.publish('owntracks/ann/iphone', JSON.stringify(LOCATION), 2)
  assert.equal((await app.next('pubrec')).messageId, id)
  app.send({ cmd: 'pubrel', messageId: id })
  await app.next('pubcomp')
  await running.work.arrived(2)
  const [first] = running.work.calls
  assert.deepEqual((first!.message.payload as typeof FIX).attributes, { tid: 'p1', event: 'enter' })
})

test('what the platform does not keep is acknowledged, told nobody and seen by nobody', async t => {
  const running = await startTestBroker(t)
  const watcher = await subscribed(t, running, PHONE, 'owntracks/+/+', 'owntracks/+/+/#', 'demo/users/phone-1/errors')
  const app = await phone(t, running)
  const said: readonly [string, string][] = [
    ['', ''],
    ['/status', JSON.stringify({ _type: 'status' })],
    ['/step', JSON.stringify({ _type: 'steps', steps: 5 })],
    ['/beacon', JSON.stringify({ _type: 'beacon' })],
    ['/dump', JSON.stringify({ _type: 'dump' })],
    ['/request', JSON.stringify({ _type: 'request' })],
    ['/cmd', JSON.stringify({ _type: 'cmd', action: 'dump' })],
  ]
  for (const [part, payload] of said) {
    const id = app.publish(`owntracks/ann/iphone${part}`, payload, 1, { retain: true })
    await app.find('puback', ({ messageId }) => messageId === id)
  }
  await watcher.ping()
  assert.deepEqual(watcher.of('publish'), [])
  assert.deepEqual(running.work.calls, [])
})

test('what cannot be read is acknowledged and told, and does not end the connection', async t => {
  const running = await startTestBroker(t)
  const app = await phone(t, running)
  await app.subscribe('demo/users/phone-1/errors')
  const codes = async (payload: string) => {
    const seen = app.of('publish').length
    const id = app.publish('owntracks/ann/iphone', payload, 1)
    await app.find('puback', ({ messageId }) => messageId === id)
    await app.until('a notice', () => app.of('publish').length > seen)
    return JSON.parse(app.of('publish').at(-1)!.payload.toString()).code
  }
  assert.equal(await codes('{'), 'payload_not_json')
  assert.equal(await codes('{}'), 'payload_invalid')
  assert.equal(await codes(JSON.stringify({ ...LOCATION, lat: 91 })), 'payload_invalid')
  assert.equal(await codes(JSON.stringify({ _type: 'encrypted', data: 'AAAA' })), 'payload_invalid')
  assert.equal(await codes('x'.repeat(300 * 1_024)), 'payload_too_large')
  assert.deepEqual(running.work.calls, [])
})

test('a driver and a gateway name the device by the third level, and rights are those of our topics', async t => {
  const running = await startTestBroker(t)
  const driver = await phone(t, running, { role: 'driver', sub: 'ann', devices: ['van-1'] })
  await driver.subscribe('demo/users/ann/errors')
  driver.publish('owntracks/ann/van-2', JSON.stringify(LOCATION), 1)
  const notice = JSON.parse((await driver.next('publish')).payload.toString())
  assert.deepEqual([notice.code, notice.topic], ['publish_forbidden', 'demo/devices/van-2/location'])
  driver.publish('owntracks/ann/van-1', JSON.stringify(LOCATION), 1)
  await running.work.arrived(1)
  const gateway = await phone(t, running, { role: 'service', sub: 'gateway' })
  gateway.publish('owntracks/ann/van-3', JSON.stringify(LOCATION), 1)
  await running.work.arrived(2)
  assert.deepEqual(
    running.work.calls.map(({ message }) => message.topic),
    ['demo/devices/van-1/location', 'demo/devices/van-3/location'],
  )
})

test('the will of the app becomes the status "offline" of its device; another will is refused', async t => {
  const running = await startTestBroker(t)
  const desk = await subscribed(t, running, DESK, 'demo/devices/phone-1/status')
  const will = { topic: 'owntracks/ann/iphone', payload: Buffer.from('{"_type":"lwt","tst":1}'), qos: 1, retain: true }
  const app = await phone(t, running, PHONE, {
    protocolId: 'MQIsdp',
    protocolVersion: 3,
    clientId: 'a'.repeat(60),
    will,
  })
  // No MQTT: the broker ends the connection, and the will is published.
  app.sendBytes(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff))
  await desk.until('offline', () =>
    desk.of('publish').some(({ payload }) => JSON.parse(payload.toString()).state === 'offline'),
  )
  for (const payload of ['{"_type":"card"}', '{']) {
    const raw = await openRaw(t, running.port)
    const connack = await raw.connect(await mint(PHONE), { will: { ...will, payload: Buffer.from(payload), qos: 1 } })
    assert.equal(connack.returnCode, 5, payload)
  }
})

test('filters of OwnTracks are granted, also for a session that comes back, and reach no organisation of that name', async t => {
  const running = await startTestBroker(t)
  const filters = ['owntracks/+/+', 'owntracks/+/+/event', 'owntracks/ann/iphone/cmd', 'owntracks/#']
  const app = await phone(t, running, PHONE, { clientId: 'kept', clean: false })
  assert.deepEqual(await app.subscribe(...filters), [1, 1, 1, 1])
  const namesake: Who = { role: 'device', sub: 'phone-1', org: 'owntracks' }
  const other = await phone(t, running, namesake, { clientId: 'namesake' })
  const fix = { timestamp: Date.now(), location: { lat: 1, lng: 2 } }
  const id = other.publish('owntracks/devices/phone-1/location', JSON.stringify(fix), 1)
  await other.find('puback', ({ messageId }) => messageId === id)
  assert.deepEqual(running.work.calls[0]!.message.payload, fix, 'there, its own topics are the contract’s')
  await app.ping()
  assert.deepEqual(app.of('publish'), [])
  app.publish('owntracks/devices/phone-1/location', JSON.stringify(LOCATION), 1)
  await running.work.arrived(2)
  assert.equal(running.work.calls[1]!.message.topic, 'demo/devices/phone-1/location')
  app.send({ cmd: 'disconnect' })
  await app.closed()
  const back = await phone(t, running, PHONE, { clientId: 'kept', clean: false })
  await back.ping()
  assert.deepEqual(back.of('publish'), [])
})

const LAST = { deviceId: 'van-1', timestamp: TST * 1_000, location: { lat: 41.15, lng: -8.61, speed: 10 } }

function publishLast({ broker }: TestBroker, org: string, deviceId: string, timestamp = LAST.timestamp) {
  const payload = JSON.stringify({ ...LAST, deviceId, timestamp })
  return broker.publish({ topic: `${org}/devices/${deviceId}/last`, payload, qos: 0, retain: true })
}

test('an app is shown the newest positions of those that it may see, at once and as they move, and nobody else’s', async t => {
  const running = await startTestBroker(t)
  for (const [org, id] of [
    ['demo', 'van-1'],
    ['demo', 'van-2'],
    ['demo', 'phone-1'],
    ['other', 'van-1'],
    ['fences', 'van-1'],
  ])
    await publishLast(running, org!, id!)
  const acl = [{ permission: 'allow' as const, action: 'subscribe' as const, topic: 'demo/devices/van-1/#' }]
  const seen = async (who: Who, clientId: string, count = 0) => {
    const app = await phone(t, running, who, { clientId })
    await app.subscribe('owntracks/+/+', 'owntracks/+/+/info', 'owntracks/#')
    await app.until('its friends', () => new Set(app.of('publish').map(({ topic }) => topic)).size >= count)
    await app.ping()
    return { app, topics: () => [...new Set(app.of('publish').map(({ topic }) => topic))].sort() }
  }
  const alone = await seen(PHONE, 'alone')
  assert.deepEqual(alone.topics(), [], 'the token of a device sees itself, and is no friend of its own')
  const friendly = await seen({ ...PHONE, acl }, 'friendly', 1)
  assert.deepEqual(friendly.topics(), ['owntracks/demo/van-1'])
  const [first] = friendly.app.of('publish')
  assert.deepEqual(
    [first!.retain, JSON.parse(first!.payload.toString())],
    [true, { _type: 'location', topic: 'owntracks/demo/van-1', tid: '-1', lat: 41.15, lon: -8.61, tst: TST, vel: 36 }],
  )
  const driver = await seen({ role: 'driver', sub: 'ann', devices: ['van-2'] }, 'driver', 1)
  assert.deepEqual(driver.topics(), ['owntracks/demo/van-2'])
  const desk = await seen(DESK, 'desk', 3)
  assert.deepEqual(desk.topics(), ['owntracks/demo/phone-1', 'owntracks/demo/van-1', 'owntracks/demo/van-2'])
  const elsewhere = await seen({ ...DESK, org: 'fences' }, 'elsewhere')
  assert.deepEqual(elsewhere.topics(), [])
  const namesake = await seen({ role: 'admin', sub: 'root', org: 'owntracks' }, 'namesake').catch(() => null)
  assert.deepEqual(namesake?.topics() ?? [], [])

  const before = friendly.app.of('publish').length
  await publishLast(running, 'demo', 'van-2', LAST.timestamp + 1_000)
  await publishLast(running, 'demo', 'van-1', LAST.timestamp + 2_000)
  await friendly.app.until('the move', () => friendly.app.of('publish').length > before)
  const moved = friendly.app.of('publish').slice(before)
  assert.deepEqual(
    moved.map(({ topic, retain, qos, payload }) => [topic, retain, qos, JSON.parse(payload.toString()).tst]),
    [['owntracks/demo/van-1', false, 0, TST + 2]],
  )
  await running.broker.publish({
    topic: 'owntracks/demo/van-1/info',
    payload: '{"_type":"card","name":"Van"}',
    qos: 0,
    retain: true,
  })
  await friendly.app.until('the card', () => friendly.app.of('publish').some(({ topic }) => topic.endsWith('/info')))
  await alone.app.ping()
  assert.deepEqual(alone.topics(), [])
})

test('waypoints and cards go to who keeps them, after rights, and are acknowledged when they are kept', async t => {
  const kept: object[] = []
  const running = await startTestBroker(t)
  const { handlers } = running.work
  const keeping = await startTestBroker(t, {
    handlers: {
      ...handlers.call(running.work),
      phone: async ({ org, deviceId, content }) => {
        kept.push({ org, deviceId, kind: content.kind })
        return content.kind === 'card' ? [] : [{ code: 'conflict', message: 'somebody else’s' }]
      },
    },
  })
  const app = await phone(t, keeping)
  await app.subscribe('demo/users/phone-1/errors')
  const waypoint = JSON.stringify({ _type: 'waypoint', desc: 'home', lat: 1, lon: 2, rad: 50, tst: 1 })
  const say = async (topic: string, payload: string) => {
    const id = app.publish(topic, payload, 1, { retain: true })
    await app.find('puback', ({ messageId }) => messageId === id)
  }
  await say('owntracks/ann/iphone/info', JSON.stringify({ _type: 'card', name: 'Ann' }))
  await say('owntracks/ann/iphone/waypoint', waypoint)
  const notice = JSON.parse((await app.next('publish')).payload.toString())
  assert.deepEqual([notice.code, notice.topic], ['conflict', 'owntracks/ann/iphone/waypoint'])
  const driver = await phone(t, keeping, { role: 'driver', sub: 'ann', devices: ['van-1'] }, { clientId: 'driver' })
  await driver.subscribe('demo/users/ann/errors')
  driver.publish('owntracks/ann/van-2/waypoint', waypoint, 1)
  assert.equal(JSON.parse((await driver.next('publish')).payload.toString()).code, 'publish_forbidden')
  assert.deepEqual(kept, [
    { org: 'demo', deviceId: 'phone-1', kind: 'card' },
    { org: 'demo', deviceId: 'phone-1', kind: 'waypoints' },
  ])
})

test('a command reaches the phone of its device on the topic of its own names, sealed where the phone seals', async t => {
  const secret = { open: (data: string) => JSON.parse(data), seal: (message: unknown) => JSON.stringify(message) }
  const running = await startTestBroker(t, { ownTracks: secret })
  const { phones } = running.broker
  const message = { _type: 'cmd', action: 'reportLocation' }
  const device = { org: 'demo', deviceId: 'phone-1' }
  const send = () => phones.send({ ...device, commandId: 'c-1', message })
  assert.equal(phones.linkOf(device), null)
  const app = await phone(t, running, PHONE, { clientId: 'app' })
  const other = await phone(t, running, { role: 'device', sub: 'phone-2' }, { clientId: 'other' })
  for (const one of [app, other]) await one.subscribe('owntracks/ann/iphone/cmd', 'owntracks/+/+')
  assert.notEqual(phones.linkOf(device), null)
  send()
  const plain = await app.next('publish')
  assert.deepEqual(
    [plain.topic, plain.qos, JSON.parse(plain.payload.toString())],
    ['owntracks/ann/iphone/cmd', 1, message],
  )
  const sealed = JSON.stringify({ _type: 'encrypted', data: JSON.stringify(LOCATION) })
  const id = app.publish('owntracks/ann/iphone', sealed, 1)
  await app.find('puback', ({ messageId }) => messageId === id)
  send()
  await app.until('the second', () => app.of('publish').length > 1)
  const { _type, data } = JSON.parse(app.of('publish').at(-1)!.payload.toString())
  assert.deepEqual([_type, JSON.parse(data)], ['encrypted', message])
  const driver = await phone(t, running, { role: 'driver', sub: 'ann', devices: ['van-1'] }, { clientId: 'driver' })
  await driver.subscribe('owntracks/ann/van-1/cmd', 'owntracks/ann/van-2/cmd')
  assert.notEqual(phones.linkOf({ org: 'demo', deviceId: 'van-1' }), null)
  assert.equal(phones.linkOf({ org: 'demo', deviceId: 'van-2' }), null)
  assert.equal(phones.linkOf({ org: 'other', deviceId: 'phone-1' }), null)
  await other.ping()
  assert.deepEqual(other.of('publish'), [])
})
