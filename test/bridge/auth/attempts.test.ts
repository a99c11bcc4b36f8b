import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Attempts, createAttempts } from '../../../bridge/auth/attempts.ts'

const START_MS = Date.UTC(2026, 0, 1)
const at = (index: number): string => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`

/** How many of so many attempts were let through, and the longest wait. */
function attack(attempts: Attempts, count: number, one: (index: number) => { username: string; address: string }) {
  let passed = 0
  let longestMs = 0
  for (let index = 0; index < count; index += 1) {
    const waitMs = attempts.begin(one(index), START_MS)
    if (waitMs === 0) passed += 1
    longestMs = Math.max(longestMs, waitMs)
  }
  return { passed, longestMs }
}

test('a botnet on one account is slowed', () => {
  const { passed, longestMs } = attack(createAttempts(), 1_000, index => ({ username: 'admin', address: at(index) }))
  assert.equal(passed, 20)
  assert.ok(longestMs <= 15_000)
})

test('one address over many accounts is slowed', () => {
  const one = (index: number) => ({ username: `user-${index}`, address: '192.0.2.1' })
  assert.equal(attack(createAttempts(), 1_000, one).passed, 50)
})

test('the addresses of one IPv6 network are one, those of another are others', () => {
  const attempts = createAttempts()
  const one = (index: number) => ({ username: `user-${index}`, address: `2001:db8::${(index + 1).toString(16)}` })
  assert.equal(attack(attempts, 1_000, one).passed, 50)
  assert.ok(attempts.begin({ username: 'x', address: '2001:db8:0:0:9:9:9:9' }, START_MS) > 0)
  assert.equal(attempts.begin({ username: 'x', address: '2001:db8:0:1::1' }, START_MS), 0)
  const mapped = createAttempts()
  attack(mapped, 50, index => ({ username: `user-${index}`, address: '::ffff:192.0.2.7' }))
  assert.ok(
    mapped.begin({ username: 'y', address: '192.0.2.7' }, START_MS) > 0,
    'an IPv4 address in IPv6 is that address',
  )
})

test('strangers do not keep out a person who comes from where she always does', () => {
  const attempts = createAttempts()
  const home = { username: 'admin', address: '198.51.100.7' }
  assert.equal(attempts.begin(home, START_MS), 0)
  attempts.succeed(home, START_MS)
  attack(attempts, 1_000, index => ({ username: 'admin', address: at(index) }))
  attack(attempts, 1_000, index => ({ username: `user-${index}`, address: home.address }))
  assert.equal(attempts.begin(home, START_MS), 0)
  attempts.succeed(home, START_MS)
  const elsewhere = attempts.begin({ username: 'admin', address: '203.0.113.9' }, START_MS)
  assert.ok(elsewhere > 0 && elsewhere <= 15_000, 'from somewhere new she waits, and is told how long')
})

test('at home too, wrong passwords double the wait, up to a minute', () => {
  const attempts = createAttempts()
  const home = { username: 'admin', address: '198.51.100.7' }
  attempts.succeed(home, START_MS)
  let nowMs = START_MS
  const waits: number[] = []
  for (let index = 0; index < 14; index += 1) {
    assert.equal(attempts.begin(home, nowMs), 0)
    const waitMs = attempts.begin(home, nowMs)
    if (waitMs > 0) waits.push(waitMs)
    nowMs += waitMs
  }
  assert.deepEqual(waits.slice(0, 4), [1_000, 2_000, 4_000, 8_000])
  assert.equal(Math.max(...waits), 60_000)
})

test('what was slowed recovers by itself', () => {
  const attempts = createAttempts()
  attack(attempts, 100, index => ({ username: 'admin', address: at(index) }))
  const fresh = { username: 'admin', address: '203.0.113.9' }
  const waitMs = attempts.begin(fresh, START_MS)
  assert.ok(waitMs > 0)
  assert.equal(attempts.begin(fresh, START_MS + waitMs), 0)
})

test('right passwords count for nothing: an office behind one address logs in all day', () => {
  const attempts = createAttempts()
  for (let index = 0; index < 500; index += 1) {
    const person = { username: `user-${index}`, address: '192.0.2.1' }
    assert.equal(attempts.begin(person, START_MS), 0)
    attempts.succeed(person, START_MS)
  }
})

test('memory stays bounded under a flood of names and addresses, and the account under attack stays slowed', () => {
  const attempts = createAttempts()
  attack(attempts, 100, index => ({ username: 'admin', address: at(index) }))
  const before = process.memoryUsage().heapUsed
  for (let index = 0; index < 200_000; index += 1) {
    attempts.begin({ username: `user-${index}`, address: at(index) }, START_MS)
    if (index % 5_000 === 0) assert.ok(attempts.begin({ username: 'admin', address: at(index) }, START_MS) > 0)
  }
  assert.ok(process.memoryUsage().heapUsed - before < 64 * 1_024 * 1_024)
})
