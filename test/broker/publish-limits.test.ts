import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Intake } from '../../broker/delivery/intake.ts'
import { OrderedAnswers } from '../../broker/delivery/ordered-answers.ts'
import { fix, metric, mint, silent, startTestBroker, type TestBroker } from '../support/broker.ts'
import { type TestLimits, testLimits } from '../support/limits.ts'
import { openRaw, type RawClient } from '../support/raw-mqtt.ts'
import { startBrokerOver, TRANSPORTS } from '../support/transports.ts'
import type { Who } from '../support/who.ts'

const DEVICE: Who = { role: 'device', sub: 'truck-7' }
const LOCATION = 'demo/devices/truck-7/location'
const BATCH = `${LOCATION}/batch`
const SOS = 'demo/devices/truck-7/sos'
const ERRORS = 'demo/users/truck-7/errors'
const LIMITED = 'trackwire_limited_total'

async function connected(t: TestContext, { port }: Pick<TestBroker, 'port'>, who: Who): Promise<RawClient> {
  const raw = await openRaw(t, port)
  await enter(raw, who)
  return raw
}

async function enter(raw: RawClient, who: Who): Promise<void> {
  assert.equal((await raw.connect(await mint(who))).returnCode, 0)
  await raw.subscribe(`demo/users/${who.sub}/errors`)
}

const cry = (id: string) => JSON.stringify({ action: 'trigger', id, timestamp: Date.now() })
const notices = (raw: RawClient, topic = ERRORS) =>
  raw
    .of('publish')
    .filter(packet => packet.topic === topic)
    .map(({ payload }) => JSON.parse(payload.toString()) as Record<string, unknown>)
const told = (raw: RawClient, count = 1) => raw.until('a notice', () => notices(raw).length >= count)
const acknowledged = (raw: RawClient) => raw.of('puback').map(({ messageId }) => messageId)
const limited = ({ registry }: TestLimits, outcome: string) => metric(registry, LIMITED, { outcome })

test('QoS 0 over the limit is dropped and told with how long to wait', async t => {
  const limits = testLimits({ messagesPerSecond: 10 })
  const running = await startTestBroker(t, { limits })
  const device = await connected(t, running, DEVICE)
  for (let i = 0; i < 30; i += 1) device.publish(LOCATION, fix(), 0)
  await device.ping()
  await told(device)
  assert.equal(running.work.calls.length, 10)
  const [first] = notices(device)
  assert.equal(first?.code, 'rate_limited')
  assert.equal(first?.topic, LOCATION)
  assert.equal(first?.rateClass, 'message')
  assert.equal(first?.retryAfterMs, 100)
  assert.equal(await limited(limits, 'dropped'), 20)
  assert.equal(await metric(limits.registry, LIMITED, { class: 'message', transport: 'tcp' }), 20)
  limits.wait(100)
  device.publish(LOCATION, fix(), 0)
  await running.work.arrived(11)
})

test('notices are about one a second, with how many it was: none is unaccounted for', async t => {
  const running = await startTestBroker(t, { limits: testLimits({ messagesPerSecond: 10 }) })
  const device = await connected(t, running, DEVICE)
  for (let i = 0; i < 100; i += 1) device.publish(LOCATION, fix(), 0)
  const dropped = () => notices(device).reduce((sum, notice) => sum + Number(notice.dropped), 0)
  await device.until('all 90 told', () => dropped() === 90)
  assert.ok(notices(device).length <= 5, `${notices(device).length} notices`)
})

test('QoS 1 and 2 over the limit are put off, told, then handled in order and acknowledged: nothing is lost', async t => {
  const limits = testLimits({ messagesPerSecond: 10 })
  const running = await startTestBroker(t, { limits })
  const device = await connected(t, running, DEVICE)
  const sent = Array.from({ length: 200 }, (_, i) => fix(1_700_000_000_000 + i))
  for (const [i, payload] of sent.entries()) device.publish(LOCATION, payload, i % 10 === 9 ? 2 : 1)
  await told(device)
  await device.ping()
  assert.equal(running.work.calls.length, 10)
  assert.equal(acknowledged(device).length, 9)
  assert.equal(await limited(limits, 'held'), 190)
  assert.equal(notices(device)[0]?.dropped, 0)
  for (let calls = 10; calls < 200; calls += 10) {
    limits.wait(1_000)
    await running.work.arrived(calls + 10)
    assert.equal(running.work.calls.length, calls + 10)
  }
  await device.until('all answers', () => acknowledged(device).length === 180 && device.of('pubrec').length === 20)
  const handled = running.work.calls.map(({ message }) => JSON.stringify(message.payload))
  assert.deepEqual(handled, sent)
  assert.deepEqual(
    acknowledged(device),
    sent.flatMap((_, i) => (i % 10 === 9 ? [] : [i + 2])).map(id => id),
  )
})

for (const transport of TRANSPORTS) {
  for (const qos of [0, 1] as const) {
    test(`${transport}, QoS ${qos}: an SOS of a device far over its limit arrives at once`, async t => {
      const limits = testLimits({ messagesPerSecond: 100 })
      const running = await startBrokerOver(t, transport, { limits })
      if (running === undefined) return
      const device = await running.open()
      await enter(device, DEVICE)
      for (let i = 0; i < 1_000; i += 1)
        device.publish(LOCATION, fix(1_700_000_000_000 + i), qos === 0 && i % 2 ? 0 : 1)
      const id = device.publish(SOS, cry('sos-1'), qos)
      await device.until('the SOS', () => running.work.calls.some(({ channel }) => channel === 'sos'))
      // The clock stands still: nothing else was handled.
      assert.equal(running.work.calls.length, 101)
      await device.ping()
      // Its acknowledgement has its turn. [MQTT-4.6.0-2]
      assert.equal(acknowledged(device).includes(id), false)
      assert.equal((await metric(limits.registry, LIMITED, { transport })) > 0, true)
    })
  }
}

test('an SOS draws from no bucket: a hundred of them cost nothing', async t => {
  const running = await startTestBroker(t, { limits: testLimits({ messagesPerSecond: 1 }) })
  const device = await connected(t, running, DEVICE)
  for (let i = 0; i < 100; i += 1) device.publish(SOS, cry('sos-1'), 1)
  await device.until('100 PUBACKs', () => acknowledged(device).length === 100)
  device.publish(LOCATION, fix(), 1)
  await device.until('101 PUBACKs', () => acknowledged(device).length === 101)
  assert.equal(notices(device).length, 0)
})

test('a batch counts as one message', async t => {
  const running = await startTestBroker(t, { limits: testLimits({ messagesPerSecond: 3 }) })
  const device = await connected(t, running, DEVICE)
  const batch = `[${Array.from({ length: 500 }, (_, i) => fix(1_700_000_000_000 + i)).join()}]`
  for (let i = 0; i < 3; i += 1) device.publish(BATCH, batch, 1)
  await device.until('3 PUBACKs', () => acknowledged(device).length === 3)
})

test('positions have a limit of their own; what is refused counts as well', async t => {
  const limits = testLimits({ locationPerMinute: 5, generalPerMinute: 5 })
  const running = await startTestBroker(t, { limits })
  const device = await connected(t, running, DEVICE)
  for (let i = 0; i < 6; i += 1) device.publish(LOCATION, fix(), 0)
  for (let i = 0; i < 6; i += 1) device.publish('demo/no/such/topic', '{}', 0)
  await device.until('both classes told', () => {
    const classes = notices(device).map(({ rateClass }) => rateClass)
    return classes.includes('location') && classes.includes('general')
  })
  assert.equal(await metric(limits.registry, LIMITED, { class: 'location' }), 1)
  assert.equal(await metric(limits.registry, LIMITED, { class: 'general' }), 1)
  assert.equal(notices(device).filter(({ code }) => code === 'topic_unknown').length, 5)
})

test('a gateway may send as much for each of its devices as a device may', async t => {
  const running = await startTestBroker(t, { limits: testLimits({ messagesPerSecond: 2 }) })
  const gateway = await connected(t, running, { role: 'service', sub: 'gateway' })
  for (let i = 0; i < 300; i += 1) gateway.publish(`demo/devices/d-${i % 100}/location`, fix(), 1)
  await gateway.until('200 PUBACKs', () => acknowledged(gateway).length >= 100)
  await gateway.ping()
  assert.equal(running.work.calls.length, 200)
})

test('the flood of one principal takes nothing from another, on the same broker', async t => {
  const running = await startTestBroker(t, { limits: testLimits({ messagesPerSecond: 50 }) })
  const flood = await connected(t, running, { role: 'device', sub: 'flood' })
  const quiet = await connected(t, running, DEVICE)
  for (let i = 0; i < 400; i += 1) flood.publish('demo/devices/flood/location', fix(), i % 2 ? 1 : 0)
  for (let i = 0; i < 50; i += 1) quiet.publish(LOCATION, fix(), 1)
  await quiet.until('50 PUBACKs', () => acknowledged(quiet).length === 50)
  assert.equal(notices(quiet).length, 0)
})

test('two connections of one principal share its buckets', async t => {
  const limits = testLimits({ messagesPerSecond: 10 })
  const running = await startTestBroker(t, { limits })
  const first = await connected(t, running, DEVICE)
  const second = await openRaw(t, running.port)
  await second.connect(await mint(DEVICE), { clientId: 'other' })
  for (const raw of [first, second]) for (let i = 0; i < 10; i += 1) raw.publish(LOCATION, fix(), 0)
  await Promise.all([first.ping(), second.ping()])
  assert.equal(running.work.calls.length, 10)
  assert.equal(await limited(limits, 'dropped'), 10)
})

test('who keeps on with QoS 0 is told, disconnected, and its will is published', async t => {
  const limits = testLimits({ messagesPerSecond: 10 })
  const running = await startTestBroker(t, { limits })
  const desk = await connected(t, running, { role: 'dispatcher', sub: 'desk' })
  await desk.subscribe('demo/devices/truck-7/status')
  const device = await openRaw(t, running.port)
  const payload = Buffer.from('{"state":"offline","battery":3}')
  const will = { topic: 'demo/devices/truck-7/status', payload, qos: 1, retain: true } as const
  await device.connect(await mint(DEVICE), { will })
  await device.subscribe(ERRORS)
  for (let i = 0; i < 120; i += 1) device.publish(LOCATION, fix(), 0)
  await device.closed()
  const last = notices(device).at(-1)
  assert.equal(last?.code, 'rate_limited')
  assert.match(String(last?.message), /^disconnected/)
  await desk.find('publish', packet => packet.payload.toString().includes('"battery":3'))
  assert.equal(await metric(limits.registry, 'trackwire_limit_disconnects_total'), 1)
})

test('who goes on with QoS 1 faster than the limit for half a minute is disconnected; what was not acknowledged was not handled', async t => {
  const limits = testLimits({ messagesPerSecond: 10 })
  const running = await startTestBroker(t, { limits })
  const device = await connected(t, running, DEVICE)
  for (let second = 0; second < 32 && !device.isClosed; second += 1) {
    for (let i = 0; i < 20; i += 1) device.publish(LOCATION, fix(), 1)
    await device.ping().catch(() => {})
    limits.wait(1_000)
  }
  await device.closed()
  assert.equal(acknowledged(device).length, running.work.calls.length)
  assert.ok(notices(device).some(({ message }) => String(message).startsWith('disconnected')))
})

test('a device that empties its memory at once is slowed down, not disconnected', async t => {
  const limits = testLimits({ messagesPerSecond: 100, locationPerMinute: null })
  const running = await startTestBroker(t, { limits })
  const device = await connected(t, running, DEVICE)
  for (let i = 0; i < 3_000; i += 1) device.publish(LOCATION, fix(1_700_000_000_000 + i), 1)
  for (let calls = 100; calls < 3_000; calls += 100) {
    await running.work.arrived(calls)
    limits.wait(1_000)
  }
  await device.until('all PUBACKs', () => acknowledged(device).length === 3_000)
})

const reading = (calls: string[]) => ({ pause: () => calls.push('pause'), resume: () => calls.push('resume') })
const share = () => new Intake({ logger: silent, now: Date.now }).enter('demo/truck-7')

test('what is put off is read past, up to a bound; then reading stops until there is room', () => {
  const calls: string[] = []
  const answers = new OrderedAnswers(reading(calls), share())
  const turns = Array.from({ length: 9_999 }, () => {
    const turn = answers.take(100)
    turn.putOff()
    return turn
  })
  assert.deepEqual(calls, [])
  answers.take(100).putOff()
  assert.deepEqual(calls, ['pause'])
  turns[0]!.takeUp()
  turns[0]!.answer(() => {})
  assert.deepEqual(calls, ['pause', 'resume'])
})

test('what is put off is bounded by its bytes too', () => {
  const calls: string[] = []
  const answers = new OrderedAnswers(reading(calls), share())
  const [first] = Array.from({ length: 16 }, () => {
    const turn = answers.take(262_144)
    turn.putOff()
    return turn
  })
  assert.deepEqual(calls, ['pause'])
  first!.takeUp()
  assert.deepEqual(calls, ['pause', 'resume'])
})
