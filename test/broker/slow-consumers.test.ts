import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { MOST_IN_FLIGHT } from '../../broker/delivery/in-flight.ts'
import { fix, metric, mint, startTestBroker, type TestBroker } from '../support/broker.ts'
import { openRaw, type RawClient } from '../support/raw-mqtt.ts'

const DESK = { role: 'dispatcher', sub: 'desk' } as const
const LARGE = 'x'.repeat(20_000)
const position = (device: string, n: number, qos: 0 | 1 = 0) => ({
  topic: `demo/devices/${device}/location`,
  payload: fix(1_700_000_000_000 + n, { attributes: { text: LARGE } }),
  qos,
  retain: false,
})
const alert = (n: number) =>
  ({ topic: 'demo/notifications/sos/triggered/truck-1', payload: `{"n":${n}}`, qos: 1, retain: false }) as const

async function connected(t: TestContext, { port }: TestBroker, clientId: string, clean = true): Promise<RawClient> {
  const raw = await openRaw(t, port)
  assert.equal((await raw.connect(await mint(DESK), { clientId, clean })).returnCode, 0)
  return raw
}

const turn = () => new Promise<void>(resolve => setImmediate(resolve))
const timestamps = (raw: RawClient, device: string) =>
  raw
    .of('publish')
    .filter(({ topic }) => topic.includes(device))
    .map(({ payload }) => JSON.parse(payload.toString()).timestamp - 1_700_000_000_000)

for (const qos of [0, 1] as const) {
  test(`a frozen subscriber stays, and gets every alert and the newest positions when it reads again (QoS ${qos})`, async t => {
    const running = await startTestBroker(t)
    const frozen = await connected(t, running, 'frozen')
    await frozen.subscribe('demo/devices/+/location', 'demo/notifications/#')
    frozen.stream.pause()
    const other = await connected(t, running, 'other')
    await other.subscribe('demo/notifications/#')
    const [rounds, alerts] = [1_000, 20]
    for (let n = 0; n < rounds; n += 1) {
      await running.broker.publish(position('a', n, qos))
      await running.broker.publish(position('b', n, qos))
      if (n % (rounds / alerts) === 0) await running.broker.publish(alert(n))
      await turn()
    }
    await other.until('all alerts', () => other.of('publish').length === alerts)
    assert.equal(running.broker.connectionCount, 2)
    assert.ok((await metric(running.registry, 'trackwire_mqtt_slow_consumer_total', { lane: 'drop' })) > 0)
    frozen.stream.resume()
    frozen.acknowledge()
    const isThere = (device: string) => timestamps(frozen, device).at(-1) === rounds - 1
    await frozen.until('the newest positions', () => isThere('a') && isThere('b'))
    const heard = frozen.of('publish').filter(({ topic }) => topic.includes('notifications'))
    assert.equal(heard.length, alerts)
    for (const device of ['a', 'b']) {
      const times = timestamps(frozen, device)
      assert.deepEqual(
        times,
        times.toSorted((one, two) => one - two),
      )
      assert.ok(times.length < rounds)
    }
  })
}

test('while twenty are frozen the others get every message; what waits for the frozen is measured, bounded and let go', async t => {
  const running = await startTestBroker(t, { limits: false })
  const [frozen, readers] = [20, 3]
  const open = (name: string, count: number) =>
    Promise.all(
      Array.from({ length: count }, async (_, i) => {
        const raw = await connected(t, running, `${name}-${i}`)
        await raw.subscribe('demo/devices/+/location', 'demo/notifications/#')
        return raw
      }),
    )
  const [asleep, awake] = [await open('frozen', frozen), await open('reader', readers)]
  for (const raw of asleep) raw.stream.pause()
  const [rounds, alerts] = [400, 10]
  for (let n = 0; n < rounds; n += 1) {
    await running.broker.publish(position('truck-9', n))
    if (n % (rounds / alerts) === 0) await running.broker.publish(alert(n))
    const sent = n + 1 + Math.ceil((n + 1) / (rounds / alerts))
    // Each reader has it before the next one comes: nobody it waits for is frozen.
    await Promise.all(awake.map(raw => raw.until(`message ${n}`, () => raw.of('publish').length === sent)))
  }
  for (const raw of awake) {
    assert.deepEqual(timestamps(raw, 'devices/truck-9'), [...Array(rounds).keys()])
    assert.equal(raw.of('publish').length, rounds + alerts)
  }
  const behind = (name: string) => metric(running.registry, `trackwire_mqtt_slow_consumer${name}`)
  assert.equal(await behind('s'), frozen)
  assert.ok((await behind('_bytes')) > frozen * 262_144)
  assert.ok((await behind('_bytes')) < frozen * 2 * 1_048_576)
  const newest = 1_700_000_000_000 + rounds - 1
  for (const raw of asleep) {
    raw.stream.resume()
    raw.acknowledge()
  }
  for (const raw of asleep) {
    const isNewest = (payload: string | Buffer) => JSON.parse(payload.toString()).timestamp === newest
    await raw.until('the newest position', () =>
      raw.packets.slice(-alerts).some(packet => packet.cmd === 'publish' && isNewest(packet.payload)),
    )
    assert.equal(raw.of('publish').filter(({ topic }) => topic.includes('notifications')).length, alerts)
  }
  assert.deepEqual([await behind('s'), await behind('_bytes')], [0, 0])
})

for (const clean of [true, false]) {
  test(`so many messages are in flight to a client (contract §7), then the rest comes in order (clean session ${clean})`, async t => {
    const running = await startTestBroker(t)
    const desk = await connected(t, running, 'desk', clean)
    await desk.subscribe('demo/notifications/#')
    const count = MOST_IN_FLIGHT + 40
    for (let n = 0; n < count; n += 1) await running.broker.publish(alert(n))
    await desk.until('those in flight', () => desk.of('publish').length === MOST_IN_FLIGHT)
    await desk.ping()
    assert.equal(desk.of('publish').length, MOST_IN_FLIGHT)
    desk.acknowledge()
    await desk.until('all', () => desk.of('publish').length === count)
    assert.deepEqual(
      desk.of('publish').map(({ payload }) => JSON.parse(payload.toString()).n),
      Array.from({ length: count }, (_, n) => n),
    )
  })
}

const said = (raw: RawClient) => raw.of('publish').map(({ payload, dup }) => [JSON.parse(payload.toString()).n, dup])
const expected = (count: number, sentBefore: number) => Array.from({ length: count }, (_, n) => [n, n < sentBefore])

test('DUP is on what was sent before, and not on what only waited for its turn, however often the connection breaks', async t => {
  const running = await startTestBroker(t)
  const count = 2 * MOST_IN_FLIGHT + 20
  const first = await connected(t, running, 'desk', false)
  await first.subscribe('demo/notifications/#')
  for (let n = 0; n < count; n += 1) await running.broker.publish(alert(n))
  const broken = async (raw: RawClient) => {
    await raw.until('those in flight', () => raw.of('publish').length === MOST_IN_FLIGHT)
    await raw.ping()
    raw.stream.destroy()
    while (running.broker.connectionCount > 0) await turn()
  }
  await broken(first)
  const again = await connected(t, running, 'desk', false)
  await broken(again)
  assert.deepEqual(said(again), expected(MOST_IN_FLIGHT, MOST_IN_FLIGHT))
  const last = await connected(t, running, 'desk', false)
  last.acknowledge()
  await last.until('all', () => last.of('publish').length === count)
  assert.deepEqual(said(last), expected(count, MOST_IN_FLIGHT))
  assert.deepEqual(
    last
      .of('publish')
      .slice(0, MOST_IN_FLIGHT)
      .map(({ messageId }) => messageId),
    first.of('publish').map(({ messageId }) => messageId),
  )
  await last.ping()
  last.stream.destroy()
  const empty = await connected(t, running, 'desk', false)
  await empty.ping()
  assert.deepEqual(said(empty), [])
})

test('a session that is resumed is sent its queue within the same bound', async t => {
  const running = await startTestBroker(t)
  const before = await connected(t, running, 'desk', false)
  await before.subscribe('demo/notifications/#')
  before.send({ cmd: 'disconnect' })
  await before.closed()
  const count = 2 * MOST_IN_FLIGHT
  for (let n = 0; n < count; n += 1) await running.broker.publish(alert(n))
  const after = await connected(t, running, 'desk', false)
  await after.until('those in flight', () => after.of('publish').length === MOST_IN_FLIGHT)
  await after.ping()
  assert.equal(after.of('publish').length, MOST_IN_FLIGHT)
  after.acknowledge()
  await after.until('all', () => after.of('publish').length === count)
})
