import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generate } from 'mqtt-packet'
import { MAX_CONNECT_BYTES, PACKET_OVERHEAD_BYTES, PacketScanner } from '../../broker/guard/packet-scanner.ts'
import { MAX_PAYLOAD_BYTES } from '../../contract/index.ts'
import { fix, mint, startTestBroker } from '../support/broker.ts'
import { connectPacket, openRaw } from '../support/raw-mqtt.ts'

const DEVICE = { role: 'device', sub: 'truck-7' } as const
const LOCATION = 'demo/devices/truck-7/location'
const CONNECT = [0x10, 0x02, 0x00, 0x00]

const SCANS: readonly { name: string; bytes: readonly number[]; refused: RegExp | null }[] = [
  { name: 'nothing', bytes: [], refused: null },
  { name: 'a CONNECT', bytes: CONNECT, refused: null },
  { name: 'half a fixed header', bytes: [0x10], refused: null },
  { name: 'PUBLISH first', bytes: [0x30, 0x00], refused: /first packet/ },
  { name: 'the reserved type 0 first', bytes: [0x00, 0x00], refused: /first packet/ },
  { name: 'a CONNECT of 65,536 bytes', bytes: [0x10, 0x80, 0x80, 0x04], refused: null },
  { name: 'a CONNECT of 65,537 bytes', bytes: [0x10, 0x81, 0x80, 0x04], refused: /65537 bytes, the limit is 65536/ },
  { name: 'a CONNECT of 10 MB', bytes: [0x10, 0x80, 0xad, 0xe2, 0x04], refused: /10000000 bytes/ },
  { name: 'a remaining length of 5 bytes', bytes: [0x10, 0xff, 0xff, 0xff, 0xff, 0x01], refused: /more than 4 bytes/ },
  { name: 'a remaining length padded with zeros', bytes: [0x10, 0x82, 0x80, 0x00, 0x00, 0x00], refused: null },
  { name: 'CONNECT and PINGREQs', bytes: [...CONNECT, 0xc0, 0x00, 0xc0, 0x00], refused: null },
  { name: 'CONNECT and a PUBLISH of 1,000 bytes', bytes: [...CONNECT, 0x30, 0xe8, 0x07], refused: null },
  { name: 'CONNECT and a PUBLISH of 1,001 bytes', bytes: [...CONNECT, 0x30, 0xe9, 0x07], refused: /1001 bytes/ },
]

for (const { name, bytes, refused } of SCANS) {
  test(`PacketScanner: ${name} is ${refused ? 'refused' : 'let through'}, whole and byte by byte`, () => {
    const check = (reason: string | null) =>
      refused ? assert.match(reason ?? '', refused) : assert.equal(reason, null)
    check(new PacketScanner(1_000).scan(Uint8Array.from(bytes)))
    const slow = new PacketScanner(1_000)
    check(bytes.reduce<string | null>((reason, byte) => reason ?? slow.scan(Uint8Array.of(byte)), null))
  })
}

test('a CONNECT that declares 10 MB is cut off before its body comes', async t => {
  const { port } = await startTestBroker(t)
  const raw = await openRaw(t, port)
  raw.sendBytes(Buffer.from([0x10, 0x80, 0xad, 0xe2, 0x04]))
  await raw.closed()
})

test('a CONNECT as large as allowed is read', async t => {
  const { port } = await startTestBroker(t)
  const raw = await openRaw(t, port)
  const packet = connectPacket(await mint(DEVICE), { username: '' })
  const room = MAX_CONNECT_BYTES - (generate(packet).length - 3)
  assert.equal(
    (await raw.connect(await mint(DEVICE), { username: 'u'.repeat(Math.min(room - 8, 65_000)) })).returnCode,
    0,
  )
})

test('a PUBLISH over the limit is cut off by its declared length; one at the limit is told what is wrong', async t => {
  const { port } = await startTestBroker(t)
  const raw = await openRaw(t, port)
  await raw.connect(await mint(DEVICE))
  await raw.subscribe('demo/users/truck-7/errors')
  raw.publish(LOCATION, 'x'.repeat(MAX_PAYLOAD_BYTES + 1), 1)
  await raw.next('puback')
  assert.equal(JSON.parse((await raw.next('publish')).payload.toString()).code, 'payload_too_large')
  const over = MAX_PAYLOAD_BYTES + PACKET_OVERHEAD_BYTES + 1
  raw.sendBytes(Buffer.from([0x30, (over & 0x7f) | 0x80, ((over >> 7) & 0x7f) | 0x80, over >> 14]))
  await raw.closed()
})

test('a remaining length of 5 bytes closes the connection, before CONNECT and after [MQTT-2.2.3]', async t => {
  const { port } = await startTestBroker(t)
  const endless = Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0x01])
  const connected = await openRaw(t, port)
  await connected.connect(await mint(DEVICE))
  connected.sendBytes(endless)
  await connected.closed()
  const stranger = await openRaw(t, port)
  stranger.sendBytes(Buffer.from([0x10, ...endless.subarray(1)]))
  await stranger.closed()
})

test('packets that arrive byte by byte work as well', async t => {
  const running = await startTestBroker(t)
  const raw = await openRaw(t, running.port)
  const bytes = Buffer.concat([
    generate(connectPacket(await mint(DEVICE))),
    generate({ cmd: 'publish', topic: LOCATION, payload: fix(), qos: 1, messageId: 1, dup: false, retain: false }),
    generate({ cmd: 'pingreq' }),
  ])
  for (const byte of bytes) {
    raw.sendBytes(Uint8Array.of(byte))
    await new Promise<void>(resolve => setImmediate(resolve))
  }
  await raw.next('pingresp')
  assert.deepEqual(raw.packets.map(({ cmd }) => cmd).sort(), ['connack', 'pingresp', 'puback'])
})

for (const count of [10, 2_000]) {
  test(`${count} packets behind CONNECT in one write arrive in order`, async t => {
    const running = await startTestBroker(t)
    const raw = await openRaw(t, running.port)
    const sent = Array.from({ length: count }, (_, i) => fix(1_700_000_000_000 + i))
    raw.send(
      connectPacket(await mint(DEVICE)),
      ...sent.map(
        (payload, i) =>
          ({ cmd: 'publish', topic: LOCATION, payload, qos: 1, messageId: i + 1, dup: false, retain: false }) as const,
      ),
    )
    await raw.until('all PUBACKs', () => raw.of('puback').length === count)
    assert.deepEqual(
      running.work.calls.map(({ message }) => JSON.stringify(message.payload)),
      sent,
    )
  })
}

test('what comes behind CONNECT is not overtaken while a long queue is delivered', async t => {
  const running = await startTestBroker(t)
  const first = await openRaw(t, running.port)
  const password = await mint({ ...DEVICE, role: 'service', sub: 'gateway' })
  await first.connect(password, { clean: false })
  await first.subscribe('demo/devices/+/status')
  first.send({ cmd: 'disconnect' })
  await first.closed()
  for (let i = 0; i < 300; i += 1)
    await running.broker.publish({ topic: 'demo/devices/a/status', payload: '{"state":"idle"}', qos: 1, retain: true })
  const second = await openRaw(t, running.port)
  const sent = Array.from({ length: 1_500 }, (_, i) => fix(1_700_000_000_000 + i))
  const publish = (payload: string, i: number) =>
    ({ cmd: 'publish', topic: LOCATION, payload, qos: 1, messageId: i + 1, dup: false, retain: false }) as const
  second.send(connectPacket(password, { clean: false }), ...sent.map(publish))
  await second.until('all PUBACKs', () => second.of('puback').length === sent.length)
  assert.deepEqual(
    running.work.calls.map(({ message }) => JSON.stringify(message.payload)),
    sent,
  )
  await second.until('the queue', () => second.of('publish').length === 300)
})
