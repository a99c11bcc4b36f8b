import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StoredPacket } from 'aedes-persistence-level/asyncPersistence.js'
import { RetainedMessages } from '../../broker/retained-messages.ts'

function opened() {
  const saved: string[] = []
  const retained = new RetainedMessages(async ({ topic, payload }) => void saved.push(`${topic}=${payload}`))
  return { retained, saved }
}

function packet(topic: string, payload: string): StoredPacket {
  return { cmd: 'publish', topic, payload: Buffer.from(payload), qos: 0, retain: true, dup: false } as StoredPacket
}

const shown = (retained: RetainedMessages, filter = '#') => retained.under(filter).map(({ payload }) => `${payload}`)

test('of what a topic had within a moment the last is written, and shown at once', async () => {
  const { retained, saved } = opened()
  retained.setSoon(packet('a', '1'))
  retained.setSoon(packet('b', '1'))
  retained.setSoon(packet('a', '2'))
  assert.deepEqual(shown(retained), ['2', '1'])
  assert.equal(retained.size, 2)
  await retained.flush()
  assert.deepEqual(saved, ['a=2', 'b=1'])
  retained.setSoon(packet('a', '2'))
  await retained.flush()
  assert.equal(saved.length, 2, 'the same again leaves nothing to write')
})

test('one without payload deletes, and is no more shown before that is written', async () => {
  const { retained, saved } = opened()
  retained.set(packet('a', '1'))
  retained.setSoon(packet('a', ''))
  assert.deepEqual([shown(retained), shown(retained, 'a'), retained.size], [[], [], 0])
  await retained.flush()
  assert.deepEqual(saved, ['a='])
  assert.deepEqual(shown(retained), [])
})

test('what was to be written a moment later does not undo what its caller wrote meanwhile', async () => {
  const { retained, saved } = opened()
  retained.set(packet('deleted', '1'))
  retained.setSoon(packet('deleted', ''))
  retained.setSoon(packet('changed', '1'))
  retained.set(packet('deleted', '2'))
  retained.set(packet('changed', '2'))
  await retained.flush()
  assert.deepEqual(saved, [])
  assert.deepEqual(shown(retained).sort(), ['2', '2'])
})

test('a deletion that waits gives way to what comes after it', async () => {
  const { retained, saved } = opened()
  retained.set(packet('a', '1'))
  retained.setSoon(packet('a', ''))
  retained.setSoon(packet('a', '2'))
  assert.deepEqual(shown(retained), ['2'])
  await retained.flush()
  assert.deepEqual(saved, ['a=2'])
})

test('its bytes are its own once it is written', async () => {
  const { retained } = opened()
  const read = Buffer.from('before 1 after')
  retained.setSoon({ ...packet('a', ''), payload: read.subarray(7, 8) })
  await retained.flush()
  read.fill('x')
  assert.deepEqual(shown(retained), ['1'])
})
