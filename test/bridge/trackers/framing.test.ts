import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { FrameStream } from '../../../bridge/trackers/frame-stream.ts'
import { unescapeJt808 } from '../../../bridge/trackers/jt808/frames.ts'
import { PROTOCOLS } from '../../../bridge/trackers/registry.ts'

const DATA = process.env.TRACKWIRE_TEST_DATA

interface FramingCase {
  readonly protocol: string
  readonly test: string
  readonly stream_hex: string
  readonly expected: { readonly first_frame_hex: string | null }
}

/** Streams that we cut in another way than the reference, by its test, with the reason. */
const DISAGREEMENTS: Readonly<Record<string, string>> = {}

test('the first frame of real streams is the one that the reference cuts', {
  skip: DATA === undefined && 'the data are not here; set TRACKWIRE_TEST_DATA',
}, async t => {
  const path = join(DATA!, 'protocols', 'framing.jsonl')
  assert.ok(existsSync(path))
  const cases = readFileSync(path, 'utf8')
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as FramingCase)
  for (const { protocol: name, test: title, stream_hex, expected } of cases) {
    const protocol = PROTOCOLS.get(name)
    if (protocol === undefined || DISAGREEMENTS[title] !== undefined) continue
    await t.test(title, () => {
      const [first] = new FrameStream(protocol).push(Buffer.from(stream_hex, 'hex'))
      // The reference takes the escapes of JT/T 808 out while it cuts.
      const frame = first !== undefined && name === 'jt808' ? unescapeJt808(first) : first
      assert.equal(frame?.toString('hex') ?? null, expected.first_frame_hex)
    })
  }
})

// No length is said and no sign ends them: only what comes behind tells.
const BINARY_42 = '24352436830841932930104759180817262627335900074412294e024138feffffffff0112006400730'.padEnd(84, '1')
const OTHER_32 = '2421330480510938012707233570340506000386508e000170ffffffff000000'
const TEXT = Buffer.from('*HQ,9001000002,V1,213945,A,3542.2043,N,38.6508,W,0.00,170,221025,FBFFF9FF#').toString('hex')
const LOGIN = Buffer.from('##,imei:359586015829802,A').toString('hex')
const HEARTBEAT = Buffer.from('359586015829802').toString('hex')
const REPORT = Buffer.from(
  'imei:359586015829802,tracker,0809231929,,F,055403.000,A,2233.18,N,11354.30,E,0,0;',
).toString('hex')

for (const [protocol, title, ...frames] of [
  ['h02', 'a binary message of 42 bytes before a text', BINARY_42, TEXT],
  ['h02', 'binary messages of 42 bytes', BINARY_42, BINARY_42, BINARY_42],
  ['h02', 'a binary message of 42 bytes before one of another device', BINARY_42, OTHER_32],
  ['gps103', 'a login without an end before a report', LOGIN, REPORT],
  ['gps103', 'a heartbeat without an end before a report', HEARTBEAT, REPORT],
] as const) {
  test(`${protocol}: ${title}, in one piece and as they come`, () => {
    const cut = (...pieces: string[]): string[] => {
      const stream = new FrameStream(PROTOCOLS.get(protocol)!)
      return pieces.flatMap(piece => stream.push(Buffer.from(piece, 'hex'))).map(frame => frame.toString('hex'))
    }
    assert.deepEqual(cut(frames.join('')), frames)
    assert.deepEqual(cut(...frames), frames)
  })
}
