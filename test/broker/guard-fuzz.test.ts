import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { generate, type Packet, parser } from 'mqtt-packet'
import type { Fault } from '../../broker/guard/faults.ts'
import {
  MAX_CONNECT_BYTES,
  MAX_SKIPPED_BYTES,
  PACKET_OVERHEAD_BYTES,
  PacketGuard,
} from '../../broker/guard/packet-guard.ts'
import { MAX_PAYLOAD_BYTES } from '../../contract/index.ts'
import { fix, mint, startTestBroker } from '../support/broker.ts'
import { oracle } from '../support/mqtt-oracle.ts'
import { connectPacket, openRaw } from '../support/raw-mqtt.ts'
import { MALFORMED } from './malformed-cases.ts'
import { ODD, wholeOf } from './odd-cases.ts'

const MAX_PACKET_BYTES = MAX_PAYLOAD_BYTES + PACKET_OVERHEAD_BYTES
const DEVICE = { role: 'device', sub: 'truck-7' } as const

/** Other inputs with every run; what fails is repeated with the seed that is printed. */
function seeded(t: TestContext, numRuns: number) {
  const seed = Date.now() % 2 ** 31
  t.diagnostic(`seed ${seed}`)
  return { seed, numRuns }
}

const character = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...'abcXYZ019-_.:') },
  { weight: 1, arbitrary: fc.constant('/') },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }) },
)
const without = (text: string, but: RegExp) => text.replaceAll(but, '')
const text = (but: RegExp, most = 40) =>
  fc.array(character, { maxLength: most }).map(characters => without(characters.join(''), but))
const topic = text(/[\0#+]/g, 60).map(name => name || 'x')
const level = fc.oneof(fc.constant('+'), text(/[\0#+/]/g, 8))
const filter = fc
  .tuple(fc.array(level, { minLength: 1, maxLength: 6 }), fc.boolean())
  .map(([levels, hash]) => [...levels, ...(hash ? ['#'] : [])].join('/') || '#')
const messageId = fc.integer({ min: 1, max: 65_535 })
const payload = fc
  .oneof(fc.uint8Array({ maxLength: 50 }), fc.uint8Array({ minLength: 1_000, maxLength: 2_000 }))
  .map(Buffer.from)
const qos = fc.constantFrom(0 as const, 1 as const, 2 as const)

const connectArbitrary: fc.Arbitrary<Packet> = fc
  .record({
    is31: fc.boolean(),
    clean: fc.boolean(),
    clientId: text(/\0/g).map(id => id || 'x'),
    keepalive: fc.integer({ min: 0, max: 65_535 }),
    username: fc.option(text(/\0/g), { nil: undefined }),
    password: fc.option(payload, { nil: undefined }),
    will: fc.option(fc.record({ topic, payload, qos, retain: fc.boolean() }), { nil: undefined }),
  })
  .map(({ is31, username, password, will, ...rest }) => ({
    cmd: 'connect',
    protocolId: is31 ? 'MQIsdp' : 'MQTT',
    protocolVersion: is31 ? 3 : 4,
    ...rest,
    ...(username === undefined ? {} : { username }),
    ...(username === undefined || password === undefined ? {} : { password }),
    ...(will === undefined ? {} : { will }),
  }))

const packetArbitrary: fc.Arbitrary<Packet> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .record({ topic, payload, qos, retain: fc.boolean(), dup: fc.boolean(), messageId })
      .map(({ dup, ...more }): Packet => ({ cmd: 'publish', dup: dup && more.qos > 0, ...more })),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      cmd: fc.constantFrom('puback', 'pubrec', 'pubrel', 'pubcomp'),
      messageId,
    }) as fc.Arbitrary<Packet>,
  },
  {
    weight: 2,
    arbitrary: fc
      .record({ messageId, subscriptions: fc.array(fc.record({ topic: filter, qos }), { minLength: 1, maxLength: 5 }) })
      .map((more): Packet => ({ cmd: 'subscribe', ...more })),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({ messageId, unsubscriptions: fc.array(filter, { minLength: 1, maxLength: 5 }) })
      .map((more): Packet => ({ cmd: 'unsubscribe', ...more })),
  },
  { weight: 1, arbitrary: fc.constant<Packet>({ cmd: 'pingreq' }) },
)
const session = fc
  .tuple(connectArbitrary, fc.array(packetArbitrary, { maxLength: 12 }))
  .map(([first, rest]) => [first, ...rest])
/** Where a stream is cut into chunks, as parts of its length. */
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 })

function chunksOf(stream: Buffer, parts: readonly number[]): Buffer[] {
  const ends = [...parts.map(part => Math.floor(part * stream.length)), stream.length].sort((a, b) => a - b)
  return ends.map((end, i) => Buffer.from(stream.subarray(ends[i - 1] ?? 0, end)))
}

function check(chunks: Iterable<Buffer>): { fault: Fault | null; passed: Buffer } {
  const guard = new PacketGuard(MAX_PACKET_BYTES)
  const passed: Buffer[] = []
  let fault: Fault | null = null
  for (const chunk of chunks) fault ??= guard.check(chunk, bytes => passed.push(Buffer.from(bytes)))
  return { fault, passed: Buffer.concat(passed) }
}

test('what mqtt-packet generates is never refused and passes unchanged, however it is cut', t => {
  fc.assert(
    fc.property(session, cuts, (packets, parts) => {
      const stream = Buffer.concat(packets.map(packet => generate(packet)))
      const { fault, passed } = check(chunksOf(stream, parts))
      assert.equal(fault, null)
      assert.ok(passed.equals(stream))
      assert.deepEqual(oracle(stream, MAX_CONNECT_BYTES, MAX_PACKET_BYTES, MAX_SKIPPED_BYTES), {
        refused: false,
        unfinished: false,
      })
    }),
    seeded(t, 2_000),
  )
})

interface Spoil {
  readonly at: number
  readonly byte: number
  readonly kind: 'change' | 'flip' | 'insert' | 'remove' | 'repeat' | 'cut'
}
const spoils: fc.Arbitrary<Spoil[]> = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    byte: fc.oneof(
      fc.integer({ min: 0, max: 255 }),
      fc.constantFrom(0, 1, 2, 0x23, 0x2b, 0x7f, 0x80, 0xc0, 0xed, 0xff),
    ),
    kind: fc.constantFrom('change', 'change', 'flip', 'flip', 'insert', 'remove', 'repeat', 'cut'),
  }),
  { minLength: 1, maxLength: 4 },
)

function spoilt(stream: Buffer, changes: readonly Spoil[]): Buffer {
  const bytes = [...stream]
  for (const { at, byte, kind } of changes) {
    const index = Math.floor(at * bytes.length)
    if (kind === 'change') bytes[index] = byte
    else if (kind === 'flip') bytes[index]! ^= 1 << (byte & 7)
    else if (kind === 'insert') bytes.splice(index, 0, byte)
    else if (kind === 'remove') bytes.splice(index, 1)
    else if (kind === 'repeat') bytes.splice(index, 0, ...bytes.slice(index, index + (byte & 15)))
    else bytes.length = index
  }
  return Buffer.from(bytes)
}

function agrees(stream: Buffer, parts: readonly number[]): void {
  const { fault, passed } = check(chunksOf(stream, parts))
  assert.equal(check([Buffer.from(stream)]).fault?.reason, fault?.reason)
  assert.equal(check(Array.from(stream, byte => Buffer.of(byte))).fault?.reason, fault?.reason)
  const verdict = oracle(stream, MAX_CONNECT_BYTES, MAX_PACKET_BYTES, MAX_SKIPPED_BYTES)
  if (verdict.refused) assert.ok(fault, 'the oracle refuses it')
  else if (!verdict.unfinished) assert.equal(fault, null, 'the oracle lets it pass')
  // What is let through, the parser takes; MQTT 5 is for it to read and for CONNACK to refuse.
  const isFive = [0x05, 0x85].includes(passed[passed.indexOf('MQTT') + 4]!)
  const reading = parser()
  reading.on('error', error => assert.ok(isFive, `the parser refuses what the guard lets through: ${error.message}`))
  if (passed.length > 0) reading.parse(passed)
}

test('what is spoilt is judged as the oracle judges it, however it is cut, and the parser takes what is let through', t => {
  fc.assert(
    fc.property(session, spoils, cuts, (packets, changes, parts) => {
      agrees(spoilt(Buffer.concat(packets.map(packet => generate(packet))), changes), parts)
    }),
    seeded(t, 4_000),
  )
})

const CAPTURES = [
  ...MALFORMED.map(({ bytes, when }) =>
    Buffer.concat([when === 'connected' ? generate(connectPacket('token')) : Buffer.alloc(0), bytes('token')]),
  ),
  ...ODD.map(odd => wholeOf(odd, 'token')),
].filter(stream => stream.length < 3_000)

test('captures that were odd or malformed before are judged as the oracle judges them', t => {
  fc.assert(
    fc.property(fc.constantFrom(...CAPTURES), fc.option(spoils, { nil: [] }), cuts, (stream, changes, parts) => {
      agrees(spoilt(stream, changes), parts)
    }),
    seeded(t, 3_000),
  )
})

test('bytes of pure chance are judged as the oracle judges them', t => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), cuts, (noise, connected, parts) => {
      agrees(Buffer.concat([connected ? generate(connectPacket('token')) : Buffer.alloc(0), noise]), parts)
    }),
    seeded(t, 3_000),
  )
})

test('over a socket, what is valid is answered and what is spoilt is closed; the broker lives on', async t => {
  const running = await startTestBroker(t)
  const token = await mint(DEVICE)
  const { seed, numRuns } = seeded(t, 60)
  const samples = fc.sample(fc.tuple(fc.array(packetArbitrary, { maxLength: 20 }), spoils), { seed, numRuns })
  for (const [packets, changes] of samples) {
    const valid = await openRaw(t, running.port)
    await valid.connect(token)
    valid.send(...packets)
    await valid.ping()
    valid.stream.destroy()
    const first = generate(connectPacket(token))
    const stream = spoilt(Buffer.concat(packets.map(packet => generate(packet))), changes)
    const { refused } = oracle(Buffer.concat([first, stream]), MAX_CONNECT_BYTES, MAX_PACKET_BYTES, MAX_SKIPPED_BYTES)
    const bad = await openRaw(t, running.port)
    await bad.connect(token)
    bad.sendBytes(stream)
    if (refused) await bad.closed()
    bad.stream.destroy()
  }
  const survivor = await openRaw(t, running.port)
  await survivor.connect(token)
  survivor.publish('demo/devices/truck-7/location', fix(), 1)
  await survivor.next('puback')
})
