/*
 * What the guard costs for each message, against the parser behind it, in the same run and over the same bytes.
 *   node dist/bench/wire-guard.js [rounds]
 * The ratio is what to read: the machine's speed is in both.
 */
import { parser } from 'mqtt-packet'
import { PacketGuard } from '../broker/guard/packet-guard.ts'
import { connect, publish, subscribe } from '../test/support/mqtt-bytes.ts'

const ROUNDS = Number(process.argv[2] ?? 7)
const STREAM_BYTES = 16_777_216
const MAX_PACKET_BYTES = 264_192

const fix = JSON.stringify({
  timestamp: 1_700_000_000_000,
  location: { lat: 41.15, lng: -8.61, accuracy: 6, speed: 13.9 },
})
const LOCATION = 'demo/devices/truck-7/location'
const CASES: Readonly<Record<string, Buffer>> = {
  'a fix, QoS 1': publish(2, LOCATION, 7, fix),
  'a fix, QoS 0': publish(0, LOCATION, null, fix),
  'a fix on a topic of 40 letters that are not ASCII': publish(0, `demo/devices/${'ж'.repeat(40)}/location`, null, fix),
  'a batch of 1,000 fixes': publish(2, `${LOCATION}/batch`, 7, `[${Array(1_000).fill(fix).join(',')}]`),
  'a SUBSCRIBE of ten filters': subscribe(
    7,
    ...Array.from({ length: 10 }, (_, i) => [`demo/devices/truck-${i}/+`, 1] as const),
  ),
  'a PUBACK': Buffer.from([0x40, 2, 0, 7]),
}

console.log(`${ROUNDS} rounds, the fastest counts; Node ${process.version}`)
for (const chunkBytes of [65_536, 1_460]) {
  console.log(`\nread in chunks of ${chunkBytes} bytes`)
  for (const [name, packet] of Object.entries(CASES)) compare(name, packet, chunkBytes)
}

function compare(name: string, packet: Buffer, chunkBytes: number): void {
  const count = Math.min(Math.floor(STREAM_BYTES / packet.length), 200_000)
  const stream = Buffer.concat(Array<Buffer>(count).fill(packet))
  const chunks: Buffer[] = []
  for (let at = 0; at < stream.length; at += chunkBytes) chunks.push(stream.subarray(at, at + chunkBytes))
  const [guarding, parsing] = [() => guard(chunks), () => parse(chunks, count)]
  let fastest = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  // By turns, so that both have the same of whatever else the machine does.
  for (let round = 0; round < ROUNDS; round += 1) {
    fastest = [Math.min(fastest[0]!, seconds(guarding)), Math.min(fastest[1]!, seconds(parsing))]
  }
  const [guardSeconds, parseSeconds] = fastest as [number, number]
  const perMessage = (time: number) => `${((time / count) * 1e9).toFixed(0)} ns`
  console.log(
    `${name} (${packet.length} bytes): guard ${perMessage(guardSeconds)} = ${(stream.length / guardSeconds / 1e6).toFixed(0)} MB/s, ` +
      `parser ${perMessage(parseSeconds)}, ratio ${(guardSeconds / parseSeconds).toFixed(3)}`,
  )
}

function guard(chunks: readonly Buffer[]): void {
  const checking = new PacketGuard(MAX_PACKET_BYTES)
  let bytes = 0
  const pass = (passed: Uint8Array) => {
    bytes += passed.length
  }
  checking.check(connect(), pass)
  for (const chunk of chunks) if (checking.check(chunk, pass) !== null) throw new Error('refused')
  if (bytes === 0) throw new Error('nothing was let through')
}

function parse(chunks: readonly Buffer[], count: number): void {
  const parsing = parser()
  let packets = 0
  parsing.on('packet', () => {
    packets += 1
  })
  for (const chunk of chunks) parsing.parse(chunk)
  if (packets !== count) throw new Error(`${packets} of ${count} packets were parsed`)
}

function seconds(work: () => void): number {
  const startedAt = performance.now()
  work()
  return (performance.now() - startedAt) / 1_000
}
