import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { AclRule } from '../../contract/index.ts'
import { fix, mint, startTestBroker, type TestBroker } from '../support/broker.ts'
import { openRaw, type RawClient } from '../support/raw-mqtt.ts'
import type { Who } from '../support/who.ts'

const REFUSED = 0x80
const LOCATION = 'demo/devices/truck-7/location'
const ERRORS = 'demo/users/truck-7/errors'
const device = (...acl: AclRule[]): Who => ({ role: 'device', sub: 'truck-7', acl })

async function connected(t: TestContext, { port }: TestBroker, who: Who): Promise<RawClient> {
  const raw = await openRaw(t, port)
  assert.equal((await raw.connect(await mint(who))).returnCode, 0)
  return raw
}

async function subscribeAt(raw: RawClient, qos: 0 | 1 | 2, ...topics: string[]): Promise<readonly number[]> {
  const messageId = 1_000 + raw.of('suback').length
  raw.send({ cmd: 'subscribe', messageId, subscriptions: topics.map(topic => ({ topic, qos })) })
  return (await raw.find('suback', packet => packet.messageId === messageId)).granted as number[]
}

test('a rule of an acl claim that names a QoS is held to by PUBLISH', async t => {
  const running = await startTestBroker(t)
  const raw = await connected(t, running, device({ permission: 'deny', action: 'publish', topic: '#', qos: [0, 2] }))
  await raw.subscribe(ERRORS)
  raw.publish(LOCATION, fix(), 0)
  assert.equal(JSON.parse((await raw.next('publish')).payload.toString()).code, 'publish_forbidden')
  raw.publish(LOCATION, fix(), 1)
  await raw.next('puback')
  assert.deepEqual(
    running.work.calls.map(({ channel }) => channel),
    ['location'],
  )
})

test('a rule of an acl claim that names the retain flag is held to by PUBLISH, as the client set it', async t => {
  const running = await startTestBroker(t)
  const raw = await connected(t, running, device({ permission: 'deny', action: 'publish', topic: '#', retain: true }))
  await raw.subscribe(ERRORS)
  raw.publish(LOCATION, fix(), 1, { retain: true })
  assert.equal(JSON.parse((await raw.next('publish')).payload.toString()).code, 'publish_forbidden')
  assert.equal(running.work.calls.length, 0)
  // The channel is a retained one all the same.
  raw.publish('demo/devices/truck-7/status', '{"state":"idle"}', 1)
  await raw.until('both acknowledged', () => raw.of('puback').length === 2)
  const watcher = await connected(t, running, { role: 'service', sub: 'gw' })
  await watcher.subscribe('demo/devices/truck-7/status')
  assert.equal((await watcher.next('publish')).retain, true)
})

test('a filter that is named twice has a code for each QoS that was asked for, as if it had come alone [MQTT-3.8.4-4]', async t => {
  const running = await startTestBroker(t)
  const raw = await connected(t, running, device({ permission: 'deny', action: 'subscribe', topic: '#', qos: 2 }))
  const asked = async (...subscriptions: [topic: string, qos: 0 | 1 | 2][]) => {
    const messageId = 1_000 + raw.of('suback').length
    raw.send({ cmd: 'subscribe', messageId, subscriptions: subscriptions.map(([topic, qos]) => ({ topic, qos })) })
    return (await raw.find('suback', packet => packet.messageId === messageId)).granted
  }
  assert.deepEqual(await asked([ERRORS, 0], [LOCATION, 1], [LOCATION, 0], [ERRORS, 1]), [0, 1, 0, 1])
  assert.deepEqual(await asked([LOCATION, 2], [LOCATION, 1]), [REFUSED, 1])
  // Nothing is held of it in the end.
  assert.deepEqual(await asked([ERRORS, 0], ['demo/devices/other/location', 0], ['demo/devices/other/location', 1]), [
    0,
    REFUSED,
    REFUSED,
  ])
})

test('a rule of an acl claim that names QoS and retain flag is held to by the will', async t => {
  const running = await startTestBroker(t)
  const rule: AclRule = { permission: 'deny', action: 'publish', topic: '#', qos: 0, retain: true }
  const password = await mint(device(rule))
  const will = { topic: 'demo/devices/truck-7/status', payload: Buffer.from('{"state":"offline"}') }
  const answers: (number | undefined)[] = []
  for (const [qos, retain] of [
    [0, true],
    [1, true],
    [0, false],
  ] as const) {
    const raw = await openRaw(t, running.port)
    answers.push(
      (await raw.connect(password, { clientId: `c${qos}${retain}`, will: { ...will, qos, retain } })).returnCode,
    )
  }
  assert.deepEqual(answers, [5, 0, 0])
})

test('a rule of an acl claim that names a QoS is held to by SUBSCRIBE and by what is delivered', async t => {
  const running = await startTestBroker(t)
  const acl: AclRule[] = [
    { permission: 'allow', action: 'subscribe', topic: 'demo/devices/truck-8/#', qos: 0 },
    { permission: 'deny', action: 'subscribe', topic: 'demo/devices/truck-7/#', qos: 1 },
  ]
  const raw = await connected(t, running, { role: 'user', sub: 'ann', devices: ['truck-7'], acl })
  assert.deepEqual(await subscribeAt(raw, 1, 'demo/devices/truck-8/location'), [REFUSED])
  assert.deepEqual(await subscribeAt(raw, 1, LOCATION), [REFUSED])
  const publish = async (id: string) =>
    running.broker.publish({ topic: `demo/devices/${id}/location`, payload: fix(), qos: 1, retain: false })
  // The wildcard is granted at both; what it delivers follows the QoS that was granted.
  assert.deepEqual(await subscribeAt(raw, 1, 'demo/devices/+/location'), [1])
  await publish('truck-7')
  await publish('truck-8')
  await raw.ping()
  assert.deepEqual(raw.of('publish'), [])
  assert.deepEqual(await subscribeAt(raw, 0, 'demo/devices/+/location'), [0])
  await publish('truck-7')
  await publish('truck-8')
  await raw.until('both', () => raw.of('publish').length === 2)
})
