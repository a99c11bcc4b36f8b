import { TrackwireError } from '../../contract/index.ts'

const PER_MINUTE = 30
const MINUTE_MS = 60_000
const REMEMBERED = 10_000

/**
 * Counts how often an address opens links, with a right code or a wrong one, in the memory of this process. Codes cannot be
 * guessed anyway; this keeps the guessing, and the log of views, from being a load.
 */
export class Openings {
  readonly #counts = new Map<string, { sinceMs: number; count: number }>()

  /** Errors: `too_many_attempts` */
  take(address: string, nowMs: number): void {
    const known = this.#counts.get(address)
    const current = known !== undefined && nowMs - known.sinceMs < MINUTE_MS ? known : { sinceMs: nowMs, count: 0 }
    current.count += 1
    this.#counts.delete(address)
    if (this.#counts.size >= REMEMBERED) this.#counts.delete(this.#counts.keys().next().value!)
    this.#counts.set(address, current)
    if (current.count <= PER_MINUTE) return
    const retryAfterSeconds = Math.ceil((current.sinceMs + MINUTE_MS - nowMs) / 1_000)
    throw new TrackwireError(
      'too_many_attempts',
      `links are opened too often from this address; try again in ${retryAfterSeconds} s`,
      { details: { retryAfterSeconds } },
    )
  }
}
