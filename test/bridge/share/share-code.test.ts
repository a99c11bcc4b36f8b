import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readShareArea } from '../../../bridge/share/share-area.ts'
import { newShareCode, shortenAddress } from '../../../bridge/share/share-code.ts'

const addresses: [address: string, kept: string][] = [
  ['203.0.113.77', '203.0.113.0/24'],
  ['::ffff:203.0.113.77', '203.0.113.0/24'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1::/48'],
  ['2001:db8::1', '2001:db8:0::/48'],
  ['::1', '0:0:0::/48'],
  ['fe80::1%eth0', 'fe80:0:0::/48'],
  ['', 'unknown'],
]
for (const [address, kept] of addresses) {
  test(`of the address ${address || '(none)'} the log keeps ${kept}`, () => assert.equal(shortenAddress(address), kept))
}

test('a code has 192 bits and is never the same', () => {
  const codes = new Set(Array.from({ length: 1_000 }, newShareCode))
  assert.equal(codes.size, 1_000)
  for (const code of codes) assert.match(code, /^[A-Za-z0-9_-]{32}$/)
})

test('a box across the antimeridian covers both sides of it', () => {
  const covers = readShareArea([179, -10, -179, 10])
  assert.deepEqual([covers(179.5, 0), covers(-179.5, 0), covers(0, 0), covers(178, 0)], [true, true, false, false])
})
