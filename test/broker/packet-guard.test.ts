import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generate } from 'mqtt-packet'
import type { Fault } from '../../broker/guard/faults.ts'
import { PACKET_OVERHEAD_BYTES, PacketGuard } from '../../broker/guard/packet-guard.ts'
import { MAX_PAYLOAD_BYTES } from '../../contract/index.ts'
import { fix, mint, startTestBroker } from '../support/broker.ts'
import { connect, packet, publish } from '../support/mqtt-bytes.ts'
import { connectPacket, openRaw } from '../support/raw-mqtt.ts'
import { MALFORMED } from './malformed-cases.ts'
import { ODD, wholeOf } from './odd-cases.ts'

const DEVICE = { role: 'device', sub: 'truck-7' } as const
const LOCATION = 'demo/devices/truck-7/location'
const MAX_PACKET_BYTES = MAX_PAYLOAD_BYTES + PACKET_OVERHEAD_BYTES

/** What a guard lets through of these chunks, as one run of bytes, and its verdict. */
function check(chunks: Iterable<Uint8Array>, guard = new PacketGuard(MAX_PACKET_BYTES)) {
  const passed: Uint8Array[] = []
  let fault: Fault | null = null
  // A copy of each: the guard may change a flag in it.
  for (const chunk of chunks) fault ??= guard.check(Buffer.from(chunk), bytes => passed.push(Buffer.from(bytes)))
  return { fault, passed: Buffer.concat(passed) }
}

function* inPieces(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

const TOKEN = 'x'.repeat(300)

for (const { name, when, bytes } of MALFORMED) {
  // The client id is for CONNACK to refuse, behind the guard.
  if (/client id (of|without)|empty client id/.test(name)) continue
  test(`PacketGuard refuses ${name}, whole and in pieces`, () => {
    const before = when === 'connected' ? connect({ password: TOKEN }) : Buffer.alloc(0)
    const whole = Buffer.concat([before, bytes(TOKEN)])
    const verdicts = [whole.length, 1, 2, 3, 7].map(size => check(inPieces(whole, size)))
    for (const { fault, passed } of verdicts) {
      assert.ok(fault)
      assert.equal(fault.reason, verdicts[0]!.fault!.reason)
      assert.ok(whole.subarray(0, passed.length).equals(passed))
    }
    assert.ok(verdicts[0]!.passed.equals(before))
  })
}

for (const odd of ODD) {
  const whole = wholeOf(odd, TOKEN)
  test(`PacketGuard lets ${odd.name} through, whole and in pieces`, () => {
    const sizes = whole.length > 10_000 ? [whole.length, 65_536, 1_000] : [whole.length, 1, 2, 3, 7]
    const verdicts = sizes.map(size => check(inPieces(whole, size)))
    for (const { fault, passed } of verdicts) {
      assert.equal(fault, null)
      assert.ok(passed.equals(verdicts[0]!.passed))
    }
    if (!/over the limit|4 MB|sent again/.test(odd.name)) assert.ok(verdicts[0]!.passed.equals(whole))
  })
}

test('PacketGuard leaves out the payload of a PUBLISH over the limit, however it is split', () => {
  const location = publish(2, LOCATION, 7, 'x'.repeat(300_000))
  const whole = Buffer.concat([connect({ password: TOKEN }), packet(0xc0), location, packet(0xc0)])
  const expected = Buffer.concat([connect({ password: TOKEN }), packet(0xc0), publish(2, LOCATION, 7), packet(0xc0)])
  const start = whole.length - location.length - 2
  for (let at = start - 1; at < start + 50; at += 1) {
    const skipped: (number | undefined)[] = []
    const passed: Uint8Array[] = []
    const guard = new PacketGuard(MAX_PACKET_BYTES)
    for (const chunk of [whole.subarray(0, at), whole.subarray(at)]) {
      const fault = guard.check(chunk, (bytes, left) => {
        passed.push(bytes)
        skipped.push(left)
      })
      assert.equal(fault, null)
    }
    assert.ok(Buffer.concat(passed).equals(expected), `split at ${at}`)
    assert.deepEqual(
      skipped.filter(left => left !== undefined),
      [300_000],
    )
  }
})

test('a CONNECT that declares 10 MB is cut off before its body comes', async t => {
  const { port } = await startTestBroker(t)
  const raw = await openRaw(t, port)
  raw.sendBytes(Buffer.from([0x10, 0x80, 0xad, 0xe2, 0x04]))
  await raw.closed()
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
    // More than a device may send in a second: what is over the limit would come later.
    const running = await startTestBroker(t, { limits: false })
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
  // More than a device may send in a second: what is over the limit would come later.
  const running = await startTestBroker(t, { limits: false })
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
  second.acknowledge()
  await second.until('the queue', () => second.of('publish').length === 300)
})
