import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BACKOFF_FIRST_MS, BACKOFF_LIMIT_MS, backoffMs } from '../../web-client/dashboard/src/live/backoff.ts'

test('waits longer after every failure, up to a limit', () => {
  const waits = Array.from({ length: 12 }, (_, attempt) => backoffMs(attempt, 0.999_999))
  assert.equal(waits[0], BACKOFF_FIRST_MS)
  assert.deepEqual(
    waits,
    waits.toSorted((a, b) => a - b),
  )
  assert.equal(waits.at(-1), BACKOFF_LIMIT_MS)
  assert.equal(backoffMs(100_000, 0.999_999), BACKOFF_LIMIT_MS, 'also after a night')
})

test('the lot spreads the tries over the upper half', () => {
  assert.equal(backoffMs(3, 0), (BACKOFF_FIRST_MS * 8) / 2)
  assert.equal(backoffMs(3, 0.5), BACKOFF_FIRST_MS * 6)
})
