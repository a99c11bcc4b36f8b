import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { IConnectPacket, IPublishPacket } from 'mqtt-packet'
import { MOST_IN_FLIGHT } from '../../broker/delivery/in-flight.ts'
import { fix, mint, startTestBroker, type TestBroker } from '../support/broker.ts'
import { openRaw, type RawClient } from '../support/raw-mqtt.ts'
import type { Who } from '../support/who.ts'

/*
 * What the interoperability suite of Eclipse Paho for MQTT 3.1.1 asks of a broker, test by test, on topics of the contract: its own
 * free topics (TopicA/B) are refused here. What the contract forbids is written down as what happens instead.
 */
const DEVICE: Who = { role: 'device', sub: 'truck-7' }
const DESK: Who = { role: 'dispatcher', sub: 'desk' }
const GATEWAY: Who = { role: 'service', sub: 'gateway' }
const location = (id: string) => `demo/devices/${id}/location`
const status = (id: string) => `demo/devices/${id}/status`
const ONLINE = '{"state":"idle"}'

async function connected(
  t: TestContext,
  { port }: TestBroker,
  who: Who,
  more: Partial<IConnectPacket> = {},
): Promise<RawClient> {
  const raw = await openRaw(t, port)
  assert.equal((await raw.connect(await mint(who), { clientId: who.sub, ...more })).returnCode, 0)
  return raw
}

async function subscribe(raw: RawClient, ...subscriptions: { topic: string; qos: 0 | 1 | 2 }[]): Promise<number[]> {
  raw.send({ cmd: 'subscribe', messageId: 9_000, subscriptions })
  return (await raw.next('suback')).granted as number[]
}

/** Publishes and sees the exchange through. */
async function publish(
  raw: RawClient,
  topic: string,
  payload: string,
  qos: 0 | 1 | 2,
  more: Partial<IPublishPacket> = {},
) {
  const messageId = raw.publish(topic, payload, qos, more)
  if (qos === 1) await raw.find('puback', packet => packet.messageId === messageId)
  if (qos < 2) return
  await raw.find('pubrec', packet => packet.messageId === messageId)
  raw.send({ cmd: 'pubrel', messageId })
  await raw.find('pubcomp', packet => packet.messageId === messageId)
}

async function leave(raw: RawClient): Promise<void> {
  raw.send({ cmd: 'disconnect' })
  await raw.closed()
}

const heard = (raw: RawClient) => raw.of('publish').map(({ topic, qos, retain, dup }) => ({ topic, qos, retain, dup }))

test('basic: a client connects, leaves, connects again and hears what it publishes with each QoS', async t => {
  const running = await startTestBroker(t)
  await leave(await connected(t, running, DEVICE))
  const raw = await connected(t, running, DEVICE)
  await subscribe(raw, { topic: location('truck-7'), qos: 2 })
  for (const qos of [0, 1, 2] as const) await publish(raw, location('truck-7'), fix(1_700_000_000_000 + qos), qos)
  await raw.until('three messages', () => raw.of('publish').length === 3)
  const same = { topic: location('truck-7'), retain: false, dup: false }
  assert.deepEqual(
    heard(raw),
    [0, 1, 2].map(qos => ({ ...same, qos })),
  )
})

test('retained messages: each QoS is kept, comes with the retain flag to a new subscription [MQTT-3.3.1-8] and without it to one that stands [MQTT-3.3.1-9]', async t => {
  const running = await startTestBroker(t)
  const gateway = await connected(t, running, GATEWAY)
  const standing = await connected(t, running, DESK, { clientId: 'standing' })
  await subscribe(standing, { topic: status('+'), qos: 2 })
  for (const qos of [0, 1, 2] as const) await publish(gateway, status(`a${qos}`), ONLINE, qos, { retain: true })
  const fresh = await connected(t, running, DESK, { clientId: 'fresh' })
  await subscribe(fresh, { topic: status('+'), qos: 2 })
  for (const [raw, retain] of [
    [standing, false],
    [fresh, true],
  ] as const) {
    await raw.until('three messages', () => raw.of('publish').length === 3)
    const expected = [0, 1, 2].map(qos => ({ topic: status(`a${qos}`), qos, retain, dup: false }))
    assert.deepEqual(
      heard(raw).sort((a, b) => (a.topic < b.topic ? -1 : 1)),
      expected,
    )
  }
})

test('retained messages: an empty one does not delete a status, which the contract keeps; the sender is told', async t => {
  const running = await startTestBroker(t)
  const device = await connected(t, running, DEVICE)
  await publish(device, status('truck-7'), ONLINE, 1, { retain: true })
  await subscribe(device, { topic: 'demo/users/truck-7/errors', qos: 0 })
  await publish(device, status('truck-7'), '', 1, { retain: true })
  assert.equal(JSON.parse((await device.next('publish')).payload.toString()).code, 'payload_not_json')
  const desk = await connected(t, running, DESK)
  await subscribe(desk, { topic: status('truck-7'), qos: 1 })
  assert.equal((await desk.next('publish')).retain, true)
})

test('retained messages: what the table of topics does not retain is not, whatever its sender asks for', async t => {
  const running = await startTestBroker(t)
  const device = await connected(t, running, DEVICE)
  await publish(device, location('truck-7'), fix(), 1, { retain: true })
  const desk = await connected(t, running, DESK)
  await subscribe(desk, { topic: location('truck-7'), qos: 1 })
  await desk.ping()
  assert.equal(desk.of('publish').length, 0)
})

const WILL = {
  topic: status('truck-7'),
  payload: Buffer.from('{"state":"offline","battery":3}'),
  qos: 1,
  retain: true,
} as const
const isWill = ({ payload }: IPublishPacket) => payload.includes('"battery":3')

test('will: it is published when the connection breaks [MQTT-3.1.2-8], once', async t => {
  const running = await startTestBroker(t)
  const desk = await connected(t, running, DESK)
  await subscribe(desk, { topic: status('truck-7'), qos: 2 })
  const device = await connected(t, running, DEVICE, { will: WILL })
  device.stream.destroy()
  await desk.find('publish', isWill)
  await desk.ping()
  assert.equal(desk.of('publish').filter(isWill).length, 1)
})

test('will: it is dropped when the client says goodbye [MQTT-3.14.4-3]', async t => {
  const running = await startTestBroker(t)
  const desk = await connected(t, running, DESK)
  await subscribe(desk, { topic: status('truck-7'), qos: 2 })
  await leave(await connected(t, running, DEVICE, { will: WILL }))
  await desk.find('publish', ({ payload }) => payload.includes('offline'))
  assert.ok(!desk.of('publish').some(isWill))
})

test('zero-length client id: refused without a clean session [MQTT-3.1.3-8], else given one of its own [MQTT-3.1.3-6]', async t => {
  const running = await startTestBroker(t)
  const one = await connected(t, running, DEVICE, { clientId: '' })
  const two = await connected(t, running, DEVICE, { clientId: '' })
  await one.ping()
  await two.ping()
})

test('offline message queueing: a stored session is sent what came with QoS 1 and 2, in order, and CONNACK says so [MQTT-3.2.2-2]', async t => {
  const running = await startTestBroker(t)
  const first = await connected(t, running, DESK, { clean: false })
  await subscribe(first, { topic: location('+'), qos: 2 })
  await leave(first)
  const gateway = await connected(t, running, GATEWAY)
  for (let i = 0; i < 9; i += 1) await publish(gateway, location(`a${i}`), fix(), (i % 3) as 0 | 1 | 2)
  const again = await openRaw(t, running.port)
  const connack = await again.connect(await mint(DESK), { clientId: 'desk', clean: false })
  assert.equal(connack.sessionPresent, true)
  await again.until('six messages', () => again.of('publish').length === 6)
  const expected = [1, 2, 4, 5, 7, 8].map(i => ({ topic: location(`a${i}`), qos: i % 3, retain: false, dup: false }))
  assert.deepEqual(heard(again), expected)
})

for (const bridgeMode of [false, true]) {
  const flag = bridgeMode ? 'with the retain flag to a bridge' : 'without the retain flag'
  test(`offline message queueing: what was retained meanwhile comes ${flag}, and again so [MQTT-3.3.1-9]`, async t => {
    let running = await startTestBroker(t)
    const session = { clean: false, bridgeMode }
    const first = await connected(t, running, DESK, session)
    await subscribe(first, { topic: status('+'), qos: 1 })
    await leave(first)
    running = await running.restart()
    await publish(await connected(t, running, GATEWAY), status('a'), ONLINE, 1, { retain: true })
    const again = await connected(t, running, DESK, session)
    assert.deepEqual([(await again.next('publish')).retain, heard(again).length], [bridgeMode, 1])
    again.stream.destroy()
    await again.closed()
    const last = await connected(t, running, DESK, session)
    assert.equal((await last.next('publish')).retain, bridgeMode)
  })
}

test('a clean session leaves nothing behind and ends a stored one [MQTT-3.1.2-6]', async t => {
  const running = await startTestBroker(t)
  const first = await connected(t, running, DESK, { clean: false })
  await subscribe(first, { topic: location('+'), qos: 1 })
  await leave(first)
  await leave(await connected(t, running, DESK, { clean: true }))
  await running.broker.publish({ topic: location('a'), payload: fix(), qos: 1, retain: false })
  const again = await openRaw(t, running.port)
  assert.equal((await again.connect(await mint(DESK), { clientId: 'desk', clean: false })).sessionPresent, false)
  await again.ping()
  assert.equal(again.of('publish').length, 0)
})

test('a session with nothing in it is one, taken over or come back to [MQTT-3.2.2-2], and gone after a clean one [MQTT-3.1.2-6]', async t => {
  const running = await startTestBroker(t)
  const present = async (clean: boolean) => {
    const raw = await openRaw(t, running.port)
    const { sessionPresent } = await raw.connect(await mint(DEVICE), { clientId: 'truck-7', clean })
    return { raw, sessionPresent }
  }
  const seen: boolean[] = []
  for (const clean of [false, false, true, false, false]) {
    const { raw, sessionPresent } = await present(clean)
    seen.push(sessionPresent)
    await leave(raw)
  }
  assert.deepEqual(seen, [false, true, false, false, true])
  const { raw } = await present(false)
  assert.equal((await present(false)).sessionPresent, true)
  await raw.closed()
  assert.equal((await present(true)).sessionPresent, false)
  assert.equal((await present(false)).sessionPresent, false)
})

test('a session whose subscriptions were all taken back is still one, after a restart too [MQTT-3.2.2-2]', async t => {
  const running = await startTestBroker(t)
  const first = await connected(t, running, DESK, { clean: false })
  await first.subscribe(location('+'))
  await first.unsubscribe(location('+'))
  await leave(first)
  const restarted = await running.restart()
  const again = await openRaw(t, restarted.port)
  assert.equal((await again.connect(await mint(DESK), { clientId: 'desk', clean: false })).sessionPresent, true)
  await restarted.broker.publish({ topic: location('a'), payload: fix(), qos: 1, retain: false })
  await again.ping()
  assert.equal(again.of('publish').length, 0)
})

test('a packet identifier of QoS 2 is known as long as the session is, and the session is told of [MQTT-3.2.2-2], [MQTT-4.3.3-2]', async t => {
  let running = await startTestBroker(t)
  const send = (raw: RawClient, payload: string, dup = false) => {
    raw.send({ cmd: 'publish', topic: location('truck-7'), payload, qos: 2, dup, retain: false, messageId: 9 })
    return raw.next('pubrec')
  }
  const resumed = async (clean: boolean) => {
    const raw = await openRaw(t, running.port)
    const { sessionPresent } = await raw.connect(await mint(DEVICE), { clientId: 'truck-7', clean })
    return { raw, sessionPresent }
  }
  const { raw } = await resumed(false)
  await send(raw, fix(1_700_000_000_001))
  raw.stream.destroy()
  running = await running.restart()
  const desk = await connected(t, running, DESK)
  await subscribe(desk, { topic: location('+'), qos: 1 })
  const second = await resumed(false)
  assert.equal(second.sessionPresent, true)
  await send(second.raw, fix(1_700_000_000_001), true)
  await desk.ping()
  assert.equal(desk.of('publish').length, 0)
  second.raw.stream.destroy()
  await leave((await resumed(true)).raw)
  const third = await resumed(false)
  assert.equal(third.sessionPresent, false)
  await send(third.raw, fix(1_700_000_000_002))
  await desk.next('publish')
})

test('overlapping subscriptions: one message at the highest QoS of those that match [MQTT-3.3.5-1]', async t => {
  const running = await startTestBroker(t)
  const desk = await connected(t, running, DESK)
  await subscribe(desk, { topic: 'demo/devices/#', qos: 2 }, { topic: location('+'), qos: 1 })
  const gateway = await connected(t, running, GATEWAY)
  await publish(gateway, location('a'), fix(), 2)
  await desk.until('the message', () => heard(desk).some(({ topic }) => topic === location('a')))
  await desk.ping()
  assert.deepEqual(
    heard(desk)
      .filter(({ topic }) => topic === location('a'))
      .map(({ qos }) => qos),
    [2],
  )
})

for (const published of [0, 1, 2] as const) {
  for (const granted of [0, 1, 2] as const) {
    test(`a message published with QoS ${published} comes to a subscription of QoS ${granted} with QoS ${Math.min(published, granted)} [MQTT-3.8.4-6]`, async t => {
      const running = await startTestBroker(t)
      const desk = await connected(t, running, DESK)
      assert.deepEqual(await subscribe(desk, { topic: location('a'), qos: granted }), [granted])
      await publish(await connected(t, running, GATEWAY), location('a'), fix(), published)
      assert.equal((await desk.next('publish')).qos, Math.min(published, granted))
    })
  }
}

test('keep alive: silence of one and a half times ends the connection, and its will is published [MQTT-3.1.2-24]', async t => {
  const running = await startTestBroker(t)
  const desk = await connected(t, running, DESK, { keepalive: 0 })
  await subscribe(desk, { topic: status('truck-7'), qos: 2 })
  const device = await connected(t, running, DEVICE, { keepalive: 2, will: WILL })
  const since = performance.now()
  await device.closed()
  assert.ok(performance.now() - since >= 2_900, `${performance.now() - since} ms`)
  await desk.find('publish', isWill)
  await desk.ping()
})

test('keep alive: any packet is a sign of life, not only PINGREQ [MQTT-3.1.2-23]', async t => {
  const running = await startTestBroker(t)
  const device = await connected(t, running, DEVICE, { keepalive: 2 })
  for (let i = 0; i < 8; i += 1) {
    await publish(device, location('truck-7'), fix(1_700_000_000_000 + i), 1)
    await new Promise(resolve => setTimeout(resolve, 500))
  }
  await device.ping()
})

test('redelivery on reconnect: what was not acknowledged comes again, with DUP, its own packet identifier and in order [MQTT-4.4.0-1], [MQTT-3.3.1-1], [MQTT-4.6.0-1]', async t => {
  const running = await startTestBroker(t)
  const first = await connected(t, running, DESK, { clean: false })
  await subscribe(first, { topic: location('+'), qos: 2 })
  const gateway = await connected(t, running, GATEWAY)
  for (let i = 0; i < 6; i += 1) await publish(gateway, location(`a${i}`), fix(), i % 2 === 0 ? 1 : 2)
  await first.until('six messages', () => first.of('publish').length === 6)
  const sent = first.of('publish').map(({ topic, messageId }) => ({ topic, messageId }))
  assert.ok(heard(first).every(({ dup }) => !dup))
  first.stream.destroy()
  await first.closed()
  await publish(gateway, location('new'), fix(), 1)
  const again = await connected(t, running, DESK, { clean: false })
  await again.until('all of them', () => again.of('publish').length === 7)
  assert.deepEqual(
    again
      .of('publish')
      .slice(0, 6)
      .map(({ topic, messageId }) => ({ topic, messageId })),
    sent,
  )
  assert.deepEqual(
    heard(again).map(({ dup }) => dup),
    [...Array(6).fill(true), false],
  )
  assert.equal(new Set(again.of('publish').map(({ messageId }) => messageId)).size, 7)
})

test('redelivery on reconnect: what a session was shown of the retained messages comes again, with both flags, and what waited for the first time [MQTT-4.4.0-1]', async t => {
  let running = await startTestBroker(t, { limits: false })
  const gateway = await connected(t, running, GATEWAY)
  const retain = (topic: string, payload: string, qos: 1 | 2) => publish(gateway, topic, payload, qos, { retain: true })
  const count = MOST_IN_FLIGHT + 20
  for (let i = 0; i < count; i += 1) await retain(status(`a${i}`), ONLINE, i % 2 === 0 ? 1 : 2)
  const first = await connected(t, running, DESK, { clean: false })
  await subscribe(first, { topic: status('+'), qos: 2 })
  await first.until('those in flight', () => first.of('publish').length === MOST_IN_FLIGHT)
  await retain(status('a0'), '{"state":"idle","battery":7}', 1)
  first.send({ cmd: 'puback', messageId: first.of('publish').find(({ qos }) => qos === 1)!.messageId! })
  await first.until('the one that has room now', () => first.of('publish').length === MOST_IN_FLIGHT + 1)
  await first.ping()
  first.stream.destroy()
  await first.closed()
  running = await running.restart()
  const again = await connected(t, running, DESK, { clean: false })
  again.acknowledge()
  await again.find('publish', ({ payload }) => payload.includes('"battery":7'))
  await again.ping()
  const shown = again.of('publish').filter(({ retain }) => retain)
  const acknowledged = first.of('publish').find(({ qos }) => qos === 1)!.topic
  const topics = Array.from({ length: count }, (_, i) => status(`a${i}`)).filter(topic => topic !== acknowledged)
  assert.deepEqual(shown.map(({ topic }) => topic).sort(), topics.sort())
  const sent = new Set(first.of('publish').map(({ topic }) => topic))
  for (const { topic, dup } of shown) assert.equal(dup, sent.has(topic), topic)
  // What was published after that comes last, and is no retained message to a subscription that stands.
  assert.ok(again.of('publish').at(-1)!.payload.includes('"battery":7'))
  again.stream.destroy()
  await again.closed()
  const last = await connected(t, running, DESK, { clean: false })
  await last.ping()
  assert.deepEqual(heard(last), [])
})

test('a session that subscribes with every connection has what it is shown waiting once', async t => {
  const running = await startTestBroker(t)
  const gateway = await connected(t, running, GATEWAY)
  for (let i = 0; i < 5; i += 1) await publish(gateway, status(`a${i}`), ONLINE, 1, { retain: true })
  for (let i = 0; i < 3; i += 1) {
    const raw = await connected(t, running, DESK, { clean: false })
    const waiting = i === 0 ? 0 : 5
    await raw.until('what waits', () => heard(raw).length === waiting)
    await raw.ping()
    await subscribe(raw, { topic: status('+'), qos: 1 })
    await raw.until('what is retained', () => heard(raw).length >= waiting + 5)
    await raw.ping()
    assert.equal(heard(raw).length, waiting + 5)
    raw.stream.destroy()
    await raw.closed()
  }
})

test('redelivery on reconnect: what was acknowledged does not come again; a QoS 2 message that was received is released [MQTT-4.3.3-1]', async t => {
  const running = await startTestBroker(t)
  const first = await connected(t, running, DESK, { clean: false })
  await subscribe(first, { topic: location('+'), qos: 2 })
  const gateway = await connected(t, running, GATEWAY)
  for (const [i, qos] of ([1, 2, 2] as const).entries()) await publish(gateway, location(`a${i}`), fix(), qos)
  await first.until('three messages', () => first.of('publish').length === 3)
  const [one, two, three] = first.of('publish').map(({ messageId }) => messageId!)
  first.send(
    { cmd: 'puback', messageId: one! },
    { cmd: 'pubrec', messageId: two! },
    { cmd: 'pubrec', messageId: three! },
  )
  await first.until('both PUBREL', () => first.of('pubrel').length === 2)
  first.send({ cmd: 'pubcomp', messageId: three! })
  for (const i of [3, 4]) {
    await publish(gateway, location(`a${i}`), fix(), 1)
    await first.until('a message after the handshake', () => first.of('publish').length === i + 1)
    first.send({ cmd: 'puback', messageId: first.of('publish').at(-1)!.messageId! })
    await first.ping()
  }
  first.stream.destroy()
  await first.closed()
  const restarted = await running.restart()
  const again = await connected(t, restarted, DESK, { clean: false })
  const pubrel = await again.next('pubrel')
  assert.equal(pubrel.messageId, two)
  again.send({ cmd: 'pubcomp', messageId: two! })
  await again.ping()
  assert.equal(again.of('publish').length, 0)
  await leave(again)
  const last = await connected(t, restarted, DESK, { clean: false })
  await last.ping()
  assert.deepEqual(
    last.packets.map(({ cmd }) => cmd),
    ['connack', 'pingresp'],
  )
})

test('a bridge with a stored session is sent a live retained message once, not again when it comes back', async t => {
  const running = await startTestBroker(t)
  // Not among the types of mqtt-packet.
  const bridge = { clean: false, bridgeMode: true } as Parameters<typeof connected>[3]
  const first = await connected(t, running, DESK, bridge)
  await subscribe(first, { topic: status('a'), qos: 1 })
  const gateway = await connected(t, running, GATEWAY)
  await publish(gateway, status('a'), ONLINE, 1, { retain: true })
  const { messageId, retain } = await first.next('publish')
  assert.equal(retain, true, 'as it was published')
  first.send({ cmd: 'puback', messageId: messageId! })
  await first.ping()
  await leave(first)
  const again = await connected(t, running, DESK, bridge)
  // What is published now comes after what is queued.
  await publish(gateway, status('a'), '{"state":"offline"}', 1)
  const isLater = (payload: string | Buffer) => payload.toString().includes('offline')
  await again.find('publish', ({ payload }) => isLater(payload))
  assert.deepEqual(
    again.of('publish').map(({ payload }) => isLater(payload)),
    [true],
    'nothing before it',
  )
})

test('a QoS 2 PUBLISH that is sent again before PUBREL is delivered once [MQTT-4.3.3-2]', async t => {
  const running = await startTestBroker(t)
  const desk = await connected(t, running, DESK)
  await subscribe(desk, { topic: location('a'), qos: 2 })
  const gateway = await connected(t, running, GATEWAY)
  const payload = fix()
  for (const dup of [false, true, true]) {
    gateway.publish(location('a'), payload, 2, { messageId: 77, dup })
    await gateway.ping()
  }
  await gateway.until('three PUBREC', () => gateway.of('pubrec').length === 3)
  gateway.send({ cmd: 'pubrel', messageId: 77 })
  await gateway.next('pubcomp')
  await desk.next('publish')
  await desk.ping()
  assert.equal(desk.of('publish').length, 1)
})

test('a QoS 2 PUBLISH that is sent again while the first is being stored is delivered once [MQTT-4.3.3-2]', async t => {
  const running = await startTestBroker(t, { limits: false })
  const desk = await connected(t, running, DESK)
  await subscribe(desk, { topic: location('a'), qos: 0 })
  const gateway = await connected(t, running, GATEWAY)
  const total = 300
  for (let messageId = 1; messageId <= total; messageId += 1) {
    const payload = fix()
    const before = gateway.of('pubrec').length
    // Each in a turn of its own: the reading of one meets the writing of another in every way there is.
    for (const dup of [false, true, true, true]) {
      gateway.publish(location('a'), payload, 2, { messageId, dup })
      await new Promise(setImmediate)
    }
    await gateway.until('four PUBREC', () => gateway.of('pubrec').length === before + 4)
    gateway.send({ cmd: 'pubrel', messageId })
    await gateway.next('pubcomp')
  }
  await desk.until('every message', () => desk.of('publish').length >= total)
  await desk.ping()
  assert.equal(desk.of('publish').length, total)
})

test('DUP of a message that came is not passed on [MQTT-3.3.1-3]', async t => {
  const running = await startTestBroker(t)
  const desk = await connected(t, running, DESK)
  await subscribe(desk, { topic: location('a'), qos: 1 })
  await publish(await connected(t, running, GATEWAY), location('a'), fix(), 1, { dup: true })
  assert.equal((await desk.next('publish')).dup, false)
})

test('subscribe failure: 0x80 for the filter that is refused, and for that alone [MQTT-3.9.3-2]', async t => {
  const running = await startTestBroker(t)
  const desk = await connected(t, running, DESK)
  const filters = ['nosubscribe', location('a'), 'TopicA/+', 'demo/users/other/notifications', 'demo/fences/+']
  assert.deepEqual(await subscribe(desk, ...filters.map(topic => ({ topic, qos: 2 as const }))), [128, 2, 128, 128, 2])
})

test('$ topics: no filter that begins with a wildcard is granted, and a publish to one goes nowhere', async t => {
  const running = await startTestBroker(t)
  const admin = await connected(t, running, { role: 'admin', sub: 'root' })
  assert.deepEqual(
    await subscribe(admin, ...['#', '+/+', '$SYS/#', 'demo/#'].map(topic => ({ topic, qos: 2 as const }))),
    [128, 128, 128, 2],
  )
  await publish(admin, '$demo/devices/a/location', fix(), 1)
  await admin.ping()
  assert.deepEqual(
    heard(admin).filter(({ topic }) => topic.startsWith('$')),
    [],
  )
})

test('unsubscribe: nothing more is delivered after UNSUBACK [MQTT-3.10.4-2], [MQTT-3.10.4-4]', async t => {
  const running = await startTestBroker(t)
  const desk = await connected(t, running, DESK)
  await subscribe(desk, ...['a', 'b', 'c'].map(id => ({ topic: location(id), qos: 2 as const })))
  await desk.unsubscribe(location('a'), location('never-held'))
  const gateway = await connected(t, running, GATEWAY)
  for (const id of ['a', 'b', 'c']) await publish(gateway, location(id), fix(), 1)
  await desk.until('two messages', () => desk.of('publish').length === 2)
  await desk.ping()
  assert.deepEqual(
    heard(desk).map(({ topic }) => topic),
    [location('b'), location('c')],
  )
})

for (const clean of [true, false]) {
  test(`messages of a topic arrive ${clean ? '' : 'in a stored session '}in the order in which they were published, each QoS [MQTT-4.6.0-6]`, async t => {
    const running = await startTestBroker(t)
    const desk = await connected(t, running, DESK, { clean })
    await subscribe(desk, { topic: location('a'), qos: 2 })
    const gateway = await connected(t, running, GATEWAY)
    const sent = Array.from({ length: 60 }, (_, i) => fix(1_700_000_000_000 + i))
    for (const qos of [1, 2] as const) {
      for (const payload of sent) gateway.publish(location('a'), payload, qos)
    }
    desk.acknowledge()
    await desk.until('all messages', () => desk.of('publish').length === 120)
    for (const qos of [1, 2]) {
      const order = desk
        .of('publish')
        .filter(packet => packet.qos === qos)
        .map(({ payload }) => payload.toString())
      assert.deepEqual(order, sent)
    }
  })
}

test('a SUBSCRIBE for a filter that is held replaces it, and its retained messages come again [MQTT-3.8.4-3]', async t => {
  const running = await startTestBroker(t)
  const gateway = await connected(t, running, GATEWAY)
  await publish(gateway, status('a'), ONLINE, 1, { retain: true })
  const desk = await connected(t, running, DESK)
  for (const qos of [0, 1] as const) {
    const before = desk.of('publish').length
    desk.send({ cmd: 'subscribe', messageId: 10 + qos, subscriptions: [{ topic: status('a'), qos }] })
    await desk.find('suback', ({ messageId }) => messageId === 10 + qos)
    await desk.until('the retained message', () => desk.of('publish').length > before)
    const { retain, qos: delivered } = desk.of('publish').at(-1)!
    assert.deepEqual([retain, delivered], [true, qos])
  }
})
