import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, get, type IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { WebSocket } from 'ws'
import { AddressRanges, clientAddress } from '../../broker/limits/addresses.ts'
import { metric, mint, startTestBroker } from '../support/broker.ts'
import { testLimits } from '../support/limits.ts'
import { openRaw } from '../support/raw-mqtt.ts'
import { startBrokerOver } from '../support/transports.ts'
import type { Who } from '../support/who.ts'

const DEVICE: Who = { role: 'device', sub: 'truck-7' }
const DESK: Who = { role: 'dispatcher', sub: 'desk' }
const REFUSED = 'trackwire_connections_refused_total'

async function startWeb(t: TestContext, limits: ReturnType<typeof testLimits>) {
  const webSocketServer = createServer((_, response) => response.end('page'))
  webSocketServer.listen(0, '127.0.0.1')
  await once(webSocketServer, 'listening')
  t.after(() => {
    webSocketServer.close()
  })
  const running = await startTestBroker(t, { limits, webSocketServer })
  const { port } = webSocketServer.address() as { port: number }
  return { ...running, webPort: port }
}

/** The answer to an upgrade: 101, or what was refused with. */
async function upgrade(t: TestContext, port: number, headers: Record<string, string> = {}) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/mqtt`, ['mqtt'], { headers })
  t.after(() => socket.terminate())
  socket.on('error', () => {})
  return Promise.race([
    once(socket, 'open').then(() => ({ status: 101, retryAfter: undefined })),
    once(socket, 'unexpected-response').then(([, response]) => {
      const { statusCode, headers } = response as IncomingMessage
      return { status: statusCode, retryAfter: headers['retry-after'] }
    }),
  ])
}

test('TCP: the connection after the limit of its address is answered with CONNACK 3; a minute later it is let in', async t => {
  const limits = testLimits({ connectionsPerMinute: { most: 5, loopback: true } })
  const running = await startTestBroker(t, { limits })
  const password = await mint(DEVICE)
  for (let i = 0; i < 5; i += 1) {
    const raw = await openRaw(t, running.port)
    assert.equal((await raw.connect(password, { clientId: `c-${i}` })).returnCode, 0)
  }
  const refused = await openRaw(t, running.port)
  assert.equal((await refused.connect(password, { clientId: 'c-6' })).returnCode, 3)
  await refused.closed()
  assert.equal(await metric(limits.registry, REFUSED, { reason: 'address_rate', transport: 'tcp' }), 1)
  limits.wait(12_000)
  const later = await openRaw(t, running.port)
  assert.equal((await later.connect(password, { clientId: 'c-7' })).returnCode, 0)
})

test('addresses of the loopback do not count unless the limit was set', async t => {
  const running = await startTestBroker(t, { limits: testLimits() })
  for (let i = 0; i < 12; i += 1) {
    const raw = await openRaw(t, running.port)
    assert.equal((await raw.connect(await mint(DEVICE), { clientId: `c-${i}` })).returnCode, 0)
  }
})

test('TLS: over the limit the socket is closed before the handshake', async t => {
  const limits = testLimits({ connectionsPerMinute: { most: 1, loopback: true } })
  const running = await startBrokerOver(t, 'tls', { limits })
  if (running === undefined) return
  const raw = await running.open()
  await raw.connect(await mint(DEVICE))
  await assert.rejects(running.open())
  assert.equal(await metric(limits.registry, REFUSED, { reason: 'address_rate', transport: 'tls' }), 1)
})

test('WebSocket: over the limit the upgrade is answered with 429 and Retry-After; the page itself is served', async t => {
  const limits = testLimits({ connectionsPerMinute: { most: 2, loopback: true } })
  const { webPort } = await startWeb(t, limits)
  assert.equal((await upgrade(t, webPort)).status, 101)
  assert.equal((await upgrade(t, webPort)).status, 101)
  assert.deepEqual(await upgrade(t, webPort), { status: 429, retryAfter: '30' })
  assert.equal((await fetch(`http://127.0.0.1:${webPort}/`)).status, 200)
})

test('X-Forwarded-For counts when the peer is a trusted proxy, and only then', async t => {
  const settings = { connectionsPerMinute: { most: 1, loopback: true } }
  const trusting = await startWeb(t, testLimits(settings, ['127.0.0.0/8']))
  for (const [address, status] of [
    ['203.0.113.7', 101],
    ['203.0.113.8', 101],
    ['203.0.113.7', 429],
    // What a stranger wrote stands further left.
    ['198.51.100.1, 203.0.113.8', 429],
  ] as const) {
    assert.equal((await upgrade(t, trusting.webPort, { 'x-forwarded-for': address })).status, status, address)
  }
  const distrusting = await startWeb(t, testLimits(settings))
  assert.equal((await upgrade(t, distrusting.webPort, { 'x-forwarded-for': '203.0.113.7' })).status, 101)
  assert.equal((await upgrade(t, distrusting.webPort, { 'x-forwarded-for': '203.0.113.8' })).status, 429)
})

const FORWARDED: readonly [name: string, peer: string, header: string | undefined, client: string][] = [
  ['no header', '10.0.0.1', undefined, '10.0.0.1'],
  ['an untrusted peer', '203.0.113.9', '198.51.100.1', '203.0.113.9'],
  ['one proxy', '10.0.0.1', '198.51.100.1', '198.51.100.1'],
  ['two proxies', '10.0.0.1', '198.51.100.1, 10.2.0.3', '198.51.100.1'],
  ['a forged entry', '10.0.0.1', '192.0.2.1, 198.51.100.1', '198.51.100.1'],
  ['no address', '10.0.0.1', 'unknown', '10.0.0.1'],
  ['IPv6', '10.0.0.1', '2001:db8::1', '2001:db8::1'],
  ['an IPv4 peer on an IPv6 socket', '::ffff:10.0.0.1', '::ffff:198.51.100.1', '198.51.100.1'],
]
for (const [name, peer, header, client] of FORWARDED) {
  test(`the client behind ${name} is ${client}`, () => {
    const socket = Object.defineProperty(new Socket(), 'remoteAddress', { value: peer })
    const headers = header === undefined ? {} : { 'x-forwarded-for': header }
    assert.equal(clientAddress({ socket, headers } as IncomingMessage, new AddressRanges(['10.0.0.0/8'])), client)
  })
}

test('the total of open sockets: CONNACK 3 and HTTP 503 beyond it; whoever leaves makes room', async t => {
  const limits = testLimits({ connectionsTotal: 3 })
  const { port, webPort } = await startWeb(t, limits)
  const held = [await openRaw(t, port), await openRaw(t, port), await openRaw(t, port)]
  await held[2]!.connect(await mint(DEVICE))
  const refused = await openRaw(t, port)
  assert.equal((await refused.connect(await mint(DESK))).returnCode, 3)
  const [response] = (await once(get({ port: webPort, host: '127.0.0.1' }), 'response')) as [IncomingMessage]
  assert.equal(response.statusCode, 503)
  assert.equal(response.headers['retry-after'], '5')
  const body = JSON.parse((await response.toArray()).join('')) as { code: string }
  assert.equal(body.code, 'connections_exhausted')
  assert.equal(await metric(limits.registry, REFUSED, { reason: 'total', transport: 'http' }), 1)
  held[0]!.stream.destroy()
  await held[0]!.closed()
  // The broker hears of it a moment later than we do.
  for (let status = 503; status !== 200; ) {
    status = (await fetch(`http://127.0.0.1:${webPort}/`, { headers: { connection: 'close' } })).status
  }
})

test('sockets of one address that have not sent CONNECT are bounded', async t => {
  const limits = testLimits({ connectingPerAddress: { most: 3, loopback: true } })
  const { port } = await startTestBroker(t, { limits })
  const idle = [await openRaw(t, port), await openRaw(t, port), await openRaw(t, port)]
  const refused = await openRaw(t, port)
  assert.equal((await refused.next('connack')).returnCode, 3)
  await idle[0]!.connect(await mint(DEVICE))
  const next = await openRaw(t, port)
  assert.equal((await next.connect(await mint(DESK))).returnCode, 0)
})

test('the newest of too many connections of a principal is refused and told; taking one over is none more', async t => {
  const limits = testLimits({ connectionsPerPrincipal: 2 })
  const { port } = await startTestBroker(t, { limits })
  const password = await mint(DESK)
  const first = await openRaw(t, port)
  await first.connect(password, { clientId: 'a' })
  await first.subscribe('demo/users/desk/errors')
  const second = await openRaw(t, port)
  await second.connect(password, { clientId: 'b' })
  const third = await openRaw(t, port)
  assert.equal((await third.connect(password, { clientId: 'c' })).returnCode, 3)
  const notice = await first.next('publish')
  assert.equal(JSON.parse(notice.payload.toString()).code, 'connection_limit')
  assert.equal(await metric(limits.registry, REFUSED, { reason: 'principal' }), 1)
  const taking = await openRaw(t, port)
  assert.equal((await taking.connect(password, { clientId: 'b' })).returnCode, 0)
  await second.closed()
  const other = await openRaw(t, port)
  assert.equal((await other.connect(await mint(DEVICE))).returnCode, 0)
})

test('a refused TLS peer costs no handshake and no socket', async t => {
  const limits = testLimits({ connectionsTotal: 0 })
  const running = await startBrokerOver(t, 'tls', { limits })
  if (running === undefined) return
  await assert.rejects(running.open())
  assert.equal(limits.connections.open, 0)
})
