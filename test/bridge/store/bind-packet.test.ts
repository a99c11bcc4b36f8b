import assert from 'node:assert/strict'
import { test } from 'node:test'
import { protocol } from '@electric-sql/pglite'
import { BindPacket, type BoundValue } from '../../../bridge/store/bind-packet.ts'
import { randomOf } from '../../support/seeded-random.ts'

const { serialize } = protocol

function expected(statement: string, values: BoundValue[]): Buffer {
  return Buffer.concat([serialize.bind({ statement, values }), serialize.execute({}), serialize.sync()])
}

test("a packet is what PGlite's own serializer makes of it, one after the other in the same memory", () => {
  const packet = new BindPacket()
  const cases: BoundValue[][] = [
    [],
    [null],
    ['', 'text', 'Größe 🛰', null],
    [new Uint8Array(0), new Uint8Array([1, 2, 3]), null, '4'],
    ['x'.repeat(200_000), new Uint8Array(300_000).fill(7)],
    ['after a large one'],
    ['€'.repeat(2_000_000)],
    ['after one whose memory is not kept'],
  ]
  for (const values of cases) {
    assert.deepEqual(Buffer.from(packet.encode('prepared-12', values)), expected('prepared-12', values))
  }
})

test('whatever the values, no byte is missing or left over', () => {
  const random = randomOf(7)
  const packet = new BindPacket()
  const letters = ['a', 'ß', '€', '🛰']
  const anyValue = (): BoundValue => {
    const kind = random()
    const size = Math.floor(random() * 40_000)
    if (kind < 0.2) return null
    if (kind < 0.6) return letters[Math.floor(random() * letters.length)]!.repeat(size)
    return new Uint8Array(size).fill(Math.floor(random() * 256))
  }
  for (let round = 0; round < 200; round += 1) {
    const values = Array.from({ length: Math.floor(random() * 12) }, anyValue)
    const statement = `prepared-${round}`
    assert.ok(Buffer.from(packet.encode(statement, values)).equals(expected(statement, values)), `round ${round}`)
  }
})
