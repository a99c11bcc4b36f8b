/** Time as the broker reads it and waits for it; tests put in their own. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number
  /** A timer that does not keep the process alive. */
  setTimeout(work: () => void, afterMs: number): unknown
  clearTimeout(timer: unknown): void
}

export const SYSTEM_CLOCK: Clock = {
  now: Date.now,
  setTimeout: (work, afterMs) => setTimeout(work, afterMs).unref(),
  clearTimeout: timer => clearTimeout(timer as NodeJS.Timeout | undefined),
}
