import type { Clock } from '../../broker/index.ts'

interface Waiting {
  readonly atMs: number
  readonly work: () => void
}

/** A clock that stands still until a test moves it. */
export class FakeClock implements Clock {
  #nowMs: number
  readonly #waiting = new Set<Waiting>()

  constructor(nowMs = 1_700_000_000_000) {
    this.#nowMs = nowMs
  }

  now = (): number => this.#nowMs

  setTimeout = (work: () => void, afterMs: number): Waiting => {
    const waiting = { atMs: this.#nowMs + afterMs, work }
    this.#waiting.add(waiting)
    return waiting
  }

  clearTimeout = (timer: unknown): void => {
    this.#waiting.delete(timer as Waiting)
  }

  /** Moves on, and does what falls due on the way, each at its time. */
  advance(ms: number): void {
    const until = this.#nowMs + ms
    for (let next = this.#next(until); next !== undefined; next = this.#next(until)) {
      this.#waiting.delete(next)
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.work()
    }
    this.#nowMs = until
  }

  #next(untilMs: number): Waiting | undefined {
    let first: Waiting | undefined
    for (const waiting of this.#waiting) {
      if (waiting.atMs <= untilMs && (first === undefined || waiting.atMs < first.atMs)) first = waiting
    }
    return first
  }
}
