import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { after, before, test } from 'node:test'
import { fix, metric, mint, startTestBroker, type TestBroker } from '../support/broker.ts'
import { connect, publish } from '../support/mqtt-bytes.ts'
import { openRaw, openRawWebSocket, type RawClient } from '../support/raw-mqtt.ts'
import { openScope } from '../support/scope.ts'
import { MALFORMED } from './malformed-cases.ts'

const DEVICE = { role: 'device', sub: 'truck-7' } as const
const PROTOCOL_ERRORS = 'trackwire_mqtt_protocol_errors_total'

const scope = openScope()
let running: TestBroker
let webUrl: string
let token: string
/** Somebody else's connection: nothing of all this may disturb it. */
let bystander: RawClient
let heard = 0

before(async () => {
  const webSocketServer = createServer().listen(0, '127.0.0.1')
  await once(webSocketServer, 'listening')
  scope.after(() => void webSocketServer.close())
  running = await startTestBroker(scope, { webSocketServer })
  webUrl = `ws://127.0.0.1:${(webSocketServer.address() as { port: number }).port}/mqtt`
  token = await mint(DEVICE)
  bystander = await openRaw(scope, running.port)
  await bystander.connect(await mint({ role: 'dispatcher', sub: 'desk' }), { clientId: 'bystander' })
  await bystander.subscribe('demo/devices/bus-1/location')
  bystander.acknowledge()
})
after(() => scope.release())

async function undisturbed(): Promise<void> {
  heard += 1
  await running.broker.publish({ topic: 'demo/devices/bus-1/location', payload: fix(), qos: 1, retain: false })
  await bystander.until('its message', () => bystander.of('publish').length === heard)
}

const TRANSPORTS = {
  TCP: () => openRaw(scope, running.port),
  WebSocket: () => openRawWebSocket(scope, webUrl),
}

for (const [transport, open] of Object.entries(TRANSPORTS)) {
  for (const { name, when, bytes, expect } of MALFORMED) {
    test(`${transport}: ${name}: ${expect === 'closed' ? 'the connection is closed' : `CONNACK ${expect}`}`, async () => {
      const raw = await open()
      let answer = expect === 'closed' ? '' : `200200${expect.toString(16).padStart(2, '0')}`
      if (when === 'connected') {
        assert.equal((await raw.connect(token)).returnCode, 0)
        answer = `20020000${answer}`
      }
      raw.sendBytes(bytes(token))
      await raw.closed()
      assert.equal(raw.bytes.toString('hex'), answer)
      await undisturbed()
    })
  }
}

test('at least 115 of them', () => assert.ok(MALFORMED.length >= 115, `${MALFORMED.length}`))

test('they are counted by reason, and no others came to be connected', async () => {
  assert.equal(running.broker.connectionCount, 1)
  for (const reason of ['not_connected', 'header_flags', 'utf8', 'topic', 'packet_length', 'connect_flags']) {
    assert.ok((await metric(running.registry, PROTOCOL_ERRORS, { reason })) >= 6, reason)
  }
})

test('what came whole before a fault is handled; what comes behind it is not', async () => {
  const raw = await openRaw(scope, running.port)
  await raw.connect(token)
  const before = running.work.calls.length
  const location = 'demo/devices/truck-7/location'
  const good = publish(0, location, null, fix())
  raw.sendBytes(Buffer.concat([good, Buffer.from([0xf0, 0x00]), good]))
  await raw.closed()
  assert.equal(running.work.calls.length, before + 1)
})

test('what comes behind DISCONNECT is discarded [MQTT-3.14.4-2]', async () => {
  const raw = await openRaw(scope, running.port)
  await raw.connect(token)
  const before = running.work.calls.length
  const location = 'demo/devices/truck-7/location'
  const good = publish(0, location, null, fix())
  raw.sendBytes(Buffer.concat([Buffer.from([0xe0, 0x00]), good]))
  await raw.closed()
  assert.equal(running.work.calls.length, before)
})

test('a connection that ends by a fault has its will published [MQTT-3.1.2-8]', async () => {
  await bystander.subscribe('demo/devices/truck-9/status')
  const raw = await openRaw(scope, running.port)
  const will = { topic: 'demo/devices/truck-9/status', payload: '{"state":"offline","battery":3}' }
  raw.sendBytes(connect({ will, password: await mint({ role: 'device', sub: 'truck-9' }), clientId: 'truck-9' }))
  await raw.next('connack')
  raw.sendBytes(Uint8Array.of(0xff, 0xff))
  await raw.closed()
  await bystander.find(
    'publish',
    ({ topic, payload }) => topic.endsWith('truck-9/status') && payload.includes('"battery":3'),
  )
  heard = bystander.of('publish').length
})

test('MQTT 5 is refused in its own format, with the reason where the client takes it', async () => {
  const refused = async (properties: readonly number[]) => {
    const raw = await openRaw(scope, running.port)
    raw.sendBytes(
      Buffer.from([
        0x10,
        13 + properties.length + 1,
        0,
        4,
        ...Buffer.from('MQTT'),
        5,
        2,
        0,
        0,
        properties.length,
        ...properties,
        0,
        1,
        0x61,
      ]),
    )
    await raw.closed()
    return raw.bytes
  }
  const reason = await refused([])
  assert.deepEqual([...reason.subarray(2, 4)], [0x00, 0x84])
  assert.equal(reason[1], reason.length - 2)
  assert.match(reason.toString(), /MQTT 5 is not served yet/)
  assert.equal((await refused([0x27, 0, 0, 0, 20])).toString('hex'), '2003008400')
})
