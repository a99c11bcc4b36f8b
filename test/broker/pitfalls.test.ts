import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { generate, type Packet } from 'mqtt-packet'
import { DROP_ABOVE_BYTES } from '../../broker/delivery/slow-consumers.ts'
import { fix, metric, mint, startTestBroker, type TestBroker } from '../support/broker.ts'
import { connectPacket, openRaw, type RawClient } from '../support/raw-mqtt.ts'
import type { Who } from '../support/who.ts'

const DEVICE: Who = { role: 'device', sub: 'truck-7' }
const DESK: Who = { role: 'dispatcher', sub: 'desk' }
const SLOW = 'trackwire_mqtt_slow_consumer_total'

async function connected(t: TestContext, { port }: TestBroker, who: Who, clientId = 'raw'): Promise<RawClient> {
  const raw = await openRaw(t, port)
  assert.equal((await raw.connect(await mint(who), { clientId })).returnCode, 0)
  return raw
}

const location = (deviceId: string, payload = fix(), qos: 0 | 1 = 0) =>
  ({ topic: `demo/devices/${deviceId}/location`, payload, qos, retain: false }) as const

/** A turn of the event loop, so that sockets are written and timers run. */
const turn = () => new Promise<void>(resolve => setImmediate(resolve))

for (const qos of [0, 1] as const) {
  test(`a subscriber that does not read (QoS ${qos}) delays nobody, is dropped in time, and its backlog crashes nothing`, async t => {
    const running = await startTestBroker(t, { drainTimeoutMs: 300 })
    const stalled = await connected(t, running, DESK, 'stalled')
    await stalled.subscribe('demo/devices/flood/location')
    stalled.stream.pause()
    const other = await connected(t, running, DESK, 'other')
    await other.subscribe('demo/devices/calm/location')
    const large = fix(1_700_000_000_000, { attributes: { text: 'x'.repeat(10_000) } })
    for (let i = 0; i < 3_000; i += 1) {
      await running.broker.publish(location('flood', large, qos))
      if (i % 10 === 0) await turn()
      if (i % 300 === 0) await running.broker.publish(location('calm', fix(), 1))
    }
    await other.until('all calm messages', () => other.of('publish').length === 10)
    while (running.broker.connectionCount > 1) await other.ping()
    if (qos === 0) assert.ok((await metric(running.registry, SLOW, { lane: 'drop' })) > 0)
    await running.broker.publish(location('calm', fix(), 1))
    await other.until('one more', () => other.of('publish').length === 11)
  })
}

test('what waits for a consumer that does not read is bounded', async t => {
  const running = await startTestBroker(t, { drainTimeoutMs: 60_000 })
  const stalled = await connected(t, running, DESK, 'stalled')
  await stalled.subscribe('demo/devices/+/location')
  stalled.stream.pause()
  const large = fix(1_700_000_000_000, { attributes: { text: 'x'.repeat(60_000) } })
  const count = 1_000
  for (let i = 0; i < count; i += 1) {
    await running.broker.publish(location('flood', large))
    await turn()
  }
  const dropped = await metric(running.registry, SLOW, { lane: 'drop' })
  // The kernel's socket buffers hold some megabytes beside ours.
  assert.ok((count - dropped) * large.length < DROP_ABOVE_BYTES + 16_000_000, `${count - dropped} were kept`)
  stalled.stream.resume()
  await stalled.until('those that were kept', () => stalled.of('publish').length === count - dropped)
  await running.broker.publish(location('newest', '{}'))
  await stalled.find('publish', ({ topic }) => topic.includes('newest'))
})

test('queued messages too large for a consumer that does not read wait in its session', async t => {
  const running = await startTestBroker(t, { drainTimeoutMs: 60_000 })
  const stalled = await openRaw(t, running.port)
  await stalled.connect(await mint(DESK), { clean: false })
  await stalled.subscribe('demo/devices/+/location')
  stalled.stream.pause()
  const large = JSON.stringify({ text: 'x'.repeat(200_000) })
  const count = 150
  for (let i = 0; i < count; i += 1) {
    await running.broker.publish(location(`d${i}`, large, 1))
    await turn()
  }
  assert.equal(running.broker.connectionCount, 0)
  stalled.stream.resume()
  await stalled.closed()
  const again = await openRaw(t, running.port)
  await again.connect(await mint(DESK), { clean: false })
  again.acknowledge()
  await again.until('every message', () => new Set(again.of('publish').map(({ topic }) => topic)).size === count)
})

test('two subscriptions that match the same message deliver it once [MQTT-3.3.5-1]', async t => {
  const running = await startTestBroker(t)
  const desk = await connected(t, running, DESK)
  await desk.subscribe('demo/devices/+/location', 'demo/devices/#', 'demo/devices/a/location')
  await running.broker.publish(location('a', fix(), 1))
  await desk.next('publish')
  await desk.ping()
  assert.equal(desk.of('publish').length, 1)
})

for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
  test(`a client id, device and user named ${name} are as good as any`, async t => {
    const running = await startTestBroker(t)
    const device = await connected(t, running, { role: 'device', sub: name }, name)
    const again = await connected(t, running, { role: 'device', sub: name }, name)
    await device.closed()
    await again.subscribe(`demo/devices/${name}/#`)
    again.publish(`demo/devices/${name}/location`, fix(), 1)
    await again.next('puback')
    await again.find('publish', ({ topic }) => topic.endsWith('/location'))
    again.publish(`demo/devices/${name}/status`, '{"state":"idle","__proto__":{"state":"x"},"constructor":1}', 2, {
      messageId: 7,
    })
    await again.next('pubrec')
    again.send({ cmd: 'pubrel', messageId: 7 })
    await again.next('pubcomp')
  })
}

test('a QoS 1 message on its way to a persistent session that is just subscribing does not end it', async t => {
  const running = await startTestBroker(t)
  const desk = await openRaw(t, running.port)
  await desk.connect(await mint(DESK), { clean: false })
  for (let round = 0; round < 30; round += 1) {
    const publishing = Promise.all(Array.from({ length: 20 }, () => running.broker.publish(location('a', fix(), 1))))
    await desk.subscribe('demo/devices/a/location')
    await publishing
    for (const { messageId } of desk.of('publish').slice(-20)) desk.send({ cmd: 'puback', messageId: messageId! })
    await desk.unsubscribe('demo/devices/a/location')
  }
  await desk.ping()
})

test('storms of subscribing and unsubscribing leave the broker as it was', async t => {
  const running = await startTestBroker(t)
  const desks = await Promise.all([...Array(10).keys()].map(i => connected(t, running, { ...DESK, sub: `desk-${i}` })))
  await Promise.all(
    desks.map(async desk => {
      for (let round = 0; round < 20; round += 1) {
        const filters = Array.from({ length: 50 }, (_, i) => `demo/devices/truck-${i}/+`)
        await desk.subscribe(...filters)
        await desk.unsubscribe(...filters)
      }
      await desk.subscribe('demo/devices/truck-1/location')
    }),
  )
  await running.broker.publish(location('truck-1', fix(), 1))
  await Promise.all(desks.map(desk => desk.next('publish')))
  assert.ok(desks.every(desk => desk.of('publish').length === 1))
})

test('PUBACK, PUBREC, PUBREL and PUBCOMP that answer nothing are survived', async t => {
  const running = await startTestBroker(t)
  for (const clean of [true, false]) {
    const raw = await openRaw(t, running.port)
    await raw.connect(await mint(DEVICE), { clean, clientId: `clean-${clean}` })
    for (const cmd of ['puback', 'pubrec', 'pubrel', 'pubrel', 'pubcomp'] as const) raw.send({ cmd, messageId: 4_711 })
    await raw.ping()
  }
})

test('more than 1,000 QoS 2 messages without PUBREL close the connection, not the broker', async t => {
  // Faster than a device may send: the messages would be put off before they are too many.
  const running = await startTestBroker(t, { limits: false })
  const raw = await connected(t, running, DEVICE)
  for (let i = 0; i < 1_100; i += 1) raw.publish('demo/devices/truck-7/location', fix(), 2)
  await raw.closed()
  await (await connected(t, running, DEVICE)).ping()
})

/** A session as a real client may have it; parts of it are then spoilt. */
function scenes(password: string): Packet[] {
  const topic = 'demo/devices/truck-7/location'
  const publish = (qos: 0 | 1 | 2): Packet => ({
    cmd: 'publish',
    topic,
    payload: fix(),
    qos,
    messageId: 3,
    dup: false,
    retain: true,
  })
  return [
    connectPacket(password, { clean: false, will: { topic, payload: Buffer.from(fix()), qos: 1, retain: false } }),
    { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'demo/devices/truck-7/#', qos: 1 }] },
    publish(0),
    publish(1),
    publish(2),
    { cmd: 'pubrel', messageId: 3 },
    { cmd: 'puback', messageId: 1 },
    { cmd: 'unsubscribe', messageId: 2, unsubscriptions: ['demo/devices/truck-7/#'] },
    { cmd: 'pingreq' },
    { cmd: 'disconnect' },
  ]
}

interface Spoil {
  readonly packet: number
  readonly at: number
  readonly byte: number
  readonly kind: 'change' | 'insert' | 'remove' | 'cut'
}

function spoilt(packets: readonly Buffer[], spoils: readonly Spoil[]): Buffer {
  const copies = packets.map(packet => [...packet])
  for (const { packet, at, byte, kind } of spoils) {
    const bytes = copies[packet % copies.length]!
    const index = at % (bytes.length || 1)
    if (kind === 'change') bytes[index] = byte
    else if (kind === 'insert') bytes.splice(index, 0, byte)
    else if (kind === 'remove') bytes.splice(index, 1)
    else bytes.length = index
  }
  return Buffer.from(copies.flat())
}

test('thousands of spoilt packets: the broker answers afterwards', async t => {
  const running = await startTestBroker(t, { connectTimeoutMs: 1_000 })
  const packets = scenes(await mint(DEVICE)).map(packet => generate(packet))
  const spoil = fc.record({
    // CONNECT is left alone three times out of four, or hardly anything would get further.
    packet: fc.oneof(
      { weight: 1, arbitrary: fc.constant(0) },
      { weight: 9, arbitrary: fc.integer({ min: 1, max: 9 }) },
    ),
    at: fc.oneof({ weight: 2, arbitrary: fc.integer({ min: 0, max: 6 }) }, { weight: 1, arbitrary: fc.nat(2_000) }),
    byte: fc.integer({ min: 0, max: 255 }),
    kind: fc.constantFrom('change', 'change', 'change', 'insert', 'remove', 'cut'),
  })
  const sessions = fc.sample(fc.array(spoil, { minLength: 1, maxLength: 4 }), { numRuns: 400, seed: 20_261_120 })
  for (let i = 0; i < sessions.length; i += 20) {
    await Promise.all(
      sessions.slice(i, i + 20).map(async spoils => {
        const socket = connect({ host: '127.0.0.1', port: running.port })
        socket.on('error', () => {}).resume()
        await once(socket, 'connect')
        socket.end(spoilt(packets, spoils as Spoil[]))
        if (!socket.destroyed) await new Promise<void>(resolve => socket.once('close', () => resolve()))
      }),
    )
  }
  const survivor = await connected(t, running, DESK)
  await survivor.subscribe('demo/devices/+/location')
  await running.broker.publish(location('truck-7', fix(), 1))
  await survivor.next('publish')
  assert.equal(running.broker.connectionCount, 1)
})
