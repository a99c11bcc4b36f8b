/** The time a fleet lives in. Simulated time may run faster than the clock on the wall, or start in the past. */
export interface SimClock {
  /** Simulated time, milliseconds since the Unix epoch. */
  now(): number
  /** Resolves when simulated time reaches `atMs`, at once when it has passed, or when the signal aborts. Never rejects. */
  sleepUntil(atMs: number, signal?: AbortSignal): Promise<void>
}

export interface SimClockOptions {
  /** Simulated milliseconds per real millisecond. */
  readonly speed?: number
  /** Simulated time at the start; the wall clock's time by default. */
  readonly startMs?: number
  readonly wallNow?: () => number
}

/** `setTimeout` fires at once for delays above this (2³¹ - 1 ms). */
const MAX_TIMEOUT_MS = 2_147_483_647

/** A clock that runs `speed` times as fast as the wall's, from the moment when it is first asked: what is set up before takes no simulated time. */
export function createSimClock({ speed = 1, startMs, wallNow = Date.now }: SimClockOptions = {}): SimClock {
  let wallStartMs: number | undefined
  const now = () => {
    wallStartMs ??= wallNow()
    return Math.round((startMs ?? wallStartMs) + (wallNow() - wallStartMs) * speed)
  }
  return {
    now,
    async sleepUntil(atMs, signal) {
      // A timer may fire up to a millisecond early, so look again.
      for (let leftMs = atMs - now(); leftMs > 0 && !signal?.aborted; leftMs = atMs - now()) {
        await sleep(Math.min(MAX_TIMEOUT_MS, Math.max(1, leftMs / speed)), signal)
      }
    },
  }
}

/** Real milliseconds. Ends early, without an error, when the signal aborts; the timer and the listener go with it. */
export function sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal?.aborted) return resolve()
    const end = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, delayMs)
    signal?.addEventListener('abort', end, { once: true })
  })
}
