import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { fix, metric, mint, startTestBroker, type TestBroker } from '../support/broker.ts'
import { testLimits } from '../support/limits.ts'
import { openRaw, type RawClient } from '../support/raw-mqtt.ts'
import type { Who } from '../support/who.ts'

const DESK: Who = { role: 'dispatcher', sub: 'desk' }
const ERRORS = 'demo/users/desk/errors'
const DROPS = 'trackwire_session_queue_drops_total'
const ALERT = 'demo/notifications/geofence/enter/truck-7'
const SOS = 'demo/notifications/sos/triggered/truck-7'
const POSITION = 'demo/devices/truck-7/location'

async function session(
  t: TestContext,
  { port }: TestBroker,
  clientId = 'desk',
): Promise<RawClient & { present: boolean }> {
  const raw = await openRaw(t, port)
  const { returnCode, sessionPresent } = await raw.connect(await mint(DESK), { clientId, clean: false })
  assert.equal(returnCode, 0)
  return Object.assign(raw, { present: sessionPresent })
}

async function leave(raw: RawClient): Promise<void> {
  raw.send({ cmd: 'disconnect' })
  await raw.closed()
}

async function leaveQueue(t: TestContext, running: TestBroker, topics: readonly string[]): Promise<void> {
  const first = await session(t, running)
  await first.subscribe('demo/devices/+/location', 'demo/notifications/#', ERRORS)
  await leave(first)
  for (const [i, topic] of topics.entries()) {
    await running.broker.publish({ topic, payload: fix(1_700_000_000_000 + i), qos: 1, retain: false })
  }
}

const heard = (raw: RawClient) => raw.of('publish').filter(({ topic }) => topic !== ERRORS)
const notice = async (raw: RawClient) => {
  const packet = await raw.find('publish', ({ topic }) => topic === ERRORS)
  return JSON.parse(packet.payload.toString()) as { code: string; dropped?: number }
}
/** Resolves once so many were given up: it happens behind the messages. */
async function givenUp(limits: ReturnType<typeof testLimits>, most: number): Promise<void> {
  const lateAtMs = Date.now() + 10_000
  for (let sum = 0; sum < most; ) {
    assert.ok(Date.now() < lateAtMs, `${sum} were given up within 10 s`)
    const { values = [] } = (await limits.registry.getSingleMetric(DROPS)?.get()) ?? {}
    sum = values.reduce((total, { value }) => total + value, 0)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

test('a full queue gives up its oldest positions; alerts and SOS stay, and the owner is told at its return', async t => {
  const limits = testLimits({ queuedMessagesPerSession: 40 })
  const running = await startTestBroker(t, { limits })
  const rest = Array.from({ length: 35 }, (_, i) => (i % 7 === 0 ? ALERT : POSITION))
  await leaveQueue(t, running, [SOS, ...rest, ALERT, ALERT, ALERT, ALERT, SOS])
  await givenUp(limits, 4)
  const back = await session(t, running)
  assert.equal(back.present, true)
  const told = await notice(back)
  assert.equal(told.code, 'queue_overflow')
  assert.equal(told.dropped, await metric(limits.registry, DROPS, { kind: 'position' }))
  await back.until('the queue', () => heard(back).length === 41 - told.dropped!)
  const topics = heard(back).map(({ topic }) => topic)
  assert.equal(topics.filter(topic => topic === SOS).length, 2)
  assert.equal(topics.filter(topic => topic === ALERT).length, 9)
  const kept = heard(back).filter(({ topic }) => topic === POSITION)
  const times = kept.map(({ payload }) => (JSON.parse(payload.toString()) as { timestamp: number }).timestamp)
  assert.equal(Math.max(...times), 1_700_000_000_035)
  assert.deepEqual(
    times,
    [...times].sort((a, b) => a - b),
  )
})

test('when positions are not enough, the oldest alerts go; SOS go last', async t => {
  const limits = testLimits({ queuedMessagesPerSession: 20 })
  const running = await startTestBroker(t, { limits })
  await leaveQueue(t, running, [SOS, SOS, ...Array(30).fill(ALERT)])
  await givenUp(limits, 12)
  const back = await session(t, running)
  await back.find('publish', ({ topic }) => topic === ALERT)
  assert.equal(heard(back).filter(({ topic }) => topic === SOS).length, 2)
  assert.equal(await metric(limits.registry, DROPS, { kind: 'sos' }), 0)
})

test('bytes are bounded as well; what was given up is told after a restart too, once', async t => {
  const limits = testLimits({ queuedBytesPerSession: 10_000 })
  const running = await startTestBroker(t, { limits })
  await leaveQueue(t, running, Array(60).fill(POSITION))
  await givenUp(limits, 10)
  const again = await running.restart({ limits: testLimits() })
  const back = await session(t, again)
  assert.equal((await notice(back)).code, 'queue_overflow')
  await leave(back)
  const third = await session(t, again)
  await third.ping()
  assert.equal(third.of('publish').filter(({ topic }) => topic === ERRORS).length, 0)
})

test('what a restart finds in the queue counts', async t => {
  const running = await startTestBroker(t, { limits: testLimits() })
  await leaveQueue(t, running, Array(30).fill(POSITION))
  const limits = testLimits({ queuedMessagesPerSession: 30 })
  const again = await running.restart({ limits })
  await again.broker.publish({ topic: POSITION, payload: fix(), qos: 1, retain: false })
  await givenUp(limits, 1)
})

test('an acknowledged message makes room: a connected session may receive any number', async t => {
  const limits = testLimits({ queuedMessagesPerSession: 10 })
  const running = await startTestBroker(t, { limits })
  const desk = await session(t, running)
  await desk.subscribe('demo/devices/+/location')
  for (let i = 0; i < 50; i += 1) {
    await running.broker.publish({ topic: POSITION, payload: fix(1_700_000_000_000 + i), qos: 1, retain: false })
    await desk.until('it', () => heard(desk).length === i + 1)
    desk.send({ cmd: 'puback', messageId: heard(desk)[i]!.messageId! })
    await desk.ping()
  }
  assert.equal(await metric(limits.registry, DROPS, { kind: 'position' }), 0)
})

test('one stored session more than a principal may have: the one that was left first is gone, and told', async t => {
  const limits = testLimits({ sessionsPerPrincipal: 2 })
  const running = await startTestBroker(t, { limits })
  for (const clientId of ['a', 'b']) {
    const raw = await session(t, running, clientId)
    await raw.subscribe('demo/notifications/#')
    limits.wait(1_000)
    await leave(raw)
  }
  const watch = await openRaw(t, running.port)
  await watch.connect(await mint(DESK), { clientId: 'watch' })
  await watch.subscribe(ERRORS)
  const third = await session(t, running, 'c')
  await third.subscribe('demo/notifications/#')
  assert.equal((await notice(watch)).code, 'session_dropped')
  await leave(third)
  assert.equal((await session(t, running, 'b')).present, true)
  assert.equal((await session(t, running, 'a')).present, false)
  assert.equal(await metric(limits.registry, 'trackwire_sessions_dropped_total'), 1)
})

test('sessions with nothing in them drive out none that hold something; of too many the one left first is forgotten, and nobody told', async t => {
  const limits = testLimits({ sessionsPerPrincipal: 2 })
  const running = await startTestBroker(t, { limits })
  const holds = await session(t, running, 'holds')
  await holds.subscribe('demo/notifications/#')
  await leave(holds)
  for (const clientId of ['a', 'b', 'c']) await leave(await session(t, running, clientId))
  const present: boolean[] = []
  for (const clientId of ['holds', 'b', 'c', 'a']) present.push((await session(t, running, clientId)).present)
  assert.deepEqual(present, [true, true, true, false])
  assert.equal(await metric(limits.registry, 'trackwire_sessions_dropped_total'), 0)
})

test('connected sessions are never given up for a newer one', async t => {
  const limits = testLimits({ sessionsPerPrincipal: 1 })
  const running = await startTestBroker(t, { limits })
  const first = await session(t, running, 'a')
  await first.subscribe('demo/notifications/#')
  const second = await session(t, running, 'b')
  await second.subscribe('demo/notifications/#')
  await leave(first)
  assert.equal((await session(t, running, 'a')).present, true)
})
