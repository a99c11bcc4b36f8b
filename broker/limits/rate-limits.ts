import type { BucketOwner, LimitSettings, MessageClass } from '../../contract/index.ts'

/** `message` counts all messages of a principal together; `public` is counted by address, all others by principal. */
export type RateClass = MessageClass | 'message' | 'http' | 'public'
export type Rates = Readonly<Record<RateClass, Rate | null>>

/** A bucket that holds so many tokens and is filled again, evenly, within the window. */
export interface Rate {
  readonly capacity: number
  readonly windowMs: number
}

/** How one bucket stands, for the headers of an HTTP answer. */
export interface BucketState extends Rate {
  readonly remaining: number
  /** Until it is full again. */
  readonly resetMs: number
}

/**
 * Token buckets: one per owner and class. The buckets of one process live in its memory; those that many nodes share can take
 * their place behind these methods.
 */
export interface RateLimits {
  /** Takes tokens when all are there. @returns 0 = granted, else the milliseconds until they are (nothing was taken) */
  take(owner: BucketOwner, rateClass: RateClass, count?: number): number
  /** Null where the class has no limit. */
  state(owner: BucketOwner, rateClass: RateClass): BucketState | null
  /** Owners that are remembered right now. */
  readonly owners: number
}

const CLASSES: readonly RateClass[] = ['message', 'location', 'chat', 'general', 'http', 'public']
const MESSAGE = CLASSES.indexOf('message')
const INDEX = Object.fromEntries(CLASSES.map((name, i) => [name, i])) as Record<RateClass, number>
/** Times at which buckets are full again, by class; the last is when all are. Fractions, so that the engine keeps plain doubles. */
const ALL_FULL: readonly number[] = Array.from({ length: CLASSES.length + 1 }, () => -0.5)
const ALL = CLASSES.length
/** Every message draws from `message` too: both grant, or none is taken from. */
const ALSO_MESSAGE = new Set<RateClass>(['location', 'chat', 'general'])

/** Beyond it the owner remembered longest is forgotten: its buckets are full again. About 60 MB. */
const MOST_OWNERS = 200_000
const FIRST_SWEEP = 1_024

export function ratesOf(settings: LimitSettings): Rates {
  const rate = (capacity: number | null, windowMs: number) => (capacity === null ? null : { capacity, windowMs })
  return {
    message: rate(settings.messagesPerSecond, 1_000),
    location: rate(settings.locationPerMinute, 60_000),
    chat: rate(settings.chatPerMinute, 60_000),
    general: rate(settings.generalPerMinute, 60_000),
    http: rate(settings.httpPerMinute, 60_000),
    public: rate(settings.publicPerMinute.most, 60_000),
  }
}

/**
 * @param now milliseconds of a clock that never goes back: after a correction of the time of day, a bucket would seem empty for
 *   as long as the correction was
 */
export function createRateLimits(
  rates: Rates,
  now: () => number = () => performance.now(),
  mostOwners = MOST_OWNERS,
): RateLimits {
  return new MemoryRateLimits(rates, now, mostOwners)
}

class MemoryRateLimits implements RateLimits {
  readonly #rates: readonly (Rate | null)[]
  readonly #now: () => number
  readonly #mostOwners: number
  /**
   * By owner, for each class: the time at which its bucket is full again. It is all there is to know of a bucket (the
   * "theoretical arrival time" of the generic cell rate algorithm), and filling it up costs nothing.
   */
  readonly #fullAt = new Map<string, number[]>()
  #sweepAt = FIRST_SWEEP

  constructor(rates: Rates, now: () => number, mostOwners: number) {
    this.#rates = CLASSES.map(name => rates[name])
    this.#now = now
    this.#mostOwners = mostOwners
  }

  take(owner: BucketOwner, rateClass: RateClass, count = 1): number {
    const own = INDEX[rateClass]
    const also = ALSO_MESSAGE.has(rateClass) ? MESSAGE : own
    if (this.#rates[own] === null && this.#rates[also] === null) return 0
    const nowMs = this.#now()
    const buckets = this.#bucketsOf(owner, nowMs)
    const waitMs = Math.max(
      this.#wait(buckets, own, count, nowMs),
      also === own ? 0 : this.#wait(buckets, also, count, nowMs),
    )
    if (waitMs > 0) return waitMs
    this.#draw(buckets, own, count, nowMs)
    if (also !== own) this.#draw(buckets, also, count, nowMs)
    return 0
  }

  state(owner: BucketOwner, rateClass: RateClass): BucketState | null {
    const rate = this.#rates[INDEX[rateClass]]
    if (rate === null || rate === undefined) return null
    const fullAt = this.#fullAt.get(keyOf(owner))?.[INDEX[rateClass]] ?? 0
    const resetMs = Math.max(fullAt - this.#now(), 0)
    const remaining = Math.max(Math.floor(rate.capacity * (1 - resetMs / rate.windowMs) + EPSILON), 0)
    return { ...rate, remaining, resetMs }
  }

  get owners(): number {
    return this.#fullAt.size
  }

  #wait(buckets: number[], index: number, count: number, nowMs: number): number {
    const rate = this.#rates[index]
    if (rate === null || rate === undefined) return 0
    const fillMs = (Math.min(count, rate.capacity) * rate.windowMs) / rate.capacity
    const waitMs = Math.max(buckets[index]!, nowMs) + fillMs - nowMs - rate.windowMs
    // Sums of fractions: what is missing less than a thousandth of a millisecond is there.
    return waitMs > EPSILON ? waitMs : 0
  }

  #draw(buckets: number[], index: number, count: number, nowMs: number): void {
    const rate = this.#rates[index]
    if (rate === null || rate === undefined) return
    const fillMs = (Math.min(count, rate.capacity) * rate.windowMs) / rate.capacity
    const fullAt = Math.max(buckets[index]!, nowMs) + fillMs
    buckets[index] = fullAt
    if (fullAt > buckets[ALL]!) buckets[ALL] = fullAt
  }

  #bucketsOf(owner: BucketOwner, nowMs: number): number[] {
    const key = keyOf(owner)
    let buckets = this.#fullAt.get(key)
    if (buckets === undefined) {
      if (this.#fullAt.size >= this.#sweepAt) this.#sweep(nowMs)
      buckets = ALL_FULL.slice()
      this.#fullAt.set(key, buckets)
    }
    return buckets
  }

  /** Forgets owners whose buckets are all full: a new one is full too. Twice as many as are left may come before the next time. */
  #sweep(nowMs: number): void {
    for (const [key, buckets] of this.#fullAt) if (buckets[ALL]! <= nowMs) this.#fullAt.delete(key)
    for (const key of this.#fullAt.keys()) {
      if (this.#fullAt.size < this.#mostOwners) break
      this.#fullAt.delete(key)
    }
    this.#sweepAt = Math.min(Math.max(FIRST_SWEEP, 2 * this.#fullAt.size), this.#mostOwners)
  }
}

const EPSILON = 1e-3

function keyOf({ org, sub }: BucketOwner): string {
  return `${org}/${sub}`
}
