import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import type { MqttClient } from 'mqtt'
import { TrackwireError } from '../../contract/index.ts'
import { fix, mint, startTestBroker, type TestBroker } from '../support/broker.ts'
import { openRaw, type RawClient } from '../support/raw-mqtt.ts'
import type { Who } from '../support/who.ts'

const DEVICE: Who = { role: 'device', sub: 'truck-7' }
const DESK: Who = { role: 'dispatcher', sub: 'desk' }
const LOCATION = 'demo/devices/truck-7/location'
const ERRORS = 'demo/users/truck-7/errors'

async function connected(
  t: TestContext,
  { port }: TestBroker,
  who: Who = DEVICE,
  clientId = 'raw',
): Promise<RawClient> {
  const raw = await openRaw(t, port)
  assert.equal((await raw.connect(await mint(who), { clientId })).returnCode, 0)
  return raw
}

/** Subscribes and resolves, per call, with the next message. */
async function listener(client: MqttClient, ...filters: string[]) {
  await client.subscribeAsync(filters, { qos: 1 })
  const heard: { topic: string; text: string; retain: boolean }[] = []
  const arrivals: (() => void)[] = []
  client.on('message', (topic, payload, { retain }) => {
    heard.push({ topic, text: payload.toString(), retain })
    arrivals.shift()?.()
  })
  return async () => {
    if (heard.length === 0) await new Promise<void>(resolve => arrivals.push(resolve))
    return heard.shift()!
  }
}

test('PUBACK comes only after the handler has resolved, and the message is forwarded only then', async t => {
  const running = await startTestBroker(t)
  running.work.held = true
  const desk = await listener(await running.connect(DESK), 'demo/devices/+/location')
  const device = await connected(t, running)
  const id = device.publish(LOCATION, fix(), 1)
  await running.work.arrived(1)
  await device.ping()
  assert.deepEqual(device.of('puback'), [])
  running.work.calls[0]!.resolve()
  assert.equal((await device.next('puback')).messageId, id)
  assert.equal((await desk()).topic, LOCATION)
})

test('what could not be stored is not acknowledged, and the connection ends so that it is sent again', async t => {
  const running = await startTestBroker(t)
  running.work.held = true
  const device = await connected(t, running)
  device.publish(LOCATION, fix(), 1)
  await running.work.arrived(1)
  running.work.calls[0]!.reject(new TrackwireError('storage_unavailable'))
  await device.closed()
  assert.deepEqual(device.of('puback'), [])
})

test('PUBACKs of one connection keep the order of its publishes, whatever is handled first [MQTT-4.6.0-2]', async t => {
  const running = await startTestBroker(t)
  running.work.held = true
  const device = await connected(t, running)
  const ids = [0, 1, 2, 3].map(i => device.publish(LOCATION, fix(Date.now() + i), 1))
  ids.push(device.publish(LOCATION, 'poison', 1))
  await running.work.arrived(4)
  for (const call of running.work.calls.toReversed()) call.resolve()
  await device.until('five PUBACKs', () => device.of('puback').length === 5)
  assert.deepEqual(
    device.of('puback').map(({ messageId }) => messageId),
    ids,
  )
})

const POISON = [
  { name: 'a payload that is not JSON', topic: LOCATION, payload: '{', code: 'payload_not_json' },
  { name: 'an empty payload', topic: LOCATION, payload: '', code: 'payload_not_json' },
  {
    name: 'bytes that are not UTF-8',
    topic: LOCATION,
    payload: Buffer.from([0x22, 0xff, 0x22]),
    code: 'payload_not_json',
  },
  {
    name: 'a payload that does not fit the schema',
    topic: LOCATION,
    payload: '{"timestamp":1}',
    code: 'payload_invalid',
  },
  {
    name: 'a payload with an escaped NUL',
    topic: LOCATION,
    payload: fix(1, { attributes: { a: '\0' } }),
    code: 'payload_invalid',
  },
  { name: 'a batch that is no list', topic: `${LOCATION}/batch`, payload: '{}', code: 'payload_invalid' },
  { name: 'a topic of no channel', topic: 'demo/devices/truck-7/mood', payload: '{}', code: 'topic_unknown' },
  { name: "another device's topic", topic: 'demo/devices/truck-8/location', payload: fix(), code: 'publish_forbidden' },
  {
    name: "another organisation's topic",
    topic: 'rival/devices/truck-7/location',
    payload: fix(),
    code: 'publish_forbidden',
  },
  {
    name: 'a topic that only the platform publishes',
    topic: 'demo/devices/truck-7/last',
    payload: fix(),
    code: 'publish_forbidden',
  },
  { name: '$SYS', topic: '$SYS/broker/clients', payload: '{}', code: 'topic_unknown' },
  { name: 'a topic named constructor', topic: 'constructor', payload: '{}', code: 'topic_unknown' },
  {
    name: 'a topic named __proto__',
    topic: '__proto__/devices/truck-7/location',
    payload: fix(),
    code: 'topic_unknown',
  },
] as const

for (const qos of [1, 2] as const) {
  for (const { name, topic, payload, code } of POISON) {
    test(`QoS ${qos}, ${name}: acknowledged, told as ${code}, not passed on, and the connection lives on`, async t => {
      const running = await startTestBroker(t)
      const everything = await listener(await running.connect({ role: 'admin', sub: 'boss' }), 'demo/#')
      const device = await connected(t, running)
      assert.deepEqual(await device.subscribe(ERRORS), [1])
      const messageId = device.publish(topic, payload, qos)
      if (qos === 1) assert.equal((await device.next('puback')).messageId, messageId)
      else {
        await device.next('pubrec')
        device.send({ cmd: 'pubrel', messageId })
        await device.next('pubcomp')
      }
      const notice = await device.next('publish')
      assert.equal(notice.topic, ERRORS)
      const told = JSON.parse(notice.payload.toString())
      assert.equal(told.code, code)
      assert.equal(told.topic, topic)
      assert.ok(told.message.length > 10)
      device.publish(LOCATION, fix(), 1)
      assert.deepEqual(running.work.calls.length, 0)
      // The boss hears the device come online, then the good fix: nothing of the poison in between.
      let message = await everything()
      while (message.topic.endsWith('/status')) message = await everything()
      assert.equal(message.topic, LOCATION)
    })
  }
}

test('forbidden publishes that keep coming close the connection at the 101st', async t => {
  const running = await startTestBroker(t)
  const device = await connected(t, running)
  for (let i = 0; i < 100; i += 1) device.publish('demo/devices/truck-8/location', fix(), 1)
  await device.until('100 PUBACKs', () => device.of('puback').length === 100)
  device.publish('demo/devices/truck-8/location', fix(), 1)
  await device.closed()
  assert.equal(device.of('puback').length, 100)
})

test('a QoS 0 fix is forwarded at once, also while it is being stored', async t => {
  const running = await startTestBroker(t)
  running.work.held = true
  const desk = await listener(await running.connect(DESK), 'demo/devices/+/location')
  const device = await connected(t, running)
  device.publish(LOCATION, fix(), 0)
  assert.equal((await desk()).topic, LOCATION)
  assert.equal(running.work.calls.length, 1)
})

test('a QoS 0 fix that could not be stored is told', async t => {
  const running = await startTestBroker(t)
  running.work.held = true
  const device = await connected(t, running)
  await device.subscribe(ERRORS)
  device.publish(LOCATION, fix(), 0)
  await running.work.arrived(1)
  running.work.calls[0]!.reject(new TrackwireError('storage_unavailable'))
  assert.equal(JSON.parse((await device.next('publish')).payload.toString()).code, 'storage_unavailable')
})

for (const qos of [0, 1] as const) {
  test(`QoS ${qos}: a fix from the future reaches the handler, is told, and is not forwarded`, async t => {
    const running = await startTestBroker(t)
    running.work.held = true
    running.work.verdict = 'swallow'
    const desk = await listener(await running.connect(DESK), 'demo/devices/+/location')
    const device = await connected(t, running)
    await device.subscribe(ERRORS)
    device.publish(LOCATION, fix(Date.now() + 600_000), qos)
    await running.work.arrived(1)
    running.work.calls[0]!.resolve([{ code: 'timestamp_future', message: 'ahead of the clock' }])
    assert.equal(JSON.parse((await device.next('publish')).payload.toString()).code, 'timestamp_future')
    running.work.verdict = 'forward'
    const good = fix()
    device.publish(LOCATION, good, 0)
    assert.equal((await desk()).text, good)
  })
}

test('a dispatcher may answer an SOS with an empty payload', async t => {
  const running = await startTestBroker(t)
  const desk = await running.connect(DESK)
  await desk.publishAsync('demo/sos/alert-1/acknowledge', '', { qos: 1 })
  const [{ channel, message } = assert.fail()] = running.work.calls
  assert.equal(channel, 'sosAnswer')
  assert.deepEqual(message.payload, {})
  assert.deepEqual(message.params, { org: 'demo', alertId: 'alert-1', action: 'acknowledge' })
  assert.equal(message.principal.sub, 'desk')
})

test("a client's retain flag on location is not honoured", async t => {
  const running = await startTestBroker(t)
  const device = await running.connect(DEVICE)
  await device.publishAsync(LOCATION, fix(), { qos: 1, retain: true })
  await device.publishAsync('demo/devices/truck-7/status', '{"state":"idle"}', { qos: 1 })
  const next = await listener(
    await running.connect(DESK),
    'demo/devices/truck-7/location',
    'demo/devices/truck-7/status',
  )
  assert.equal((await next()).topic, 'demo/devices/truck-7/status')
})

test('status is retained without the flag too, and gets the time of its arrival', async t => {
  const before = Date.now()
  const running = await startTestBroker(t)
  const device = await running.connect(DEVICE)
  await device.publishAsync('demo/devices/truck-7/status', '{"state":"idle","battery":50}', { qos: 1 })
  const next = await listener(await running.connect(DESK), 'demo/devices/+/status')
  const { text, retain } = await next()
  const { since, ...status } = JSON.parse(text)
  assert.equal(retain, true)
  assert.deepEqual(status, { state: 'idle', battery: 50 })
  assert.ok(since >= before && since <= Date.now())
})

test('QoS 2 is handled once and forwarded once, also when PUBLISH is repeated before PUBREL [MQTT-4.3.3-2]', async t => {
  const running = await startTestBroker(t)
  const desk = await connected(t, running, DESK)
  await desk.subscribe('demo/devices/+/location')
  const device = await connected(t, running)
  const payload = fix()
  const messageId = device.publish(LOCATION, payload, 2)
  await device.next('pubrec')
  device.publish(LOCATION, payload, 2, { messageId, dup: true })
  await device.until('a second PUBREC', () => device.of('pubrec').length === 2)
  device.send({ cmd: 'pubrel', messageId }, { cmd: 'pubrel', messageId })
  await device.until('two PUBCOMPs', () => device.of('pubcomp').length === 2)
  device.publish(LOCATION, payload, 1)
  await device.next('puback')
  await desk.until('two messages', () => desk.of('publish').length === 2)
})

test('no more than a bounded number of publishes is taken while the handler is held', async t => {
  // Not about how many a device may send, which would put most of them off.
  const running = await startTestBroker(t, { limits: false })
  running.work.held = true
  const device = await connected(t, running)
  const payload = fix()
  const total = 5_000
  for (let i = 0; i < total; i += 1) device.publish(LOCATION, payload, 1)
  await running.work.arrived(64)
  // One more round through the event loop for each chunk that was read already.
  await new Promise(resolve => setImmediate(() => setImmediate(resolve)))
  assert.ok(running.work.calls.length < 1_500, `${running.work.calls.length} publishes were taken`)
  running.work.held = false
  for (const call of running.work.calls) call.resolve()
  await device.until('all PUBACKs', () => device.of('puback').length === total)
})

test('a drip of single packets is bounded too', async t => {
  const running = await startTestBroker(t)
  running.work.held = true
  const device = await connected(t, running)
  for (let i = 0; i < 64; i += 1) {
    device.publish(LOCATION, fix(), 1)
    await running.work.arrived(i + 1)
  }
  const written = once(device.stream, 'drain').catch(() => {})
  for (let i = 0; i < 100; i += 1) device.publish(LOCATION, fix(), 1)
  const other = await connected(t, running, DESK)
  await other.ping()
  assert.equal(running.work.calls.length, 64)
  running.work.held = false
  for (const call of running.work.calls) call.resolve()
  await device.until('all PUBACKs', () => device.of('puback').length === 164)
  void written
})
