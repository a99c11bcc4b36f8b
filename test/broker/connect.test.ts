import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { generate, type IConnectPacket } from 'mqtt-packet'
import { createTokens, openSigningKeys } from '../../bridge/index.ts'
import { TrackwireError } from '../../contract/index.ts'
import { metric, mint, startTestBroker } from '../support/broker.ts'
import { connectPacket, openRaw } from '../support/raw-mqtt.ts'
import { temporaryFolder } from '../support/scope.ts'

const DEVICE = { role: 'device', sub: 'truck-7' } as const
const STATUS = 'demo/devices/truck-7/status'
const OFFLINE = Buffer.from('{"state":"offline"}')

interface Row {
  readonly name: string
  readonly expect: number
  readonly packet: () => Promise<IConnectPacket> | IConnectPacket
}

const withWill = async (topic: string, payload: Buffer) =>
  connectPacket(await mint(DEVICE), { will: { topic, payload, qos: 1, retain: true } })

const ROWS: readonly Row[] = [
  {
    name: 'a valid token as the password is admitted',
    expect: 0,
    packet: async () => connectPacket(await mint(DEVICE)),
  },
  {
    name: 'a valid token as the user name alone is admitted',
    expect: 0,
    packet: async () => {
      const { password: _, ...packet } = connectPacket('', { username: await mint(DEVICE) })
      return packet as IConnectPacket
    },
  },
  {
    name: 'no token at all is not authorized',
    expect: 5,
    packet: () => {
      const { password: _p, username: _u, ...packet } = connectPacket('')
      return packet as IConnectPacket
    },
  },
  { name: 'a password that is no token is a bad credential', expect: 4, packet: () => connectPacket('hunter2') },
  {
    name: 'an expired token is a bad credential',
    expect: 4,
    packet: async () => connectPacket(await mint({ ...DEVICE, ttlSeconds: -60 })),
  },
  {
    name: 'an empty client id with clean session is given one [MQTT-3.1.3-6]',
    expect: 0,
    packet: async () => connectPacket(await mint(DEVICE), { clientId: '' }),
  },
  {
    name: 'MQTT 3.1 with a client id over 23 characters is admitted',
    expect: 0,
    packet: async () =>
      connectPacket(await mint(DEVICE), {
        protocolId: 'MQIsdp',
        protocolVersion: 3,
        clientId: 'a-client-id-of-more-than-23-characters',
      }),
  },
  {
    name: 'a client id over 256 characters is rejected',
    expect: 2,
    packet: async () => connectPacket(await mint(DEVICE), { clientId: 'x'.repeat(257) }),
  },
  { name: 'a will on its own status is admitted', expect: 0, packet: () => withWill(STATUS, OFFLINE) },
  {
    name: "a will on another device's status is not authorized",
    expect: 5,
    packet: () => withWill('demo/devices/truck-8/status', OFFLINE),
  },
  {
    name: 'a will in another organisation is not authorized',
    expect: 5,
    packet: () => withWill('rival/devices/truck-7/status', OFFLINE),
  },
  { name: 'a will on $SYS is not authorized', expect: 5, packet: () => withWill('$SYS/broker/load', OFFLINE) },
  {
    name: 'a will on a topic of no channel is not authorized',
    expect: 5,
    packet: () => withWill('demo/nonsense', OFFLINE),
  },
  { name: 'a will that is not JSON is not authorized', expect: 5, packet: () => withWill(STATUS, Buffer.from('gone')) },
  {
    name: 'a will that does not fit the schema is not authorized',
    expect: 5,
    packet: () => withWill(STATUS, Buffer.from('{"state":"asleep"}')),
  },
]

for (const { name, expect, packet } of ROWS) {
  test(`CONNECT: ${name}`, async t => {
    const { port } = await startTestBroker(t)
    const raw = await openRaw(t, port)
    raw.send(await packet())
    const connack = await raw.next('connack')
    assert.equal(connack.returnCode, expect)
    assert.equal(connack.sessionPresent, false)
    if (expect === 0) await raw.ping()
    else await raw.closed() // [MQTT-3.2.2-5]
  })
}

test('CONNECT: a token signed with a foreign key is a bad credential', async t => {
  const foreign = createTokens(await openSigningKeys(await temporaryFolder(t)))
  const { port } = await startTestBroker(t)
  const raw = await openRaw(t, port)
  const connack = await raw.connect(await foreign.mint({ ...DEVICE, org: 'demo', ttlSeconds: 60 }))
  assert.equal(connack.returnCode, 4)
  await raw.closed()
})

test('CONNECT: a token that cannot be checked because the identity provider is away is asked for again later', async t => {
  const verifyToken = () => Promise.reject(new TrackwireError('identity_provider_unavailable'))
  const { port } = await startTestBroker(t, { verifyToken })
  const raw = await openRaw(t, port)
  assert.equal((await raw.connect(await mint(DEVICE))).returnCode, 3)
  await raw.closed()
})

test('CONNECT: a socket that sends none is closed after the connect timeout', async t => {
  const { port } = await startTestBroker(t, { connectTimeoutMs: 50 })
  const raw = await openRaw(t, port)
  await raw.closed()
})

test('CONNECT: refusals are counted by reason', async t => {
  const { port, registry } = await startTestBroker(t)
  const raw = await openRaw(t, port)
  await raw.connect('hunter2')
  assert.equal(await metric(registry, 'trackwire_mqtt_connects_refused_total', { reason: 'token_invalid' }), 1)
})

test('CONNECT: sockets that are gone before they are admitted leave nothing behind', async t => {
  const running = await startTestBroker(t)
  const password = await mint(DEVICE)
  for (let i = 0; i < 50; i += 1) {
    const socket = connect({ host: '127.0.0.1', port: running.port })
    await once(socket, 'connect')
    socket.write(generate(connectPacket(password, { clientId: `short-${i}` })), () => socket.resetAndDestroy())
    await once(socket, 'close')
  }
  const probe = await openRaw(t, running.port)
  await probe.connect(password, { clientId: 'probe' })
  await probe.ping()
  assert.equal(running.broker.connectionCount, 1)
})

test('close() ends sockets that never sent CONNECT', async t => {
  const { port, broker } = await startTestBroker(t)
  const raw = await openRaw(t, port)
  await broker.close()
  await raw.closed()
})
