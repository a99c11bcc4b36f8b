import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FrameStream, NotThisProtocol } from '../../../bridge/trackers/frame-stream.ts'
import type { Cut, Protocol } from '../../../bridge/trackers/protocol.ts'
import { PROTOCOLS } from '../../../bridge/trackers/registry.ts'
import { bytesOf, FRAME_FILES, readTrackerFrames } from '../../support/tracker-frames.ts'

const DATA = process.env.TRACKWIRE_TEST_DATA
const RECEIVED_AT = Date.UTC(2026, 0, 15, 12)

/** Real frames where the data are here, so that mutations reach deep into a decoder; a few bytes otherwise. */
function samplesOf(protocol: Protocol<unknown>): Buffer[] {
  if (DATA === undefined) return [Buffer.from([0]), Buffer.from('$'), Buffer.from('*'), Buffer.from('xx')]
  const files = FRAME_FILES[protocol.name] ?? [protocol.name]
  return files.flatMap(file => readTrackerFrames(DATA, file)).map(bytesOf)
}

/** Bytes changed, cut out, doubled and put in. */
function mutated(samples: readonly Buffer[]): fc.Arbitrary<Buffer> {
  const change = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    cut: fc.nat(8),
    put: fc.uint8Array({ maxLength: 8 }),
  })
  return fc
    .tuple(fc.constantFrom(...samples), fc.array(change, { minLength: 1, maxLength: 6 }))
    .map(([sample, changes]) =>
      changes.reduce((bytes, { at, cut, put }) => {
        const index = Math.floor(at * bytes.length)
        return Buffer.concat([bytes.subarray(0, index), put, bytes.subarray(index + cut)])
      }, sample),
    )
}

for (const protocol of PROTOCOLS.values()) {
  const samples = samplesOf(protocol)
  const anyBytes = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 300 }).map(bytes => Buffer.from(bytes)),
    mutated(samples).filter(bytes => bytes.length > 0),
  )

  test(`${protocol.name}: a cut lies within the bytes and gets on, whatever they are`, () => {
    fc.assert(
      fc.property(anyBytes, bytes => {
        const cut: Cut = protocol.cut(bytes)
        if (cut.kind === 'frame')
          assert.ok(cut.start >= 0 && cut.end > cut.start && cut.end <= bytes.length, JSON.stringify(cut))
        if (cut.kind === 'rubbish') assert.ok(cut.length > 0 && cut.length <= bytes.length, JSON.stringify(cut))
      }),
      { numRuns: 500 },
    )
  })

  test(`${protocol.name}: decoding and answering never fail, and what is decoded is in range`, () => {
    fc.assert(
      fc.property(anyBytes, bytes => {
        const decoded = protocol.decode(bytes, protocol.initial, { receivedAt: RECEIVED_AT })
        protocol.acknowledge(bytes, decoded)
        for (const { timestamp, position, attributes } of decoded.reports) {
          assert.ok(timestamp === null || Number.isSafeInteger(timestamp), `time ${timestamp}`)
          for (const value of Object.values(attributes)) assert.ok(typeof value !== 'number' || Number.isFinite(value))
          if (position === null) continue
          const { lat, lng, heading = 0, speed = 0, altitude = 0 } = position
          assert.ok([lat, lng, altitude].every(Number.isFinite), 'numbers')
          assert.ok(heading >= 0 && heading <= 360, `heading ${heading}`)
          assert.ok(speed >= 0 && Number.isFinite(speed), `speed ${speed}`)
        }
      }),
      { numRuns: 500 },
    )
  })

  test(`${protocol.name}: the same positions are read in whatever pieces the bytes arrive`, () => {
    const stream = fc
      .array(fc.constantFrom(...samples), { minLength: 1, maxLength: 4 })
      .map(list => Buffer.concat(list))
    fc.assert(
      fc.property(
        stream,
        fc.array(fc.integer({ min: 64, max: 200 }), { minLength: 1, maxLength: 20 }),
        (bytes, sizes) => {
          assert.deepEqual(positionsIn(protocol, bytes, sizes), positionsIn(protocol, bytes, [bytes.length]))
        },
      ),
      { numRuns: 60 },
    )
  })

  test(`${protocol.name}: slow bytes, mutated frames behind each other: nothing fails, and no more than a frame is held`, () => {
    fc.assert(
      fc.property(fc.array(anyBytes, { minLength: 1, maxLength: 4 }), pieces => {
        const bytes = Buffer.concat(pieces)
        positionsIn(
          protocol,
          bytes,
          Array.from({ length: 7 }, () => 1),
        )
        positionsIn(protocol, bytes, [bytes.length])
      }),
      { numRuns: 25 },
    )
  })

  test(`${protocol.name}: a connection that sends rubbish is given up, and holds no more than a frame`, () => {
    const rubbish = Buffer.alloc(1_000, 0x5a)
    const stream = new FrameStream(protocol)
    assert.throws(() => {
      for (let i = 0; i < 2 + (protocol.maxFrameBytes + 4_096) / rubbish.length; i++) stream.push(rubbish)
    }, NotThisProtocol)
  })
}

/**
 * Whether a piece may not end here. A line end that is the last so far ends a message of Suntech; one inside a message has more behind it.
 * Nothing but what comes behind tells the end of a binary message of H02: the sign of the next one, an id and a time.
 */
function isAmbiguousEnd(protocol: Protocol<unknown>, bytes: Buffer, end: number): boolean {
  if (bytes[end - 1] === 0x0d || bytes[end - 1] === 0x0a) return true
  return protocol.name === 'h02' && end < bytes.length && bytes.subarray(end - 11, end).includes(0x24)
}

/** The positions of a stream that arrives in pieces of these sizes, over and over; 'given up' when it is. */
function positionsIn(protocol: Protocol<unknown>, bytes: Buffer, sizes: readonly number[]): unknown[] {
  const stream = new FrameStream(protocol)
  const found: unknown[] = []
  let memory = protocol.initial
  try {
    for (let at = 0, i = 0, end = 0; at < bytes.length; at = end, i++) {
      end = at + sizes[i % sizes.length]!
      while (isAmbiguousEnd(protocol, bytes, end)) end += 1
      for (const frame of stream.push(bytes.subarray(at, end))) {
        const decoded = protocol.decode(frame, memory, { receivedAt: RECEIVED_AT })
        memory = decoded.memory
        found.push(...decoded.reports.flatMap(({ timestamp, position }) => (position ? [{ timestamp, position }] : [])))
      }
    }
  } catch (error) {
    if (!(error instanceof NotThisProtocol)) throw error
    found.push('given up')
  }
  return found
}
