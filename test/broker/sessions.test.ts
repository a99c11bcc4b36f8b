import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { IConnectPacket } from 'mqtt-packet'
import { fix, mint, startTestBroker, type TestBroker } from '../support/broker.ts'
import { eventually } from '../support/eventually.ts'
import { connectPacket, openRaw, type RawClient } from '../support/raw-mqtt.ts'
import { temporaryFolder } from '../support/scope.ts'
import type { Who } from '../support/who.ts'

const DEVICE: Who = { role: 'device', sub: 'truck-7' }
const DESK: Who = { role: 'dispatcher', sub: 'desk' }
const STATUS = 'demo/devices/truck-7/status'
const WILL = { topic: STATUS, payload: Buffer.from('{"state":"offline","battery":3}'), qos: 1, retain: true } as const

async function connected(
  t: TestContext,
  { port }: Pick<TestBroker, 'port'>,
  who: Who,
  more: Partial<IConnectPacket> = {},
): Promise<RawClient & { sessionPresent?: boolean }> {
  const raw = await openRaw(t, port)
  const connack = await raw.connect(await mint(who), more)
  assert.equal(connack.returnCode, 0)
  return Object.assign(raw, { sessionPresent: connack.sessionPresent })
}

async function goodbye(raw: RawClient): Promise<void> {
  raw.send({ cmd: 'disconnect' })
  await raw.closed()
}

const texts = (raw: RawClient) => raw.of('publish').map(({ payload }) => payload.toString())
const states = (raw: RawClient) => texts(raw).map(text => JSON.parse(text).state)

test("another principal's client id is another session: nobody is kicked, nothing inherited", async t => {
  const running = await startTestBroker(t)
  const first = await connected(t, running, DESK, { clientId: 'same', clean: false })
  await first.subscribe('demo/devices/+/location')
  const other = await connected(t, running, { ...DESK, sub: 'thief' }, { clientId: 'same', clean: false })
  assert.equal(other.sessionPresent, false)
  await running.broker.publish({ topic: 'demo/devices/a/location', payload: fix(), qos: 1, retain: false })
  await first.next('publish')
  await other.ping()
  assert.deepEqual(texts(other), [])
})

test('what is published while a session is resumed comes after what is queued for it [MQTT-4.6.0-6]', async t => {
  const running = await startTestBroker(t)
  const session = { clientId: 'same', clean: false }
  const before = await connected(t, running, DESK, session)
  await before.subscribe('demo/devices/+/location')
  await goodbye(before)
  const [queued, all] = [200, 300]
  const say = (payload: string) =>
    running.broker.publish({ topic: 'demo/devices/a/location', payload, qos: 1, retain: false })
  for (let n = 0; n < queued; n++) await say(`${n}`)
  const after = await connected(t, running, DESK, session)
  after.acknowledge()
  for (let n = queued; n < all; n++) await say(`${n}`)
  await after.find('publish', ({ payload }) => payload.toString() === `${all - 1}`)
  assert.deepEqual(
    texts(after),
    Array.from({ length: all }, (_, n) => `${n}`),
  )
})

test('the same principal takes over its own client id, again and again [MQTT-3.1.4-2]', async t => {
  const running = await startTestBroker(t)
  const first = await connected(t, running, DESK)
  const second = await connected(t, running, DESK)
  await first.closed()
  await second.ping()
  const third = await connected(t, running, DESK)
  await second.closed()
  const fourth = await connected(t, running, DESK)
  await third.closed()
  await fourth.ping()
  assert.equal(running.broker.connectionCount, 1)
})

test('many connections that take over the same client id at once leave exactly one', async t => {
  const running = await startTestBroker(t)
  const password = await mint(DESK)
  const raws = await Promise.all(Array.from({ length: 20 }, () => openRaw(t, running.port)))
  await Promise.allSettled(raws.map(raw => raw.connect(password, { clean: false })))
  const last = await connected(t, running, DESK, { clean: false })
  await Promise.all(raws.map(raw => raw.closed()))
  await last.ping()
  assert.equal(running.broker.connectionCount, 1)
})

for (const clean of [false, true]) {
  for (const apartMs of [0, 2]) {
    const how = `${clean ? 'clean' : 'stored'} session, ${apartMs} ms apart`
    test(`connections that come in a burst under a client id that subscribes leave exactly one: ${how}`, async t => {
      const running = await startTestBroker(t)
      const password = await mint(DESK)
      const begun = async () => {
        const raw = await openRaw(t, running.port)
        raw.send(connectPacket(password, { clean }), {
          cmd: 'subscribe',
          messageId: 1,
          subscriptions: [{ topic: 'demo/devices/+/location', qos: 1 }],
        })
        return raw
      }
      const first = await begun()
      await first.next('suback')
      const raws = [first]
      for (let i = 0; i < 12; i += 1) {
        raws.push(await begun())
        if (apartMs > 0) await sleep(apartMs)
      }
      const standing = () => raws.filter(raw => !raw.isClosed)
      await eventually('all but one end', () => standing().length === 1, 10_000)
      await standing()[0]!.ping()
      assert.deepEqual([standing().length, running.broker.connectionCount], [1, 1])
    })
  }
}

test('a persistent session outlives a restart, with its messages in order', async t => {
  let running = await startTestBroker(t)
  const first = await connected(t, running, DESK, { clean: false })
  await first.subscribe('demo/devices/+/location')
  await goodbye(first)
  const expected: string[] = []
  for (const run of [1, 2]) {
    const sent = Array.from({ length: 200 }, (_, i) => fix(run * 1_000_000_000_000 + i))
    expected.push(...sent)
    await Promise.all(
      sent.map(payload => running.broker.publish({ topic: 'demo/devices/a/location', payload, qos: 1, retain: false })),
    )
    running = await running.restart()
  }
  const second = await connected(t, running, DESK, { clean: false })
  assert.equal(second.sessionPresent, true)
  second.acknowledge()
  await second.until('400 messages', () => second.of('publish').length >= 400)
  assert.deepEqual(texts(second), expected)
  await running.broker.publish({ topic: 'demo/devices/b/location', payload: fix(), qos: 1, retain: false })
  await second.find('publish', ({ topic }) => topic === 'demo/devices/b/location')
})

test('messages that were acknowledged do not come again, those that were not do', async t => {
  const running = await startTestBroker(t)
  const first = await connected(t, running, DESK, { clean: false })
  await first.subscribe('demo/devices/+/location')
  for (const id of ['a', 'b'])
    await running.broker.publish({ topic: `demo/devices/${id}/location`, payload: fix(), qos: 1, retain: false })
  const a = await first.find('publish', ({ topic }) => topic.includes('/a/'))
  first.send({ cmd: 'puback', messageId: a.messageId! })
  await first.find('publish', ({ topic }) => topic.includes('/b/'))
  await first.ping()
  const again = await running.restart()
  const second = await connected(t, again, DESK, { clean: false })
  await second.next('publish')
  await second.ping()
  assert.deepEqual(
    second.of('publish').map(({ topic }) => topic),
    ['demo/devices/b/location'],
  )
})

test('nothing is queued for a QoS 0 subscription, after a restart neither', async t => {
  let running = await startTestBroker(t)
  const first = await connected(t, running, DESK, { clean: false })
  first.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'demo/devices/+/location', qos: 0 }] })
  await first.next('suback')
  await first.subscribe('demo/devices/z/location')
  await goodbye(first)
  running = await running.restart()
  for (const id of ['a', 'z'])
    await running.broker.publish({ topic: `demo/devices/${id}/location`, payload: fix(), qos: 1, retain: false })
  const second = await connected(t, running, DESK, { clean: false })
  await second.next('publish')
  await second.ping()
  assert.deepEqual(
    second.of('publish').map(({ topic }) => topic),
    ['demo/devices/z/location'],
  )
})

test('a narrow QoS 0 filter does not take the wildcard of the same session out of the queue', async t => {
  const running = await startTestBroker(t)
  const first = await connected(t, running, DESK, { clean: false })
  await first.subscribe('demo/devices/+/location')
  first.send({ cmd: 'subscribe', messageId: 99, subscriptions: [{ topic: 'demo/devices/a/location', qos: 0 }] })
  await first.find('suback', ({ messageId }) => messageId === 99)
  await goodbye(first)
  await running.broker.publish({ topic: 'demo/devices/b/location', payload: fix(), qos: 1, retain: false })
  const second = await connected(t, running, DESK, { clean: false })
  await second.next('publish')
})

test('a filter that was unsubscribed is not restored, its neighbours are', async t => {
  let running = await startTestBroker(t)
  const first = await connected(t, running, DESK, { clean: false })
  await first.subscribe('demo/devices/+/location', 'demo/devices/a/location', 'demo/fences/+')
  await first.unsubscribe('demo/devices/+/location')
  await goodbye(first)
  running = await running.restart()
  for (const id of ['a', 'b'])
    await running.broker.publish({ topic: `demo/devices/${id}/location`, payload: fix(), qos: 1, retain: false })
  await running.broker.publish({ topic: 'demo/fences/f', payload: '{}', qos: 1, retain: false })
  const second = await connected(t, running, DESK, { clean: false })
  await second.find('publish', ({ topic }) => topic === 'demo/fences/f')
  assert.deepEqual(
    second.of('publish').map(({ topic }) => topic),
    ['demo/devices/a/location', 'demo/fences/f'],
  )
})

test('a clean session forgets the stored one and its queue [MQTT-3.1.2-6]', async t => {
  const running = await startTestBroker(t)
  const first = await connected(t, running, DESK, { clean: false })
  await first.subscribe('demo/devices/+/location')
  await goodbye(first)
  await running.broker.publish({ topic: 'demo/devices/a/location', payload: fix(), qos: 1, retain: false })
  const clean = await connected(t, running, DESK)
  assert.equal(clean.sessionPresent, false)
  await goodbye(clean)
  const second = await connected(t, running, DESK, { clean: false })
  assert.equal(second.sessionPresent, false)
  await second.ping()
  assert.deepEqual(texts(second), [])
})

test('retained messages survive a restart, the newest of many in quick succession, and an empty payload deletes them', async t => {
  let running = await startTestBroker(t)
  const publishFence = (id: string, payload: string) =>
    running.broker.publish({ topic: `demo/fences/${id}`, payload, qos: 1, retain: true })
  await Promise.all(Array.from({ length: 50 }, (_, i) => publishFence('busy', `{"version":${i}}`)))
  await publishFence('kept', '{"name":"kept"}')
  await publishFence('gone', '{"name":"gone"}')
  running = await running.restart()
  await publishFence('gone', '')
  running = await running.restart()
  const desk = await connected(t, running, DESK)
  await desk.subscribe('demo/fences/+')
  await desk.until('two fences', () => desk.of('publish').length === 2)
  await desk.ping()
  assert.deepEqual(texts(desk).sort(), ['{"name":"kept"}', '{"version":49}'])
  assert.ok(desk.of('publish').every(({ retain }) => retain))
})

test('thousands of retained messages arrive whole at a wildcard', async t => {
  const running = await startTestBroker(t)
  await Promise.all(
    Array.from({ length: 3_000 }, (_, i) =>
      running.broker.publish({ topic: `demo/devices/truck-${i}/last`, payload: fix(), qos: 0, retain: true }),
    ),
  )
  const desk = await connected(t, running, DESK)
  await desk.subscribe('demo/devices/+/last')
  await desk.until('all of them', () => desk.of('publish').length === 3_000)
})

test('status: online and offline are retained around a connection', async t => {
  const running = await startTestBroker(t)
  const desk = await connected(t, running, DESK)
  await desk.subscribe('demo/devices/+/status')
  const device = await connected(t, running, DEVICE)
  await desk.until('online', () => states(desk).join() === 'online')
  await goodbye(device)
  await desk.until('offline', () => states(desk).join() === 'online,offline')
  const late = await connected(t, running, { ...DESK, sub: 'late' })
  await late.subscribe('demo/devices/+/status')
  await late.next('publish')
  assert.deepEqual(states(late), ['offline'])
})

test('status: the will of a device that vanished speaks for it, once', async t => {
  const running = await startTestBroker(t)
  const desk = await connected(t, running, DESK)
  await desk.subscribe('demo/devices/+/status')
  const device = await connected(t, running, DEVICE, { will: WILL })
  device.stream.destroy()
  const offline = await desk.find('publish', ({ payload }) => payload.toString().includes('offline'))
  assert.equal(JSON.parse(offline.payload.toString()).battery, 3)
  const again = await connected(t, running, DEVICE)
  await desk.until('online again', () => states(desk).length === 3)
  assert.deepEqual(states(desk), ['online', 'offline', 'online'])
  await again.ping()
})

for (const more of [{}, { clientId: 'second-modem' }]) {
  const how = 'clientId' in more ? 'beside another connection of its own' : 'when its connection is replaced'
  test(`status: a device is not called offline ${how}`, async t => {
    const running = await startTestBroker(t)
    const desk = await connected(t, running, DESK)
    await desk.subscribe('demo/devices/+/status')
    const first = await connected(t, running, DEVICE, { will: WILL })
    const second = await connected(t, running, DEVICE, { will: WILL, ...more })
    first.stream.destroy()
    // No event tells it: the desk asks until the broker has seen the first one go.
    while (running.broker.connectionCount > 2) await desk.ping()
    await goodbye(second)
    await desk.until('offline', () => states(desk).includes('offline'))
    assert.deepEqual(states(desk), ['online', 'online', 'offline'])
  })
}

interface CrashedBroker {
  readonly process: ChildProcess
  readonly port: number
}

/** A broker in a process of its own, to be killed. */
async function brokerProcess(t: TestContext, dataDirectory: string): Promise<CrashedBroker> {
  const child = fork(fileURLToPath(new URL('../support/broker-process.js', import.meta.url)), [dataDirectory])
  t.after(() => {
    child.kill('SIGKILL')
  })
  const [port] = (await once(child, 'message')) as [number]
  return { process: child, port }
}

async function killed({ process }: CrashedBroker): Promise<void> {
  process.kill('SIGKILL')
  await once(process, 'exit')
}

test('kill -9: the will of a device that does not come back is published after the restart', async t => {
  const dataDirectory = await temporaryFolder(t)
  const doomed = await brokerProcess(t, dataDirectory)
  const first = await connected(t, doomed, { ...DEVICE, sub: 'truck-8' }, { clientId: 'm' })
  await connected(t, doomed, DEVICE, { will: WILL })
  const back = { ...WILL, topic: 'demo/devices/truck-9/status' }
  await connected(t, doomed, { ...DEVICE, sub: 'truck-9' }, { will: back })
  await first.ping()
  // Statuses are written a moment after they are said.
  await sleep(500)
  await killed(doomed)

  const running = await startTestBroker(t, { dataDirectory, heartbeatMs: 100 })
  // Comes back under another client id: its old will stays in the store, but must not speak, nor stand in the way of others.
  await connected(t, running, { ...DEVICE, sub: 'truck-9' }, { clientId: 'new-firmware' })
  const desk = await connected(t, running, DESK)
  await desk.subscribe('demo/devices/+/status')
  await desk.find('publish', ({ topic, payload }) => topic === STATUS && payload.toString().includes('"battery":3'))
  // It had no will: whoever was online before the restart and did not come back is offline all the same.
  await desk.find(
    'publish',
    ({ topic, payload }) => topic.includes('truck-8') && payload.toString().includes('offline'),
  )
  await desk.ping()
  const ninth = desk.of('publish').filter(({ topic }) => topic === back.topic)
  assert.ok(ninth.every(({ payload }) => !payload.toString().includes('offline')))
})

test('kill -9: a will outlives the takeover of the connection before it', async t => {
  const dataDirectory = await temporaryFolder(t)
  const doomed = await brokerProcess(t, dataDirectory)
  const first = await connected(t, doomed, DEVICE, { will: WILL })
  const second = await connected(t, doomed, DEVICE, { will: WILL })
  await first.closed()
  await second.ping()
  await killed(doomed)
  const running = await startTestBroker(t, { dataDirectory, heartbeatMs: 50 })
  const desk = await connected(t, running, DESK)
  await desk.subscribe(STATUS)
  await desk.find('publish', ({ payload }) => payload.toString().includes('"battery":3'))
})

test('kill -9: what a stored session was promised is there after it', async t => {
  const dataDirectory = await temporaryFolder(t)
  const doomed = await brokerProcess(t, dataDirectory)
  const first = await connected(t, doomed, DESK, { clean: false })
  await first.subscribe('demo/devices/+/location')
  await goodbye(first)
  const device = await connected(t, doomed, DEVICE)
  const sent = Array.from({ length: 100 }, (_, i) => fix(1_700_000_000_000 + i))
  for (const payload of sent) device.publish('demo/devices/truck-7/location', payload, 2)
  // PUBREC of QoS 2 comes after routing, so what it acknowledges is in the session's queue.
  await device.until('100 PUBRECs', () => device.of('pubrec').length === 100)
  await killed(doomed)
  const running = await startTestBroker(t, { dataDirectory })
  const second = await connected(t, running, DESK, { clean: false })
  second.acknowledge()
  await second.until('100 messages', () => second.of('publish').length === 100)
  assert.deepEqual(new Set(texts(second)), new Set(sent))
})
