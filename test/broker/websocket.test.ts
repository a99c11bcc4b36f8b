import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import mqtt from 'mqtt'
import { generate } from 'mqtt-packet'
import { type ClientOptions, WebSocket } from 'ws'
import { fix, mint, startTestBroker, type TestBroker } from '../support/broker.ts'
import { connectPacket, openRaw } from '../support/raw-mqtt.ts'
import type { Who } from '../support/who.ts'

const DEVICE: Who = { role: 'device', sub: 'truck-7' }
const LOCATION = 'demo/devices/truck-7/location'

interface WebBroker extends TestBroker {
  readonly webUrl: string
}

async function startWebBroker(t: TestContext, allowedOrigins: string[] = [], limits = true): Promise<WebBroker> {
  const webSocketServer = createServer((_, response) => response.end('page'))
  webSocketServer.listen(0, '127.0.0.1')
  await once(webSocketServer, 'listening')
  t.after(() => {
    webSocketServer.close()
  })
  const running = await startTestBroker(t, { limits, webSocketServer, allowedOrigins })
  const { port } = webSocketServer.address() as { port: number }
  return Object.assign(running, { webUrl: `ws://127.0.0.1:${port}/mqtt` })
}

async function openWebSocket(t: TestContext, url: string, protocols: string[] = ['mqtt'], options: ClientOptions = {}) {
  const socket = new WebSocket(url, protocols, { perMessageDeflate: false, ...options })
  t.after(() => socket.terminate())
  const [event] = await Promise.race([
    once(socket, 'open').then(() => [undefined]),
    once(socket, 'unexpected-response').then(([, response]) => [response as IncomingMessage]),
  ])
  return { socket, status: event?.statusCode }
}

const HANDSHAKES = [
  { name: 'the subprotocol mqtt', protocols: ['mqtt'], expect: 'mqtt' },
  { name: 'the subprotocol mqttv3.1', protocols: ['mqttv3.1'], expect: 'mqttv3.1' },
  { name: 'both subprotocols', protocols: ['mqttv3.1', 'mqtt'], expect: 'mqtt' },
  { name: 'no subprotocol [MQTT-6.0.0-3]', protocols: [], expect: 400 },
  { name: 'a subprotocol of something else', protocols: ['soap'], expect: 400 },
  { name: 'another path', protocols: ['mqtt'], path: '/other', expect: 404 },
  { name: 'a query behind the path', protocols: ['mqtt'], path: '/mqtt?token=x', expect: 'mqtt' },
  { name: 'its own origin', protocols: ['mqtt'], origin: 'own', expect: 'mqtt' },
  { name: 'an allowed origin', protocols: ['mqtt'], origin: 'https://map.example.com', expect: 'mqtt' },
  { name: 'a foreign origin', protocols: ['mqtt'], origin: 'https://evil.example.com', expect: 403 },
  { name: 'an origin that is no URL', protocols: ['mqtt'], origin: 'null', expect: 403 },
  { name: 'an allowed origin in capitals', protocols: ['mqtt'], origin: 'https://MAP.example.com', expect: 'mqtt' },
  { name: 'a sub-domain of an allowed one', protocols: ['mqtt'], origin: 'https://x.map.example.com', expect: 403 },
  {
    name: 'an allowed one as a sub-domain',
    protocols: ['mqtt'],
    origin: 'https://map.example.com.evil.org',
    expect: 403,
  },
  {
    name: 'an allowed one as a user name',
    protocols: ['mqtt'],
    origin: 'https://map.example.com@evil.org',
    expect: 403,
  },
  { name: 'an allowed one over http', protocols: ['mqtt'], origin: 'http://map.example.com', expect: 403 },
  { name: 'an allowed one on another port', protocols: ['mqtt'], origin: 'https://map.example.com:8443', expect: 403 },
  { name: 'its own host on another port', protocols: ['mqtt'], origin: 'http://127.0.0.1:1', expect: 403 },
  { name: 'its own name under another scheme', protocols: ['mqtt'], origin: 'ftp://own', expect: 403 },
] as const

for (const { name, protocols, expect, ...more } of HANDSHAKES) {
  test(`WebSocket: ${name} gives ${expect}`, async t => {
    const { webUrl } = await startWebBroker(t, ['https://map.example.com'])
    const url = new URL('path' in more ? more.path : '/mqtt', webUrl)
    const origin = 'origin' in more ? { origin: more.origin === 'own' ? `http://${url.host}` : more.origin } : {}
    const { socket, status } = await openWebSocket(t, url.href, [...protocols], origin)
    if (typeof expect === 'number') assert.equal(status, expect)
    else assert.equal(socket.protocol, expect)
  })
}

test('WebSocket: mqtt.js publishes and is acknowledged', async t => {
  const running = await startWebBroker(t)
  const client = await mqtt.connectAsync(running.webUrl, {
    username: 'any',
    password: await mint(DEVICE),
    reconnectPeriod: 0,
  })
  await client.publishAsync(LOCATION, fix(), { qos: 1 })
  assert.equal(running.work.calls.length, 1)
  await client.endAsync()
})

test('WebSocket: a text frame closes the connection [MQTT-6.0.0-1]', async t => {
  const { webUrl } = await startWebBroker(t)
  const { socket } = await openWebSocket(t, webUrl)
  socket.send('hello')
  const [code] = await once(socket, 'close')
  assert.equal(code, 1003)
})

test('WebSocket: a packet over many frames and many packets in one frame [MQTT-6.0.0-2]', async t => {
  const running = await startWebBroker(t)
  const { socket } = await openWebSocket(t, running.webUrl)
  const received: Buffer[] = []
  socket.on('message', (data: Buffer) => received.push(data))
  const publish = (messageId: number) =>
    generate({ cmd: 'publish', topic: LOCATION, payload: fix(), qos: 1, messageId, dup: false, retain: false })
  for (const byte of generate(connectPacket(await mint(DEVICE)))) socket.send(Uint8Array.of(byte))
  socket.send(Buffer.concat([publish(1), publish(2), publish(3)]))
  const expected = Buffer.from([0x20, 2, 0, 0, 0x40, 2, 0, 1, 0x40, 2, 0, 2, 0x40, 2, 0, 3])
  while (Buffer.concat(received).length < expected.length) await once(socket, 'message')
  assert.deepEqual(Buffer.concat(received), expected)
})

test('WebSocket: what was sent right before the peer left is still handled', async t => {
  const running = await startWebBroker(t)
  const { socket } = await openWebSocket(t, running.webUrl)
  const packets = Array.from({ length: 50 }, (_, i) =>
    generate({
      cmd: 'publish',
      topic: LOCATION,
      payload: fix(1_700_000_000_000 + i),
      qos: 0,
      dup: false,
      retain: false,
    }),
  )
  socket.send(Buffer.concat([generate(connectPacket(await mint(DEVICE))), ...packets]))
  socket.close()
  await running.work.arrived(50)
})

test('WebSocket: a fast publisher is slowed down while the work is held, not swallowed into memory', async t => {
  // Of what is in flight, not of what a device may send.
  const running = await startWebBroker(t, [], false)
  running.work.held = true
  const { socket } = await openWebSocket(t, running.webUrl)
  socket.on('message', () => {})
  socket.send(generate(connectPacket(await mint(DEVICE))))
  const payload = fix(1_700_000_000_000, { attributes: { text: 'x'.repeat(50_000) } })
  const total = 1_000
  const packet = generate({ cmd: 'publish', topic: LOCATION, payload, qos: 1, messageId: 1, dup: false, retain: false })
  for (let i = 0; i < total; i += 1) socket.send(packet)
  await running.work.arrived(1)
  // The rest waits on the publisher's side: in its own buffer and in the sockets between.
  for (let i = 0; i < 20; i += 1) await new Promise<void>(resolve => setImmediate(resolve))
  assert.ok(running.work.calls.length < 200, `${running.work.calls.length} were taken`)
  assert.ok(socket.bufferedAmount > 20_000_000, `${socket.bufferedAmount} bytes wait`)
  running.work.held = false
  for (const call of running.work.calls) call.resolve()
  await running.work.arrived(total)
})

test('WebSocket: a consumer that does not read is bounded as on TCP, and the others are served', async t => {
  const running = await startWebBroker(t)
  const { socket } = await openWebSocket(t, running.webUrl)
  const desk: Who = { role: 'dispatcher', sub: 'desk' }
  socket.send(generate(connectPacket(await mint(desk))))
  await once(socket, 'message')
  socket.send(
    generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'demo/devices/+/location', qos: 0 }] }),
  )
  await once(socket, 'message')
  socket.pause()
  const payload = fix(1_700_000_000_000, { attributes: { text: 'x'.repeat(60_000) } })
  for (let i = 0; i < 500; i += 1) {
    await running.broker.publish({ topic: LOCATION, payload, qos: 0, retain: false })
    await new Promise<void>(resolve => setImmediate(resolve))
  }
  const text = await running.registry.getSingleMetricAsString('trackwire_mqtt_slow_consumer_total')
  assert.match(text, /lane="drop"\} [1-9]/)
  const other = await openRaw(t, running.port)
  await other.connect(await mint({ ...desk, sub: 'other' }))
  await other.ping()
})

test('WebSocket: closing the broker closes the connection cleanly', async t => {
  const running = await startWebBroker(t)
  const { socket } = await openWebSocket(t, running.webUrl)
  socket.send(generate(connectPacket(await mint(DEVICE))))
  await once(socket, 'message')
  const closed = once(socket, 'close')
  await running.broker.close()
  const [code] = await closed
  assert.equal(code, 1000)
})

test('WebSocket: peers that reset their connection during the handshake end nothing', async t => {
  const running = await startWebBroker(t)
  const { port } = new URL(running.webUrl)
  for (const path of ['/mqtt', '/other']) {
    for (let i = 0; i < 20; i += 1) {
      const socket = connect({ host: '127.0.0.1', port: Number(port) })
      socket.on('error', () => {})
      await once(socket, 'connect')
      const request = `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`
      socket.write(request, () => socket.resetAndDestroy())
      await once(socket, 'close')
    }
  }
  const client = await mqtt.connectAsync(running.webUrl, {
    username: 'any',
    password: await mint(DEVICE),
    reconnectPeriod: 0,
  })
  await client.endAsync()
})

test('WebSocket: MQTT 5 is refused in its own format', async t => {
  const { webUrl } = await startWebBroker(t)
  const { socket } = await openWebSocket(t, webUrl)
  const received: Buffer[] = []
  socket.on('message', (data: Buffer) => received.push(data))
  socket.send(generate(connectPacket(await mint(DEVICE), { protocolVersion: 5 })))
  await once(socket, 'close')
  assert.deepEqual([...Buffer.concat(received).subarray(2, 4)], [0x00, 0x84])
})
