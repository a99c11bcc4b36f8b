import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ClockStreak, isLearnt, observeFix, offsetOf } from '../../../../bridge/ingest/clocks/clock-streak.ts'
import { suggestedOffset } from '../../../../bridge/ingest/clocks/suggestion.ts'
import { readTraceTimes } from '../../../support/traces.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const NOW = Date.UTC(2026, 10, 20, 12)

/** A repeatable sequence of numbers in [0, 1). */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** What is learnt of fixes `[time, received]`: every offset, in order, once. */
function learn(fixes: Iterable<readonly [number, number]>): number[] {
  let streak: ClockStreak | undefined
  const learnt: number[] = []
  for (const [time, received] of fixes) {
    streak = observeFix(streak, time, received)
    if (streak !== undefined && isLearnt(streak) && learnt.at(-1) !== streak.offsetSeconds)
      learnt.push(streak.offsetSeconds)
  }
  return learnt
}

/** Live fixes of a clock that is `offsetMs` ahead, underway for up to `jitterMs`. */
function* live(
  count: number,
  { offsetMs, everyMs = 10_000, jitterMs = 3_000 }: { offsetMs: number; everyMs?: number; jitterMs?: number },
) {
  const jitter = random(7)
  for (let i = 0; i < count; i++) yield [NOW + i * everyMs + offsetMs, NOW + i * everyMs + jitter() * jitterMs] as const
}

const OFFSETS: readonly [offsetMs: number, seconds: number | null][] = [
  [8 * HOUR, 28_800],
  [-8 * HOUR, -28_800],
  [5.75 * HOUR, 20_700],
  [14 * HOUR, 50_400],
  [30 * MINUTE, 1_800],
  [-30 * MINUTE, -1_800],
  [15 * MINUTE, null],
  [17 * MINUTE, null],
  [8 * HOUR + 3 * MINUTE, null],
  [24 * HOUR, null],
  [0, 0],
]
for (const [offsetMs, seconds] of OFFSETS) {
  test(`a clock ${offsetMs / MINUTE} minutes ahead speaks for ${seconds ?? 'nothing'}`, () => {
    for (const underway of [0, 900, 10_000, 29_000]) assert.equal(offsetOf(NOW + offsetMs, NOW + underway), seconds)
    assert.deepEqual(learn(live(100, { offsetMs })), seconds === null ? [] : [seconds])
  })
}

test('five fixes ahead are enough, and a repeat of one is not another', () => {
  assert.deepEqual(learn(live(4, { offsetMs: 8 * HOUR })), [])
  assert.deepEqual(learn(live(5, { offsetMs: 8 * HOUR })), [28_800])
  const [first] = live(1, { offsetMs: 8 * HOUR })
  assert.deepEqual(learn(Array.from({ length: 50 }, () => first!)), [])
})

test('fixes ahead that were kept waiting count once two were not', () => {
  const flushed = (intervalMs: number) =>
    Array.from({ length: 40 }, (_, i) => [NOW - (40 - i) * intervalMs + 8 * HOUR, NOW + i * 5] as const)
  assert.deepEqual(learn(flushed(10_000)), [28_800])
  assert.deepEqual(learn(flushed(10_000).slice(0, -5)), [])
})

test('a clock that lags takes ten steady fixes, or five minutes', () => {
  assert.deepEqual(learn(live(10, { offsetMs: -3 * HOUR, everyMs: 1_000, jitterMs: 500 })), [-10_800])
  assert.deepEqual(learn(live(20, { offsetMs: -3 * HOUR, everyMs: 10_000, jitterMs: 8_000 })), [])
  assert.deepEqual(learn(live(40, { offsetMs: -3 * HOUR, everyMs: 10_000, jitterMs: 8_000 })), [-10_800])
})

test('a right clock is never learnt as wrong: no real trace, live, late, jittering or sent off as a backlog', {
  skip: skip(),
}, () => {
  for (const [device, times] of readTraceTimes(process.env.TRACKWIRE_TEST_DATA!)) {
    const chance = random(times.length)
    const jittering = (most: number) => times.map(time => [time, time + chance() * most] as const)
    const inArrivalOrder = (fixes: (readonly [number, number])[]) => fixes.sort((a, b) => a[1] - b[1])
    const flushed = (sentAt: number, everyMs: number) => times.map((time, i) => [time, sentAt + i * everyMs] as const)
    const end = times.at(-1)!
    const uploads: Record<string, (readonly [number, number])[]> = {
      live: times.map(time => [time, time + 900] as const),
      'up to 30 s underway': jittering(30_000),
      'up to 20 min underway': inArrivalOrder(jittering(20 * MINUTE)),
      'up to 3 h underway': inArrivalOrder(jittering(3 * HOUR)),
      'a backlog, fast': flushed(end + 900, 10),
      'a backlog, slowly': flushed(end + 900, 1_000),
      'a backlog, two hours later': flushed(end + 2 * HOUR, 50),
      'a backlog, backwards': flushed(end + 900, 10)
        .reverse()
        .map(([time], i) => [time, end + i * 10] as const),
      'years later': flushed(NOW, 20),
    }
    for (const [how, fixes] of Object.entries(uploads)) {
      assert.deepEqual(
        learn(fixes).filter(offset => offset !== 0),
        [],
        `${device}: ${how}`,
      )
    }
  }
})

function skip() {
  return process.env.TRACKWIRE_TEST_DATA === undefined && 'TRACKWIRE_TEST_DATA does not say where the real traces are'
}

test('a backlog sent off in ten-minute stretches between live fixes is no wrong clock', () => {
  const fixes = Array.from({ length: 400 }, (_, i) => {
    const now = NOW + i * 5_000
    return i % 2 === 0 ? ([now, now + 900] as const) : ([now - 2 * HOUR, now + 900] as const)
  })
  assert.deepEqual(
    learn(fixes).filter(offset => offset !== 0),
    [],
  )
})

test('a suggestion is the learnt offset that leaves a fix underway for the shortest time', () => {
  assert.equal(suggestedOffset(NOW + 8 * HOUR, NOW + 900, [28_800]), 28_800)
  assert.equal(suggestedOffset(NOW + 8 * HOUR, NOW + 900, [28_800, 32_400]), 28_800)
  assert.equal(suggestedOffset(NOW + 9 * HOUR, NOW + 900, [28_800, 32_400]), 32_400)
  assert.equal(suggestedOffset(NOW + 6 * HOUR, NOW, [28_800]), 28_800, 'buffered for two hours')
  assert.equal(suggestedOffset(NOW + 9 * HOUR, NOW, [28_800]), null, 'it would still be ahead')
  assert.equal(suggestedOffset(NOW + 8 * HOUR, NOW, [0]), null)
  assert.equal(suggestedOffset(NOW + 8 * HOUR, NOW, []), null)
})
