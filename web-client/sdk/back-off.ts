const FIRST_MS = 400
/** While an outage is young somebody is likely to look at the page: seldom enough for the platform, soon enough for a person. */
const YOUNG_LIMIT_MS = 4_000
const YOUNG_FOR_MS = 120_000
const OLD_LIMIT_MS = 30_000

/**
 * How long to wait before the next try, milliseconds: doubles up to a limit, of which the upper half is drawn by lot, so that
 * thousands of clients do not return in the same instant.
 * @param attempt 0 = the first retry
 * @param outageMs since when nothing works
 * @param random 0 ≤ random < 1
 */
export function backOffMs(attempt: number, outageMs: number, random: number): number {
  const limit = outageMs < YOUNG_FOR_MS ? YOUNG_LIMIT_MS : OLD_LIMIT_MS
  const ceiling = Math.min(limit, FIRST_MS * 2 ** Math.min(attempt, 20))
  return Math.round(ceiling * (0.5 + random / 2))
}

/** A wait that may be cut short. */
export class Pause {
  #end: (() => void) | null = null

  get isOn(): boolean {
    return this.#end !== null
  }

  /** Resolves after so long, or when it is ended. */
  last(ms: number): Promise<void> {
    return new Promise(resolve => {
      const end = (): void => {
        clearTimeout(timer)
        this.#end = null
        resolve()
      }
      const timer = setTimeout(end, ms)
      this.#end = end
    })
  }

  end(): void {
    this.#end?.()
  }
}
