import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parser } from 'mqtt-packet'
import { PacketGuard } from '../../broker/guard/packet-guard.ts'
import { PlainReader, packetBytesAt } from '../../broker/guard/plain-packets.ts'
import { connect, publish, subscribe } from '../support/mqtt-bytes.ts'

const MAX_BYTES = 10_000
const KEYS = ['topic', 'qos', 'retain', 'dup', 'messageId', 'length'] as const

interface Read {
  readonly packets: Record<string, unknown>[]
  readonly bytes: number
}

function readPlain(bytes: Buffer, reader = new PlainReader(MAX_BYTES)): Read {
  const packets: Record<string, unknown>[] = []
  const read = reader.read(bytes, 0, {
    publish: packet => packets.push({ ...packet }),
    puback: messageId => packets.push({ cmd: 'puback', messageId }),
  })
  return { packets, bytes: read }
}

/** What the guard and the parser make of the same bytes behind a CONNECT. */
function readByGuard(bytes: Buffer): { packets: Record<string, unknown>[]; isRefused: boolean } {
  const packets: Record<string, unknown>[] = []
  const parsing = parser()
  parsing.on('packet', packet => packets.push({ ...packet }))
  const guard = new PacketGuard(MAX_BYTES)
  guard.check(connect(), passed => parsing.parse(Buffer.from(passed)))
  const fault = guard.check(Buffer.from(bytes), passed => parsing.parse(Buffer.from(passed)))
  return { packets: packets.slice(1), isRefused: fault !== null }
}

const text = fc.string({ unit: fc.constantFrom('a', 'ж', '/', '+', '#', '\0', '🚚', '€'), maxLength: 12 })
const anyPublish = fc
  .tuple(fc.integer({ min: 0, max: 15 }), text, fc.integer({ min: 0, max: 65_535 }), fc.uint8Array({ maxLength: 300 }))
  .map(([flags, topic, id, payload]) => publish(flags, topic, flags & 6 ? id : null, payload))

test('a packet that is read in one pass is what the guard and the parser would have made of it', () => {
  let plain = 0
  fc.assert(
    fc.property(anyPublish, fc.array(fc.tuple(fc.nat(30), fc.nat(255)), { maxLength: 2 }), (packet, changes) => {
      for (const [at, byte] of changes) if (at < packet.length) packet[at] = byte
      const { packets, bytes } = readPlain(packet)
      const slow = readByGuard(packet)
      if (bytes === 0) return assert.equal(packets.length, 0)
      plain += 1
      assert.equal(bytes, packetBytesAt(packet, 0))
      const [first] = slow.packets
      assert.equal(packets.length, 1)
      assert.ok(first, 'the parser has it too')
      if (packets[0]!.cmd === 'puback') return assert.equal(packets[0]!.messageId, first.messageId)
      for (const key of KEYS) assert.equal(packets[0]![key], first[key], key)
      assert.deepEqual(Buffer.from(packets[0]!.payload as Buffer), Buffer.from(first.payload as Buffer))
    }),
    { numRuns: 3_000 },
  )
  assert.ok(plain > 100, `${plain} were plain`)
})

const LEFT: Readonly<Record<string, Buffer>> = {
  'QoS 2': publish(4, 'a/b', 1, 'x'),
  'QoS 3': publish(6, 'a/b', 1, 'x'),
  'DUP with QoS 0': publish(8, 'a/b', null, 'x'),
  'packet identifier 0': publish(2, 'a/b', 0, 'x'),
  'no topic': publish(0, '', null, 'x'),
  'a wildcard': publish(0, 'a/+', null, 'x'),
  NUL: publish(0, 'a\0', null, 'x'),
  'no UTF-8': publish(0, Uint8Array.of(0xff), null, 'x'),
  'over the limit': publish(0, 'a/b', null, 'x'.repeat(MAX_BYTES)),
  'not all there': publish(0, 'a/b', null, 'x').subarray(0, -1),
  'half a header': Buffer.from([0x30]),
  'a topic beyond the packet': Buffer.from([0x30, 3, 0, 9, 97]),
  SUBSCRIBE: subscribe(1, ['a/b', 0]),
  'PUBACK without identifier': Buffer.from([0x40, 2, 0, 0]),
  'PUBACK of three bytes': Buffer.from([0x40, 3, 0, 1, 0]),
}
for (const [name, bytes] of Object.entries(LEFT)) {
  test(`left to the guard and the parser: ${name}`, () => {
    const reader = new PlainReader(MAX_BYTES)
    // With a topic that it knows, too.
    readPlain(publish(0, 'a/b', null, 'x'), reader)
    assert.deepEqual(readPlain(bytes, reader), { packets: [], bytes: 0 })
  })
}

test('a topic that is as long as the one before, but another, is read anew', () => {
  const reader = new PlainReader(MAX_BYTES)
  for (const topic of ['a/b', 'a/c', 'a/c', 'b/c', 'ж/c', 'a/b']) {
    assert.equal(readPlain(publish(0, topic, null, 'x'), reader).packets[0]!.topic, topic)
  }
})

test('a topic that ends in the middle of a character says nothing of the next one', () => {
  const cut = publish(0, 'a', null, 'x')
  // Its next byte would have to be 0xa0 or more; the second one of a euro sign is less.
  cut[4] = 0xe0
  assert.equal(readPlain(cut).bytes, 0)
  assert.equal(readPlain(publish(0, '€', null, 'x')).packets[0]?.topic, '€')
})
