import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { IdentityClash } from '../../broker/index.ts'
import { fix, mint, RecordingHandlers, startTestBroker, type TestBroker } from '../support/broker.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { openRaw, type RawClient } from '../support/raw-mqtt.ts'
import type { Who } from '../support/who.ts'

const DEVICE: Who = { role: 'device', sub: 'truck-7' }

interface Watched extends TestBroker {
  readonly clashes: IdentityClash[]
  readonly clock: FakeClock
}

async function started(t: TestContext): Promise<Watched> {
  const clashes: IdentityClash[] = []
  const clock = new FakeClock(Date.now())
  const handlers = {
    ...new RecordingHandlers().handlers(),
    identityClash: (clash: IdentityClash) => clashes.push(clash),
  }
  return { ...(await startTestBroker(t, { clock, handlers })), clashes, clock }
}

async function connected(t: TestContext, { port }: Watched, clientId: string, who = DEVICE): Promise<RawClient> {
  const raw = await openRaw(t, port)
  assert.equal((await raw.connect(await mint({ ...who, ttlSeconds: 90_000 }), { clientId })).returnCode, 0)
  return raw
}

async function report(raw: RawClient, topic = 'demo/devices/truck-7/location'): Promise<void> {
  const messageId = raw.publish(topic, fix(), 1)
  await raw.find('puback', packet => packet.messageId === messageId)
}

test('two clients that publish in turn under one device are told and raised once, and again while it goes on', async t => {
  const running = await started(t)
  const [first, second] = [await connected(t, running, 'one'), await connected(t, running, 'two')]
  await first.subscribe('demo/users/truck-7/errors')
  for (let round = 0; round < 20; round++) {
    await report(first)
    await report(second)
  }
  assert.equal(running.clashes.length, 1)
  const [{ org, deviceId, clients } = {}] = running.clashes
  assert.deepEqual([org, deviceId], ['demo', 'truck-7'])
  assert.deepEqual(new Set(clients?.map(({ clientId }) => clientId)), new Set(['one', 'two']))
  assert.ok(clients?.every(({ address }) => address === '127.0.0.1'))
  const notice = await first.find('publish', ({ payload }) => payload.toString().includes('identity_clash'))
  assert.match(JSON.parse(notice.payload.toString()).message, /give each device a token of its own/)
  running.clock.advance(3_600_000)
  await report(first)
  await report(second)
  assert.equal(running.clashes.length, 2)
})

test('a client id that two take from each other again and again is a clash', async t => {
  const running = await started(t)
  for (let i = 0; i < 6; i++) {
    await connected(t, running, 'same')
    running.clock.advance(2_000)
  }
  assert.equal(running.clashes.length, 1)
})

test('a device that reconnects is none: neither in place of a dead connection, nor under another client id', async t => {
  const running = await started(t)
  for (let i = 0; i < 30; i++) {
    const raw = await connected(t, running, 'same')
    await report(raw)
    await report(raw)
    running.clock.advance(20_000)
  }
  // Every connection of before stays half open, and is not heard again.
  for (let i = 0; i < 30; i++) {
    const raw = await connected(t, running, `random-${i}`)
    await report(raw)
    await report(raw)
    running.clock.advance(1_000)
    if (i % 2 === 0) raw.stream.destroy()
    while (i % 2 === 0 && running.broker.connectionCount > 1 + (i + 1) / 2 + 1) await new Promise(setImmediate)
  }
  assert.deepEqual(running.clashes, [])
})

test('several connections of a person or a gateway are none', async t => {
  const running = await started(t)
  const gateway: Who = { role: 'service', sub: 'gateway' }
  const raws = [await connected(t, running, 'one', gateway), await connected(t, running, 'two', gateway)]
  for (let round = 0; round < 10; round++) for (const raw of raws) await report(raw)
  assert.deepEqual(running.clashes, [])
})
