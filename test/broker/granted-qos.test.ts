import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { IConnectPacket } from 'mqtt-packet'
import { GrantedQos } from '../../broker/delivery/granted-qos.ts'
import { fix, mint, startTestBroker, type TestBroker } from '../support/broker.ts'
import { openRaw, type RawClient } from '../support/raw-mqtt.ts'

const DESK = { role: 'dispatcher', sub: 'desk' } as const
const WIDE = 'demo/devices/+/location'
const NARROW = 'demo/devices/a/location'
const STATUS = { topic: 'demo/devices/a/status', payload: '{"state":"idle"}', qos: 1, retain: true } as const
const location = (payload = fix()) => ({ topic: NARROW, payload, qos: 1, retain: false }) as const

async function connected(t: TestContext, { port }: TestBroker, more: Partial<IConnectPacket> = {}): Promise<RawClient> {
  const raw = await openRaw(t, port)
  assert.equal((await raw.connect(await mint(DESK), more)).returnCode, 0)
  return raw
}

type Filters = readonly (readonly [filter: string, qos: 0 | 1 | 2])[]

async function subscribe(raw: RawClient, messageId: number, filters: Filters): Promise<readonly unknown[]> {
  raw.send({ cmd: 'subscribe', messageId, subscriptions: filters.map(([topic, qos]) => ({ topic, qos })) })
  return (await raw.find('suback', packet => packet.messageId === messageId)).granted
}

test('the granted QoS of a topic is the maximum of the subscriptions that match it', () => {
  const granted = new GrantedQos()
  granted.grant(WIDE, 1)
  granted.grant(NARROW, 0)
  assert.deepEqual([granted.of(NARROW), granted.of('demo/devices/a/status')], [1, 0])
  granted.revoke(WIDE)
  assert.equal(granted.of(NARROW), 0)
  granted.grant(NARROW, 2)
  assert.equal(granted.of(NARROW), 2)
})

for (const filter of [STATUS.topic, 'demo/devices/+/status', 'demo/devices/#']) {
  test(`a retained QoS 1 message reaches the QoS 0 subscription ${filter} as QoS 0 [MQTT-3.8.4-6]`, async t => {
    const running = await startTestBroker(t)
    await running.broker.publish(STATUS)
    const desk = await connected(t, running)
    await subscribe(desk, 1, [[filter, 0]])
    const { qos, retain } = await desk.next('publish')
    assert.deepEqual({ qos, retain }, { qos: 0, retain: true })
  })
}

const OVERLAPPING: readonly [name: string, filters: Filters, qos: number][] = [
  [
    'wide QoS 0, narrow QoS 1',
    [
      [WIDE, 0],
      [NARROW, 1],
    ],
    1,
  ],
  [
    'wide QoS 1, narrow QoS 0',
    [
      [WIDE, 1],
      [NARROW, 0],
    ],
    1,
  ],
  [
    'narrow QoS 0 first, wide QoS 1',
    [
      [NARROW, 0],
      [WIDE, 1],
    ],
    1,
  ],
  [
    'narrow QoS 1 first, wide QoS 0',
    [
      [NARROW, 1],
      [WIDE, 0],
    ],
    1,
  ],
  [
    'both QoS 0',
    [
      [WIDE, 0],
      [NARROW, 0],
    ],
    0,
  ],
]

for (const clean of [true, false]) {
  for (const [name, filters, expected] of OVERLAPPING) {
    test(`overlapping, ${name}, clean session ${clean}: once, at the maximum QoS [MQTT-3.3.5-1]`, async t => {
      const running = await startTestBroker(t)
      const desk = await connected(t, running, { clean })
      await subscribe(desk, 1, filters)
      await running.broker.publish(location())
      const { qos, messageId } = await desk.next('publish')
      assert.equal(qos, expected)
      if (qos > 0) desk.send({ cmd: 'puback', messageId: messageId! })
      await desk.ping()
      assert.equal(desk.of('publish').length, 1)
      desk.send({ cmd: 'disconnect' })
      await desk.closed()
      // What was delivered is not in the session's queue any more.
      const again = await connected(t, running, { clean })
      await again.ping()
      assert.deepEqual(again.of('publish'), [])
    })
  }
}

test('once the QoS 1 subscription is gone, the QoS 0 one that overlapped it gets QoS 0', async t => {
  const running = await startTestBroker(t)
  const desk = await connected(t, running)
  await subscribe(desk, 1, [
    [WIDE, 1],
    [NARROW, 0],
  ])
  await running.broker.publish(location())
  assert.equal((await desk.next('publish')).qos, 1)
  await desk.unsubscribe(WIDE)
  const second = fix(1_700_000_000_000)
  await running.broker.publish(location(second))
  assert.equal((await desk.find('publish', ({ payload }) => payload.toString() === second)).qos, 0)
})

test('a QoS 2 message reaches a QoS 1 wildcard as QoS 1, live and out of the queue of a session', async t => {
  const running = await startTestBroker(t)
  const device = await openRaw(t, running.port)
  await device.connect(await mint({ role: 'device', sub: 'a' }))
  const live = await connected(t, running, { clean: false, clientId: 'live' })
  await subscribe(live, 1, [[WIDE, 1]])
  const away = await connected(t, running, { clean: false, clientId: 'away' })
  await subscribe(away, 1, [[WIDE, 1]])
  away.send({ cmd: 'disconnect' })
  await away.closed()
  const messageId = device.publish(NARROW, fix(), 2)
  await device.next('pubrec')
  device.send({ cmd: 'pubrel', messageId })
  await device.next('pubcomp')
  assert.equal((await live.next('publish')).qos, 1)
  const back = await connected(t, running, { clean: false, clientId: 'away' })
  assert.equal((await back.next('publish')).qos, 1)
})

test('SUBACK has a code for every filter, also for one that is named twice or refused [MQTT-3.8.4-5]', async t => {
  const running = await startTestBroker(t)
  await running.broker.publish(STATUS)
  const desk = await connected(t, running)
  const filters = [
    ['demo/devices/+/status', 0],
    ['other/#', 1],
    ['demo/fences/+', 1],
    ['demo/devices/+/status', 1],
    ['other/#', 0],
  ] as const
  assert.deepEqual(await subscribe(desk, 7, filters), [0, 128, 1, 1, 128])
  assert.equal((await desk.next('publish')).qos, 1)
  await desk.ping()
  assert.equal(desk.of('suback').length, 1)
  const many = Array.from({ length: 200 }, () => ['demo/fences/+', 1] as const)
  assert.deepEqual(await subscribe(desk, 8, many), Array(200).fill(1))
})

test('a fix that was stored before is acknowledged once more, and not passed on again', async t => {
  let repeated = false
  const handlers = (await startTestBroker(t)).work.handlers()
  const running = await startTestBroker(t, {
    handlers: { ...handlers, location: (_message, answer) => answer(repeated ? 'swallow' : []) },
  })
  const desk = await connected(t, running)
  await subscribe(desk, 1, [[WIDE, 1]])
  const device = await openRaw(t, running.port)
  await device.connect(await mint({ role: 'device', sub: 'a' }))
  const payload = fix()
  device.publish(NARROW, payload, 1)
  await device.next('puback')
  repeated = true
  const messageId = device.publish(NARROW, payload, 1, { dup: true })
  await device.find('puback', packet => packet.messageId === messageId)
  await desk.ping()
  assert.equal(desk.of('publish').length, 1)
})
