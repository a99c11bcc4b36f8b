import { TrackwireError } from '../../contract/index.ts'

const PER_MINUTE = 30
const MINUTE_MS = 60_000
const REMEMBERED = 10_000

/**
 * Counts the wrong codes of each address and the openings of each link, in the memory of this process. Codes cannot be guessed
 * anyway; this keeps the guessing, and the log of views, from being a load.
 */
export class Openings {
  readonly #counts = new Map<string, { sinceMs: number; count: number }>()

  /** @param key an address, or the id of a link. Errors: `too_many_attempts` */
  check(key: string, nowMs: number): void {
    const { sinceMs, count } = this.#of(key, nowMs)
    if (count < PER_MINUTE) return
    const retryAfterSeconds = Math.ceil((sinceMs + MINUTE_MS - nowMs) / 1_000)
    throw new TrackwireError('too_many_attempts', `this is opened too often; try again in ${retryAfterSeconds} s`, {
      details: { retryAfterSeconds },
    })
  }

  count(key: string, nowMs: number): void {
    const { sinceMs, count } = this.#of(key, nowMs)
    this.#counts.delete(key)
    if (this.#counts.size >= REMEMBERED) this.#counts.delete(this.#counts.keys().next().value!)
    this.#counts.set(key, { sinceMs, count: count + 1 })
  }

  #of(key: string, nowMs: number): { sinceMs: number; count: number } {
    const known = this.#counts.get(key)
    return known !== undefined && nowMs - known.sinceMs < MINUTE_MS ? known : { sinceMs: nowMs, count: 0 }
  }
}
