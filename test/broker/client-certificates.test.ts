import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import type { IConnectPacket } from 'mqtt-packet'
import { nameOf } from '../../broker/auth/client-certificate.ts'
import type { CertificateDesk } from '../../broker/index.ts'
import { TrackwireError } from '../../contract/index.ts'
import { fix, metric, mint, startTestBroker, type TestBroker, type TestBrokerOptions } from '../support/broker.ts'
import { type Authority, makeAuthority, opensslTime, type Pair } from '../support/certificates.ts'
import { connectPacket, RawClient } from '../support/raw-mqtt.ts'

const DEVICE = { role: 'device', sub: 'truck-7' } as const
const NAMED = { subject: '/CN=whatever', san: 'URI:trackwire:demo/truck-7' }

interface TlsBroker extends TestBroker {
  readonly ca: Authority
  readonly tlsPort: number
  open(client?: Pair, options?: ConnectionOptions): Promise<{ socket: TLSSocket; raw: RawClient }>
}

/** The real broker with a TLS listener that asks for certificates of a CA of its own. */
async function startTlsBroker(
  t: TestContext,
  options: TestBrokerOptions & {
    clientCertificate?: 'optional' | 'required'
    crl?: (ca: Authority) => Promise<string>
  } = {},
): Promise<TlsBroker | undefined> {
  const { clientCertificate = 'optional', crl, ...brokerOptions } = options
  const ca = await makeAuthority(t)
  if (ca === undefined) return undefined
  const running = await startTestBroker(t, brokerOptions)
  const server = await ca.issue({ subject: '/CN=localhost', san: 'IP:127.0.0.1' })
  const tls = { cert: server.cert, key: server.key, ca: ca.cert, ...(crl && { crl: await crl(ca) }) }
  const [address] = await running.broker.listen({ tls: { host: '127.0.0.1', port: 0, tls, clientCertificate } })
  const tlsPort = Number(new URL(address!).port)
  return {
    ...running,
    ca,
    tlsPort,
    async open(client, more = {}) {
      const socket = connect({
        host: '127.0.0.1',
        port: tlsPort,
        ca: ca.cert,
        cert: client?.cert,
        key: client?.key,
        ...more,
      })
      t.after(() => {
        socket.destroy()
      })
      // Listens before the handshake ends: the server may close right behind it.
      const raw = new RawClient(socket)
      await once(socket, 'secureConnect')
      return { socket, raw }
    },
  }
}

/** CONNECT as a device sends it that knows of no token. */
const bare = (more: Partial<IConnectPacket> = {}): IConnectPacket => {
  const { username: _, password: __, ...packet } = connectPacket('')
  return { ...packet, ...more }
}

async function answerOf(raw: RawClient, packet: IConnectPacket = bare()): Promise<number | undefined> {
  raw.send(packet)
  return (await raw.next('connack')).returnCode
}

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`a certificate alone admits the device that it names, over ${maxVersion}`, async t => {
    const broker = await startTlsBroker(t)
    if (broker === undefined) return
    const { socket, raw } = await broker.open(await broker.ca.issue(NAMED), { maxVersion })
    assert.equal(socket.getProtocol(), maxVersion)
    assert.equal(await answerOf(raw), 0)
    const heard = broker.work.arrived(1)
    raw.publish('demo/devices/truck-7/location', fix(), 1)
    await raw.next('puback')
    await heard
    const { principal, address } = broker.work.calls[0]!.message
    assert.deepEqual([principal.org, principal.sub, principal.role], ['demo', 'truck-7', 'device'])
    assert.equal(address, '127.0.0.1')
  })
}

test('it is that device and nobody else: others’ topics and other organisations are forbidden', async t => {
  const broker = await startTlsBroker(t)
  if (broker === undefined) return
  const { raw } = await broker.open(await broker.ca.issue({ subject: '/O=rival/CN=truck-7' }))
  assert.equal(await answerOf(raw), 0)
  assert.deepEqual(
    await raw.subscribe('rival/devices/truck-7/#', 'demo/devices/truck-7/#', 'rival/devices/+/location'),
    [1, 128, 128],
  )
  raw.publish('demo/devices/truck-7/location', fix(), 1)
  await raw.next('puback')
  assert.equal(broker.work.calls.length, 0)
  assert.equal(await metric(broker.registry, 'trackwire_mqtt_refused_total', { code: 'publish_forbidden' }), 1)
})

test('with a token too, both have to name one device', async t => {
  const broker = await startTlsBroker(t)
  if (broker === undefined) return
  const pair = await broker.ca.issue(NAMED)
  for (const [who, code] of [
    [DEVICE, 0],
    [{ ...DEVICE, sub: 'truck-8' }, 5],
    [{ ...DEVICE, org: 'rival' }, 5],
    [{ ...DEVICE, role: 'admin' }, 5],
  ] as const) {
    const { raw } = await broker.open(pair)
    assert.equal(await answerOf(raw, connectPacket(await mint(who))), code, JSON.stringify(who))
    const asUser = await broker.open(pair)
    assert.equal(await answerOf(asUser.raw, bare({ username: await mint(who) })), code, 'the token as user name')
  }
  const { raw } = await broker.open(pair)
  assert.equal(await answerOf(raw, connectPacket('no token')), 4, 'a wrong password is no password left out')
  const named = await broker.open(pair)
  assert.equal(await answerOf(named.raw, bare({ username: 'truck-7' })), 0, 'any other user name means nothing')
  assert.equal(
    await metric(broker.registry, 'trackwire_mqtt_connects_refused_total', { reason: 'certificate_mismatch' }),
    6,
  )
})

interface Bad {
  readonly what: string
  readonly reason: string
  make(own: Authority, t: TestContext): Promise<Pair | undefined>
}

const BAD: readonly Bad[] = [
  {
    what: 'of another CA',
    reason: 'certificate_untrusted',
    make: async (_, t) => (await makeAuthority(t, 'Other CA'))?.issue(NAMED),
  },
  {
    what: 'of another CA of the same name',
    reason: 'certificate_untrusted',
    make: async (_, t) => (await makeAuthority(t, 'Test CA'))?.issue(NAMED),
  },
  {
    what: 'that has expired',
    reason: 'certificate_untrusted',
    make: ca => ca.issue({ ...NAMED, until: opensslTime(-60_000) }),
  },
  {
    what: 'that is not valid yet',
    reason: 'certificate_untrusted',
    make: ca => ca.issue({ ...NAMED, from: opensslTime(3_600_000), until: opensslTime(7_200_000) }),
  },
  { what: 'that names no device', reason: 'certificate_unnamed', make: ca => ca.issue({ subject: '/CN=truck-7' }) },
]

for (const { what, reason, make } of BAD) {
  test(`a certificate ${what} is nobody’s; where none is required, the token beside it decides`, async t => {
    const broker = await startTlsBroker(t)
    if (broker === undefined) return
    const pair = await make(broker.ca, t)
    const alone = await broker.open(pair)
    assert.equal(await answerOf(alone.raw), 5)
    assert.equal(await metric(broker.registry, 'trackwire_mqtt_connects_refused_total', { reason }), 1)
    const withToken = await broker.open(pair)
    assert.equal(await answerOf(withToken.raw, connectPacket(await mint(DEVICE))), 0)
  })

  if (reason === 'certificate_untrusted') {
    test(`a certificate ${what} ends the handshake where one is required`, async t => {
      const broker = await startTlsBroker(t, { clientCertificate: 'required' })
      if (broker === undefined) return
      const pair = await make(broker.ca, t)
      await ended(broker, pair)
      await ended(broker, undefined)
      const { raw } = await broker.open(await broker.ca.issue(NAMED))
      assert.equal(await answerOf(raw), 0)
      assert.equal(
        await metric(broker.registry, 'trackwire_mqtt_connects_refused_total', { reason: 'tls_handshake' }),
        2,
      )
    })
  }
}

/** In TLS 1.3 the client has finished its side before the server looks at the certificate. */
async function ended(broker: TlsBroker, pair: Pair | undefined): Promise<void> {
  const opened = await broker.open(pair).catch(() => null)
  if (opened === null) return
  const { socket, raw } = opened
  // Node does not always tell of the close that follows the alert; it does of the end.
  const gone = new Promise<void>(resolve => {
    if (socket.readableEnded || socket.destroyed) resolve()
    for (const event of ['end', 'close']) socket.once(event, () => resolve())
  })
  raw.send(connectPacket(await mint(DEVICE)))
  await gone
  assert.deepEqual(opened.raw.of('connack'), [])
}

test('without a certificate the TLS port is as before, and plain TCP asks for none', async t => {
  const broker = await startTlsBroker(t)
  if (broker === undefined) return
  const { raw } = await broker.open()
  assert.equal(await answerOf(raw, connectPacket(await mint(DEVICE))), 0)
  const none = await broker.open()
  assert.equal(await answerOf(none.raw), 5)
  assert.equal(await metric(broker.registry, 'trackwire_mqtt_connects_refused_total', { reason: 'token_missing' }), 1)
  await broker.connect(DEVICE)
})

test('a certificate on the list of revoked ones is not let in once the list is renewed, and the connection that stands by it ends', async t => {
  const broker = await startTlsBroker(t, { crl: ca => ca.revocationList() })
  if (broker === undefined) return
  const pair = await broker.ca.issue(NAMED)
  const standing = await broker.open(pair)
  assert.equal(await answerOf(standing.raw), 0)
  const other = await broker.open(await broker.ca.issue({ subject: '/O=demo/CN=truck-8' }))
  assert.equal(await answerOf(other.raw), 0)
  await broker.ca.revoke(pair)
  const server = await broker.ca.issue({ subject: '/CN=localhost', san: 'IP:127.0.0.1' })
  broker.broker.renewTls({
    cert: server.cert,
    key: server.key,
    ca: broker.ca.cert,
    crl: await broker.ca.revocationList(),
  })
  await standing.raw.closed()
  await other.raw.ping()
  const late = await broker.open(pair)
  assert.equal(await answerOf(late.raw), 5)
  assert.equal(
    await metric(broker.registry, 'trackwire_mqtt_connects_refused_total', { reason: 'certificate_untrusted' }),
    1,
  )
})

/** A desk whose decisions are the test's. */
function desk(): CertificateDesk & { revoked: Set<string>; seen: string[]; revoke(fingerprint: string): void } {
  const listeners = new Set<Parameters<CertificateDesk['onRevoked']>[0]>()
  const revoked = new Set<string>()
  const seen: string[] = []
  return {
    revoked,
    seen,
    admit({ fingerprint }) {
      if (revoked.has(fingerprint)) throw new TrackwireError('certificate_revoked')
      seen.push(fingerprint)
    },
    onRevoked(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    revoke(fingerprint) {
      revoked.add(fingerprint)
      for (const listener of listeners) listener({ org: 'demo', deviceId: 'truck-7', fingerprint })
    },
  }
}

test('a certificate that is revoked ends the connections that stand by it, with its will, and no others', async t => {
  const certificates = desk()
  const broker = await startTlsBroker(t, { certificates })
  if (broker === undefined) return
  const [first, second] = [await broker.ca.issue(NAMED), await broker.ca.issue(NAMED)]
  const watcher = await broker.connect({ role: 'dispatcher', sub: 'desk' })
  const told: string[] = []
  watcher.on('message', (topic, payload) => told.push(`${topic} ${payload}`))
  await watcher.subscribeAsync('demo/devices/+/status')
  const one = await broker.open(first)
  const will = {
    topic: 'demo/devices/truck-7/status',
    payload: Buffer.from('{"state":"offline","battery":7}'),
    qos: 1,
    retain: true,
  } as const
  assert.equal(await answerOf(one.raw, bare({ clientId: 'one', will })), 0)
  await one.raw.subscribe('demo/users/truck-7/errors')
  const two = await broker.open(second)
  assert.equal(await answerOf(two.raw, bare({ clientId: 'two' })), 0)
  const byToken = await broker.connect(DEVICE)
  const fingerprint = new X509Certificate(first.cert).fingerprint256.replaceAll(':', '').toLowerCase()
  assert.ok(certificates.seen.includes(fingerprint))

  certificates.revoke(fingerprint)
  await one.raw.closed()
  const notice = one.raw.of('publish').map(({ payload }) => JSON.parse(payload.toString()))
  assert.deepEqual(
    notice.map(({ code }) => code),
    ['certificate_revoked'],
  )
  await two.raw.ping()
  assert.ok(byToken.connected)
  const again = await broker.open(first)
  assert.equal(await answerOf(again.raw), 5)
  const withToken = await broker.open(first)
  assert.equal(await answerOf(withToken.raw, connectPacket(await mint(DEVICE))), 5, 'nor with a token beside it')
})

test('a certificate that expires ends the connection, also one whose token lives longer or was renewed', async t => {
  const broker = await startTlsBroker(t)
  if (broker === undefined) return
  const pair = await broker.ca.issue({ ...NAMED, until: opensslTime(6_000) })
  const alone = await broker.open(pair)
  const withToken = await broker.open(pair)
  assert.equal(await answerOf(alone.raw, bare({ clientId: 'alone' })), 0)
  assert.equal(await answerOf(withToken.raw, connectPacket(await mint(DEVICE), { clientId: 'token' })), 0)
  await alone.raw.subscribe('demo/users/truck-7/errors')
  withToken.raw.publish('$auth/token', await mint(DEVICE), 1)
  await withToken.raw.next('puback')
  await Promise.all([alone.raw.closed(), withToken.raw.closed()])
  assert.ok(alone.raw.of('publish').some(({ payload }) => payload.toString().includes('certificate_expired')))
})

test('no session is resumed past the look at its certificate', async t => {
  const broker = await startTlsBroker(t)
  if (broker === undefined) return
  const pair = await broker.ca.issue(NAMED)
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const first = await broker.open(pair, { maxVersion })
    let session: Buffer | undefined
    first.socket.on('session', given => {
      session = given
    })
    assert.equal(await answerOf(first.raw), 0)
    await first.raw.ping()
    const resumed = await broker.open(pair, { maxVersion, session: session ?? first.socket.getSession() })
    assert.equal(resumed.socket.isSessionReused(), false)
    assert.equal(await answerOf(resumed.raw), 0)
  }
})

test('which device a certificate names', async t => {
  const ca = await makeAuthority(t)
  if (ca === undefined) return
  for (const [subject, san, expected] of [
    ['/O=demo/CN=truck-7', undefined, 'demo/truck-7'],
    ['/CN=truck-7', undefined, null],
    ['/O=demo', undefined, null],
    ['/O=Demo Ltd/CN=truck-7', undefined, null],
    ['/O=demo/CN=truck 7', undefined, null],
    ['/O=demo/O=rival/CN=truck-7', undefined, null],
    ['/O=demo/CN=truck-7/CN=truck-8', undefined, null],
    ['/O=rival/CN=truck-8', 'URI:trackwire:demo/truck-7', 'demo/truck-7'],
    ['/O=rival/CN=truck-8', 'DNS:demo.example,URI:https://demo.example/x', 'rival/truck-8'],
    ['/O=rival/CN=truck-8', 'URI:trackwire:demo/truck-7,URI:trackwire:demo/truck-9', null],
    ['/O=rival/CN=truck-8', 'URI:trackwire:demo', null],
    ['/O=rival/CN=truck-8', 'URI:trackwire:demo/a/b', null],
    ['/O=rival/CN=truck-8', 'URI:trackwire:DEMO/truck-7', null],
    ['/O=rival/CN=truck-8', 'DNS:URI\\:trackwire\\:demo/truck-7', 'rival/truck-8'],
  ] as const) {
    const { cert } = await ca.issue({ subject, ...(san && { san }) }).catch(() => ({ cert: '' }))
    // Some are refused by openssl itself.
    if (cert === '') continue
    const named = nameOf(new X509Certificate(cert))
    assert.equal(named && `${named.org}/${named.deviceId}`, expected, `${subject} ${san}`)
  }
})
