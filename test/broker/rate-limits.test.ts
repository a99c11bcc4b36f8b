import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Offences } from '../../broker/limits/offences.ts'
import { createRateLimits, type RateClass, type Rates, ratesOf } from '../../broker/limits/rate-limits.ts'
import { bucketOwner, DEFAULT_LIMITS, NO_LIMITS } from '../../contract/index.ts'

const NONE: Rates = { message: null, location: null, chat: null, general: null, http: null, public: null }
const ANNA = { org: 'demo', sub: 'anna' }
const BEN = { org: 'demo', sub: 'ben' }

test('the defaults are those of the contract', () => {
  const { message, location, chat, general } = ratesOf(DEFAULT_LIMITS)
  assert.deepEqual(message, { capacity: 100, windowMs: 1_000 })
  assert.deepEqual(location, { capacity: 1_000, windowMs: 60_000 })
  assert.deepEqual(chat, { capacity: 50, windowMs: 60_000 })
  assert.deepEqual(general, { capacity: 100, windowMs: 60_000 })
})

test('a bucket holds its capacity, is filled evenly, and says how long to wait', () => {
  let now = 0
  const limits = createRateLimits({ ...NONE, http: { capacity: 4, windowMs: 1_000 } }, () => now)
  const take = () => limits.take(ANNA, 'http')
  assert.deepEqual([take(), take(), take(), take(), take()], [0, 0, 0, 0, 250])
  assert.deepEqual(limits.state(ANNA, 'http'), { capacity: 4, windowMs: 1_000, remaining: 0, resetMs: 1_000 })
  now = 249
  assert.equal(take(), 1)
  now = 250
  assert.equal(take(), 0)
  assert.equal(take(), 250)
  now = 10_000
  assert.equal(limits.state(ANNA, 'http')?.remaining, 4)
})

test('all classes of messages draw from one bucket too; when one of the two is empty, nothing is taken from the other', () => {
  let now = 0
  const rates = { ...NONE, message: { capacity: 3, windowMs: 1_000 }, location: { capacity: 2, windowMs: 60_000 } }
  const limits = createRateLimits(rates, () => now)
  assert.deepEqual([limits.take(ANNA, 'location'), limits.take(ANNA, 'location')], [0, 0])
  assert.equal(limits.take(ANNA, 'location'), 30_000)
  assert.equal(limits.state(ANNA, 'message')?.remaining, 1)
  assert.equal(limits.take(ANNA, 'chat'), 0)
  assert.ok(limits.take(ANNA, 'general') > 0)
  now = 30_000
  assert.equal(limits.take(ANNA, 'location'), 0)
})

test('without limits everything is granted and nothing is remembered', () => {
  const limits = createRateLimits(ratesOf(NO_LIMITS))
  for (let i = 0; i < 10_000; i += 1) assert.equal(limits.take(ANNA, 'location'), 0)
  assert.equal(limits.owners, 0)
  assert.equal(limits.state(ANNA, 'location'), null)
})

test('in no window is more granted than the capacity and what was filled in meanwhile; after waiting as told it is granted', () => {
  const step = fc.record({ afterMs: fc.integer({ min: 0, max: 500 }), count: fc.integer({ min: 1, max: 3 }) })
  fc.assert(
    fc.property(
      fc.integer({ min: 3, max: 50 }),
      fc.integer({ min: 100, max: 5_000 }),
      fc.array(step, { maxLength: 100 }),
      (capacity, windowMs, steps) => {
        let now = 0
        const limits = createRateLimits({ ...NONE, http: { capacity, windowMs } }, () => now)
        const granted: { at: number; count: number }[] = []
        for (const { afterMs, count } of steps) {
          now += afterMs
          const waitMs = limits.take(ANNA, 'http', count)
          if (waitMs === 0) granted.push({ at: now, count })
          else {
            const before = now
            now += waitMs
            assert.equal(limits.take(ANNA, 'http', count), 0, `told to wait ${waitMs} at ${before}`)
            granted.push({ at: now, count })
          }
        }
        for (const [i, { at: from }] of granted.entries()) {
          let sum = 0
          for (const { at, count } of granted.slice(i)) {
            sum += count
            assert.ok(sum <= capacity + ((at - from) * capacity) / windowMs + 1e-3, `${sum} from ${from} to ${at}`)
          }
        }
      },
    ),
  )
})

test('the flood of one takes nothing from another', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ afterMs: fc.integer({ min: 0, max: 40 }), flood: fc.integer({ min: 0, max: 50 }) }), {
        maxLength: 200,
      }),
      steps => {
        let now = 0
        const alone = createRateLimits(ratesOf(DEFAULT_LIMITS), () => now)
        const beside = createRateLimits(ratesOf(DEFAULT_LIMITS), () => now)
        for (const { afterMs, flood } of steps) {
          now += afterMs
          for (let i = 0; i < flood; i += 1) beside.take(BEN, 'location')
          assert.equal(beside.take(ANNA, 'location'), alone.take(ANNA, 'location'))
        }
      },
    ),
  )
})

test('owners with full buckets are forgotten; never are more remembered than the bound', () => {
  let now = 0
  const classes: RateClass[] = ['location', 'general', 'http']
  const limits = createRateLimits(ratesOf(DEFAULT_LIMITS), () => now, 5_000)
  for (let i = 0; i < 50_000; i += 1) {
    now += 1
    limits.take({ org: 'demo', sub: `d-${i}` }, classes[i % 3]!)
    assert.ok(limits.owners <= 5_000)
  }
  now += 600_000
  for (let i = 0; i < 5_000; i += 1) limits.take({ org: 'demo', sub: `e-${i}` }, 'location')
  assert.ok(limits.owners <= 5_000)
})

test('who is forgotten for lack of room loses a used bucket, not its right to send', () => {
  const limits = createRateLimits(ratesOf(DEFAULT_LIMITS), () => 0, 2_000)
  for (let i = 0; i < 10_000; i += 1) assert.equal(limits.take({ org: 'demo', sub: `d-${i}` }, 'location'), 0)
})

test('a gateway counts by device, everybody else by themselves', () => {
  const gateway = { org: 'demo', sub: 'gw', role: 'service' } as const
  assert.deepEqual(bucketOwner(gateway, 'truck-7'), { org: 'demo', sub: 'gw/truck-7' })
  assert.equal(bucketOwner(gateway, undefined).sub, 'gw')
  assert.equal(bucketOwner({ org: 'demo', sub: 'anna', role: 'driver' }, 'truck-7').sub, 'anna')
})

const KEEPS_ON: readonly [
  name: string,
  run: (offences: Offences, wait: (ms: number) => void) => boolean,
  ends: boolean,
][] = [
  ['a burst that is dropped', offences => repeat(1_000, () => offences.dropped('a')), false],
  ['ten seconds’ worth dropped at once', offences => repeat(1_001, () => offences.dropped('a')), true],
  [
    'a little too much for half a minute',
    (offences, wait) => repeat(31, () => offences.dropped('a') || void wait(1_000)),
    true,
  ],
  [
    'a little too much now and then',
    (offences, wait) => repeat(300, () => offences.dropped('a') || void wait(6_000)),
    false,
  ],
  [
    'what piled up offline, sent at once, and live fixes behind it',
    (offences, wait) =>
      repeat(5_000, i => offences.held('a', i + 1)) ||
      repeat(120, i => offences.held('a', 5_000 - 16 * i) || void wait(1_000)),
    false,
  ],
  [
    'twice the limit with QoS 1 for half a minute',
    (offences, wait) => repeat(8_000, i => offences.held('a', Math.ceil(i / 2)) || void wait(i % 2 ? 10 : 0)),
    true,
  ],
  [
    'a window of twenty unacknowledged messages, for an hour',
    (offences, wait) => repeat(36_000, () => offences.held('a', 20) || void wait(100)),
    false,
  ],
]

for (const [name, run, ends] of KEEPS_ON) {
  test(`${name} ${ends ? 'ends' : 'does not end'} the connection`, () => {
    let now = 0
    const offences = new Offences(100, () => now)
    assert.equal(
      run(offences, ms => {
        now += ms
      }),
      ends,
    )
  })
}

/** Whether any of the calls says yes. */
function repeat(count: number, call: (i: number) => boolean | undefined): boolean {
  for (let i = 0; i < count; i += 1) if (call(i) === true) return true
  return false
}
