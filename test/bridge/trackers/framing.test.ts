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
