import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { fix, mint, startTestBroker, type TestBroker } from '../support/broker.ts'
import { publish } from '../support/mqtt-bytes.ts'
import { openRaw, type RawClient } from '../support/raw-mqtt.ts'

const LOCATION = 'demo/devices/truck-7/location'
const SOS = 'demo/devices/truck-7/sos'
const KEEP_ALIVE_SECONDS = 1

async function connected(t: TestContext, { port }: TestBroker): Promise<RawClient> {
  const raw = await openRaw(t, port)
  const password = await mint({ role: 'device', sub: 'truck-7' })
  assert.equal((await raw.connect(password, { keepalive: KEEP_ALIVE_SECONDS })).returnCode, 0)
  return raw
}

const fixes = (raw: RawClient, count: number) => {
  for (let i = 0; i < count; i += 1) raw.publish(LOCATION, fix(1_700_000_000_000 + i), 1)
}
const cry = JSON.stringify({ action: 'trigger', id: 'sos-1', timestamp: Date.now() })

test('while fixes wait for the database, what comes behind them is read: PINGREQ is answered, an SOS handled', async t => {
  const running = await startTestBroker(t)
  const { work } = running
  work.held = true
  const device = await connected(t, running)
  fixes(device, 20)
  await work.arrived(20)
  await device.ping()
  device.publish(SOS, cry, 1)
  await work.arrived(21)
  assert.equal(work.calls.at(-1)?.channel, 'sos')
  assert.deepEqual(device.of('puback'), [])
})

test('keep alive does not end a connection that is not read because too much of it is worked on [MQTT-3.1.2-24]', async t => {
  const running = await startTestBroker(t)
  const { work } = running
  work.held = true
  const device = await connected(t, running)
  const count = 200
  fixes(device, count)
  await work.arrived(64)
  device.send({ cmd: 'pingreq' })
  await new Promise(resolve => setTimeout(resolve, 2 * 1_500 * KEEP_ALIVE_SECONDS))
  assert.equal(device.isClosed, false)
  work.held = false
  for (const call of [...work.calls]) call.resolve()
  await device.until('all answers', () => device.of('puback').length === count && device.of('pingresp').length === 1)
  // From here on it is read, and silent.
  await device.closed()
})

test('who sends without a pause is read a part at a time: others have their turn in between', async t => {
  const running = await startTestBroker(t, { limits: false })
  const { calls } = running.work
  const device = await connected(t, running)
  const count = 20_000
  const text = fix()
  device.stream.write(Buffer.concat(Array.from({ length: count }, () => publish(0, LOCATION, null, text))))
  let most = 0
  while (calls.length < count) {
    const before = calls.length
    await new Promise(setImmediate)
    most = Math.max(most, calls.length - before)
  }
  assert.ok(most <= 1_000, `${most} in a turn`)
})
