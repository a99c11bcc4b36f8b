import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { InSlices } from '../../broker/client/in-slices.ts'

test('what comes alone is done at once', () => {
  const slices = new InSlices()
  const done: number[] = []
  slices.add(() => done.push(1))
  assert.deepEqual(done, [1])
})

test('much that comes at once is done in order, and others have their turn between', async () => {
  const slices = new InSlices()
  const done: number[] = []
  const turns: number[] = []
  const count = 20
  for (let i = 0; i < count; i += 1) {
    slices.add(() => {
      const until = performance.now() + 1
      while (performance.now() < until);
      done.push(i)
      // Comes in while it is worked off: its turn is after all that was there.
      if (i === count - 1) slices.add(() => done.push(count))
    })
  }
  while (done.length <= count) {
    turns.push(done.length)
    await nextTurn()
  }
  assert.deepEqual(
    done,
    Array.from({ length: count + 1 }, (_, i) => i),
  )
  assert.ok(turns.length > 2, `in ${turns.length} turns`)
  const before = done.length
  slices.add(() => done.push(-1))
  await nextTurn()
  assert.equal(done.length, before + 1)
})
