import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { IConnectPacket } from 'mqtt-packet'
import { MOST_IN_FLIGHT } from '../../broker/delivery/in-flight.ts'
import { fix, mint, startTestBroker, type TestBroker } from '../support/broker.ts'
import { TestRights } from '../support/live-rights.ts'
import { openRaw, type RawClient } from '../support/raw-mqtt.ts'
import type { Who } from '../support/who.ts'

const USER: Who = { role: 'user', sub: 'ann', devices: ['truck-7'] }
const DESK: Who = { role: 'dispatcher', sub: 'desk' }
const DEVICE: Who = { role: 'device', sub: 'truck-7' }
const REFUSED = 0x80
const WILL = {
  topic: 'demo/devices/truck-7/status',
  payload: Buffer.from('{"state":"offline","battery":3}'),
  qos: 1,
  retain: true,
} as const

async function started(t: TestContext): Promise<TestBroker & { rights: TestRights }> {
  const rights = new TestRights()
  return { ...(await startTestBroker(t, { rights })), rights }
}

async function connected(
  t: TestContext,
  { port }: Pick<TestBroker, 'port'>,
  who: Who,
  more: Partial<IConnectPacket> = {},
): Promise<RawClient> {
  const raw = await openRaw(t, port)
  assert.equal((await raw.connect(await mint(who), more)).returnCode, 0)
  return raw
}

const topics = (raw: RawClient) => raw.of('publish').map(({ topic }) => topic)
const notices = (raw: RawClient): { code: string; topic: string }[] =>
  raw
    .of('publish')
    .filter(({ topic }) => topic.endsWith('/errors'))
    .map(({ payload }) => JSON.parse(payload.toString()))
const codes = (raw: RawClient) => notices(raw).map(({ code }) => code)
const fixOf = (id: string, qos: 0 | 1 = 1) => ({
  topic: `demo/devices/${id}/location`,
  payload: fix(),
  qos,
  retain: false,
})

async function subscribed(raw: RawClient, filter: string, qos: 0 | 1): Promise<void> {
  const messageId = 900 + raw.of('suback').length
  raw.send({ cmd: 'subscribe', messageId, subscriptions: [{ topic: filter, qos }] })
  await raw.find('suback', packet => packet.messageId === messageId)
}

for (const qos of [0, 1] as const) {
  for (const clean of [true, false]) {
    test(`a wildcard widens and narrows as grants come and go: QoS ${qos}, ${clean ? 'clean' : 'stored'} session`, async t => {
      const { broker, rights, ...running } = await started(t)
      const user = await connected(t, running, USER, { clean })
      await subscribed(user, 'demo/devices/+/location', qos)
      const heard = async (...ids: string[]) => {
        for (const id of ['truck-7', 'truck-8', 'truck-9']) await broker.publish(fixOf(id))
        // The last word, always readable: whatever came before it has arrived.
        await user.ping()
        await user.until('the fixes', () => topics(user).length >= ids.length)
        await user.ping()
        assert.deepEqual(topics(user).sort(), ids.map(id => `demo/devices/${id}/location`).sort())
        user.packets.length = 0
      }
      await heard('truck-7')
      rights.grant('ann', 'truck-8')
      await heard('truck-7', 'truck-8')
      rights.grant('ann', 'truck-9')
      await heard('truck-7', 'truck-9')
      rights.grant('ann')
      await heard('truck-7')
    })
  }
}

test('whoever gains a device sees its retained position, status and open alert, and those of no other', async t => {
  const { broker, rights, ...running } = await started(t)
  for (const id of ['truck-7', 'truck-8', 'truck-9']) {
    await broker.publish({ topic: `demo/devices/${id}/last`, payload: fix(), qos: 0, retain: true })
    await broker.publish({ topic: `demo/devices/${id}/status`, payload: '{"state":"online"}', qos: 1, retain: true })
    await broker.publish({ topic: `demo/sos/${id}`, payload: '{}', qos: 1, retain: true })
  }
  const user = await connected(t, running, USER)
  await user.subscribe('demo/devices/#', 'demo/devices/+/status', 'demo/sos/+')
  await user.until('what is retained of the first', () => new Set(topics(user)).size === 3)
  await user.ping()
  user.packets.length = 0
  rights.grant('ann', 'truck-8')
  await user.until('what is retained of the second', () => user.of('publish').length === 3)
  await user.ping()
  assert.deepEqual(topics(user).sort(), [
    'demo/devices/truck-8/last',
    'demo/devices/truck-8/status',
    'demo/sos/truck-8',
  ])
  assert.ok(user.of('publish').every(({ retain }) => retain))
  user.packets.length = 0
  rights.grant('ann', 'truck-8')
  rights.changed(null)
  await user.ping()
  assert.deepEqual(topics(user), [], 'nothing is shown twice')
})

test('a role that sees the whole fleet is shown the whole fleet, and a lesser one hears less at once', async t => {
  const { broker, rights, ...running } = await started(t)
  for (const id of ['truck-7', 'truck-8'])
    await broker.publish({ topic: `demo/devices/${id}/last`, payload: fix(), qos: 0, retain: true })
  const user = await connected(t, running, { role: 'user', sub: 'ann' })
  await user.subscribe('demo/devices/+/last')
  await user.ping()
  assert.deepEqual(topics(user), [])
  rights.setRole('ann', 'dispatcher')
  await user.until('the fleet', () => topics(user).length === 2)
  assert.deepEqual(await user.subscribe('demo/incidents/#', 'demo/users/ann/errors'), [1, 1])
  rights.setRole('ann', 'user')
  await user.until('what is lost', () => codes(user).length === 1)
  assert.deepEqual(
    notices(user).map(({ code, topic }) => ({ code, topic })),
    [{ code: 'subscribe_forbidden', topic: 'demo/incidents/#' }],
  )
  user.packets.length = 0
  await broker.publish({ topic: 'demo/incidents/i-1', payload: '{}', qos: 1, retain: false })
  await broker.publish({ topic: 'demo/devices/truck-7/last', payload: fix(), qos: 0, retain: false })
  await user.ping()
  assert.deepEqual(topics(user), [])
})

test('a lost subscription is dropped and told, its neighbours are kept; it can be had again after a new grant', async t => {
  const { broker, rights, ...running } = await started(t)
  rights.grant('ann', 'truck-8')
  const user = await connected(t, running, USER, { clean: false })
  const [seventh, eighth] = ['demo/devices/truck-7/location', 'demo/devices/truck-8/location']
  await user.subscribe('demo/users/ann/errors', seventh, eighth)
  rights.grant('ann')
  await user.until('the notice', () => codes(user).length === 1)
  assert.deepEqual([codes(user)[0], notices(user)[0]?.topic], ['subscribe_forbidden', eighth])
  await broker.publish(fixOf('truck-8'))
  await broker.publish(fixOf('truck-7'))
  await user.find('publish', ({ topic }) => topic === seventh)
  assert.ok(!topics(user).includes(eighth))
  assert.deepEqual(await user.subscribe(eighth), [REFUSED])
  rights.grant('ann', 'truck-8')
  assert.deepEqual(await user.subscribe(eighth), [1])
  await broker.publish(fixOf('truck-8'))
  await user.find('publish', ({ topic }) => topic === eighth)
})

for (const code of ['principal_banned', 'token_revoked'] as const) {
  test(`${code}: told, disconnected with its will, and not let in again until it is taken back`, async t => {
    const { rights, ...running } = await started(t)
    const desk = await connected(t, running, DESK)
    await desk.subscribe('demo/devices/+/status')
    const device = await connected(t, running, DEVICE, { will: WILL })
    await device.subscribe('demo/users/truck-7/errors')
    rights.refuse('truck-7', code)
    await device.closed()
    assert.deepEqual(codes(device), [code])
    await desk.find('publish', ({ payload }) => payload.toString().includes('"battery":3'))
    const again = await openRaw(t, running.port)
    const connack = await again.connect(await mint(DEVICE))
    assert.equal(connack.returnCode, code === 'principal_banned' ? 5 : 4)
    rights.refuse('truck-7', null)
    await connected(t, running, DEVICE)
  })
}

test('nothing that is sent in the moment of a ban is acknowledged or handled, and nothing more is delivered', async t => {
  const { broker, rights, work, ...running } = await started(t)
  const user = await connected(t, running, { ...USER, role: 'driver' })
  await user.subscribe('demo/devices/+/location', 'demo/users/ann/errors')
  rights.refuse('ann', 'principal_banned')
  user.publish('demo/devices/truck-7/location', fix(), 1)
  await broker.publish(fixOf('truck-7'))
  await user.closed()
  assert.deepEqual(user.of('puback'), [])
  assert.deepEqual(topics(user), ['demo/users/ann/errors'])
  assert.deepEqual(work.calls, [])
})

test('a message that waits for its turn on a connection is not sent when the right to it is gone by then', async t => {
  const { broker, rights, ...running } = await started(t)
  rights.grant('ann', 'truck-8')
  const session = { clean: false, clientId: 'app' }
  const first = await connected(t, running, USER, session)
  await first.subscribe('demo/devices/+/location')
  first.send({ cmd: 'disconnect' })
  await first.closed()
  const queued = 150
  await Promise.all(Array.from({ length: queued }, () => broker.publish(fixOf('truck-7'))))
  const second = await openRaw(t, running.port)
  await second.connect(await mint(USER), session)
  // Published while the queue is sent: they wait behind it.
  await Promise.all(Array.from({ length: 50 }, () => broker.publish(fixOf('truck-8'))))
  assert.ok(topics(second).length < queued, 'the queue is still being sent')
  rights.grant('ann')
  second.acknowledge()
  await broker.publish({ ...fixOf('truck-7'), payload: fix(1_700_000_000_001) })
  await second.find('publish', ({ payload }) => payload.toString().includes('1700000000001'))
  await second.ping()
  const heard = topics(second)
  assert.equal(heard.filter(topic => topic.includes('truck-7')).length, queued + 1)
  assert.deepEqual(
    heard.filter(topic => topic.includes('truck-8')),
    [],
  )
  second.stream.destroy()
  const third = await connected(t, running, USER, session)
  await third.ping()
  assert.ok(!topics(third).some(topic => topic.includes('truck-8')))
})

test('what waits for the acknowledgements of a clean session is not sent when the right to it is gone by then', async t => {
  const { broker, rights, ...running } = await started(t)
  rights.grant('ann', 'truck-8')
  const user = await connected(t, running, USER)
  await subscribed(user, 'demo/devices/+/location', 1)
  for (let n = 0; n < 2 * MOST_IN_FLIGHT; n += 1) {
    for (const id of ['truck-7', 'truck-8']) await broker.publish(fixOf(id))
  }
  await user.until('as many as may be in flight', () => topics(user).length === MOST_IN_FLIGHT)
  const before = topics(user).filter(topic => topic.includes('truck-8')).length
  rights.grant('ann')
  user.acknowledge()
  await user.until(
    'those of the other',
    () => topics(user).filter(topic => topic.includes('truck-7')).length === 2 * MOST_IN_FLIGHT,
  )
  await user.ping()
  assert.equal(topics(user).filter(topic => topic.includes('truck-8')).length, before)
})

test('a subscription that is being made while its right is taken away does not stay', async t => {
  const { broker, rights, ...running } = await started(t)
  for (let round = 0; round < 20; round++) {
    rights.grant('ann', 'truck-8')
    const user = await connected(t, running, USER, { clean: false, clientId: `round-${round}` })
    const subscribing = user.subscribe('demo/devices/truck-8/location')
    // At another moment of it each time.
    for (let turn = 0; turn < round; turn++) await new Promise(setImmediate)
    rights.grant('ann')
    await subscribing
    await user.ping()
    await broker.publish(fixOf('truck-8'))
    await user.ping()
    assert.deepEqual(topics(user), [], `round ${round}`)
    rights.grant('ann', 'truck-8')
    await broker.publish(fixOf('truck-8'))
    await user.ping()
    assert.deepEqual(topics(user), [], `round ${round}: what was dropped does not come back by itself`)
    user.stream.destroy()
  }
})

test('a takeover while everybody is looked at again: the old one ends, the new one has the rights of now', async t => {
  const { broker, rights, ...running } = await started(t)
  rights.grant('ann', 'truck-8')
  const password = await mint(USER)
  const session = { clean: false, clientId: 'app' }
  const first = await openRaw(t, running.port)
  await first.connect(password, session)
  await first.subscribe('demo/devices/+/location')
  for (let i = 0; i < 10; i++) {
    const next = await openRaw(t, running.port)
    const connecting = next.connect(password, session)
    rights.changed(null)
    rights.grant('ann', ...(i % 2 === 0 ? [] : ['truck-8']))
    await connecting
  }
  await first.closed()
  const last = await openRaw(t, running.port)
  await last.connect(password, session)
  rights.grant('ann')
  await broker.publish(fixOf('truck-8'))
  await broker.publish(fixOf('truck-7'))
  await last.find('publish', ({ topic }) => topic.includes('truck-7'))
  assert.ok(!topics(last).some(topic => topic.includes('truck-8')))
  assert.equal(broker.connectionCount, 1)
})

test('a change for everybody does not hold up the event loop: others are served between the slices', async t => {
  const { broker, rights, ...running } = await started(t)
  const connections = 60
  const raws = await Promise.all(
    Array.from({ length: connections }, async (_, i) => {
      const raw = await connected(t, running, { role: 'user', sub: `user-${i}` })
      await raw.subscribe('demo/devices/+/location')
      return raw
    }),
  )
  const busyMs = 2
  let asked = 0
  const current = rights.current.bind(rights)
  rights.current = issued => {
    const until = performance.now() + busyMs
    while (performance.now() < until);
    asked += 1
    return { ...current(issued), devices: new Set(['truck-8']) }
  }
  rights.changed(null)
  assert.ok(asked < connections, 'not all of them at once')
  let turns = 0
  while (asked < connections) {
    await new Promise(setImmediate)
    turns += 1
  }
  assert.ok(turns > 10, `${turns} turns of the event loop for ${connections} connections`)
  await broker.publish(fixOf('truck-8'))
  await Promise.all(raws.map(raw => raw.next('publish')))
})

test("another organisation's change is nobody's here, and a principal of the same name there is another one", async t => {
  const { rights, ...running } = await started(t)
  const ours = await connected(t, running, USER)
  const theirs = await connected(t, running, { ...USER, org: 'rival' })
  rights.current = issued => (issued.org === 'rival' ? { ...issued, devices: new Set() } : issued)
  await ours.subscribe('demo/devices/truck-7/location')
  await theirs.subscribe('rival/users/ann/errors')
  rights.changed('ann', 'rival')
  assert.deepEqual(await theirs.subscribe('rival/devices/truck-7/location'), [REFUSED])
  assert.deepEqual(await ours.subscribe('demo/devices/truck-7/last'), [1])
})
