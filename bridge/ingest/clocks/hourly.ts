const HOUR_MS = 3_600_000
/** Keys remembered at the most; beyond it the oldest may speak again sooner. */
const CAPACITY = 10_000

/** Lets each key speak once an hour. */
export class Hourly {
  readonly #spoke = new Map<string, number>()
  readonly #now: () => number

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  /** Whether it may speak now; if so, it has. */
  take(key: string): boolean {
    const now = this.#now()
    const last = this.#spoke.get(key)
    if (last !== undefined && now - last < HOUR_MS) return false
    this.#spoke.delete(key)
    this.#spoke.set(key, now)
    if (this.#spoke.size > CAPACITY) this.#spoke.delete(this.#spoke.keys().next().value!)
    return true
  }
}
