import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  BEHIND_MS,
  CAUGHT_UP_MS,
  createFreshness,
  type Freshness,
} from '../../web-client/dashboard/src/live/freshness.ts'

const START = 50_000
const FLEET = Array.from({ length: 20 }, (_, i) => `truck-${i}`)

/** A fix a second of each device for so long, each applied so many milliseconds after its time. */
function drive(
  freshness: Freshness,
  { from, seconds, delayMs }: { from: number; seconds: number; delayMs: (device: number, second: number) => number },
): number {
  let nowMs = START + from * 1_000
  for (let second = from; second < from + seconds; second += 1) {
    nowMs = START + second * 1_000
    freshness.applied(
      FLEET.map((id, i) => [id, nowMs - delayMs(i, second)] as const),
      0,
      nowMs,
    )
  }
  return nowMs
}

const steady = (): Freshness => {
  const freshness = createFreshness()
  drive(freshness, { from: 0, seconds: 30, delayMs: () => 300 })
  return freshness
}

const HOUR = 3_600_000
const fleets: [string, (device: number, second: number) => number, (behindMs: number) => boolean][] = [
  ['a fleet on time is not behind', () => 300, ms => ms === 0],
  [
    'a fleet that falls behind by half a second a second is behind',
    (_, s) => 300 + (s - 30) * 500,
    ms => ms > BEHIND_MS,
  ],
  ['a delay that stays is behind, however long it stays', () => 8_300, ms => ms === 8_000],
  ['a jitter is not a delay', (i, s) => 300 + ((i * 7 + s * 13) % 10) * 50, ms => ms < 500],
  ['one device that uploads an old day raises no alarm', i => (i === 3 ? 24 * HOUR : 300), ms => ms === 0],
  ['nor do a third of them', i => (i % 3 === 0 ? HOUR : 300), ms => ms === 0],
  ['when most of them are late, what is drawn is late', i => (i % 3 === 0 ? 300 : 20_300), ms => ms === 20_000],
]
for (const [name, delayMs, expected] of fleets) {
  test(name, () => {
    const freshness = steady()
    const nowMs = drive(freshness, { from: 30, seconds: 20, delayMs })
    const behindMs = freshness.behindMs(nowMs)
    assert.ok(expected(behindMs), `${behindMs} ms`)
  })
}

test('clocks that are wrong by an hour, either way, are a constant and drop out', () => {
  const freshness = createFreshness()
  const nowMs = drive(freshness, { from: 0, seconds: 20, delayMs: i => (i % 2 === 0 ? HOUR : -HOUR) })
  assert.equal(freshness.behindMs(nowMs), 0)
})

test('a fleet of two may upload its backlog without an alarm: there the line alone tells', () => {
  const freshness = createFreshness()
  const apply = (delayMs: number, nowMs: number) =>
    freshness.applied([['a', nowMs - delayMs] as const, ['b', nowMs - delayMs] as const], 0, nowMs)
  apply(300, START)
  apply(HOUR, START + 1_000)
  assert.equal(freshness.behindMs(START + 1_000), 0)
  freshness.probed(6_000)
  assert.equal(freshness.behindMs(START + 1_000), 6_000)
})

test('devices that are silent say nothing', () => {
  const freshness = steady()
  const nowMs = drive(freshness, { from: 30, seconds: 5, delayMs: () => 9_300 })
  assert.equal(freshness.behindMs(nowMs), 9_000)
  assert.equal(freshness.behindMs(nowMs + 60_000), 0)
})

test('a device whose delay has become its usual one is on time again, after minutes', () => {
  const freshness = steady()
  const nowMs = drive(freshness, { from: 30, seconds: 700, delayMs: () => 12_300 })
  assert.equal(freshness.behindMs(nowMs), 0)
})

test('the wait for the view and the drawing add up, and are forgotten', () => {
  const freshness = createFreshness()
  freshness.applied([], 2_000, START)
  freshness.applied([], 10, START + 100)
  freshness.drawn(1_500, START + 200)
  assert.equal(freshness.behindMs(START + 1_000), 3_500)
  assert.equal(freshness.behindMs(START + 60_000), 0)
})

test('a new connection begins without a judgement', () => {
  const freshness = steady()
  const nowMs = drive(freshness, { from: 30, seconds: 5, delayMs: () => 9_300 })
  freshness.probed(20_000)
  freshness.reset()
  assert.equal(freshness.behindMs(nowMs), 0)
})

test('the alarm has a gap between on and off, so that it does not flicker', () => {
  assert.ok(CAUGHT_UP_MS < BEHIND_MS)
})
