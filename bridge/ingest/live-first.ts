import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'

/** After a group, storing waits for a free moment, but no longer than so many times what the group took: it never stands still. */
const MOST_RESTS = 4
/** Most of what a group takes is then the turns of others. */
const MOST_REST_MS = 1_000
/** A busier event loop has no time left. */
const BUSY = 0.95
const PRESSED_AFTER_MS = 2_000
const RELIEVED_AFTER_MS = 5_000

/**
 * When the event loop has no time for all there is to do, fixes that nobody waits for are stored behind what comes in: subscribers have the
 * newest position of everybody, which is what they look at, and of each device the newest one is stored. Otherwise storing would
 * take half of the time, all positions would come late, and more so by the second.
 */
export class LiveFirst {
  #before = performance.eventLoopUtilization()
  #startedMs = 0
  #restUntilMs = 0
  #busySinceMs: number | undefined
  /** While it is pressed: until when, unless it is busy again. */
  #relief: NodeJS.Timeout | undefined
  readonly #press: (isPressed: boolean) => void

  /** @param press called when there has been no time left for seconds, and when there has been for some */
  constructor(press: (isPressed: boolean) => void) {
    this.#press = press
  }

  groupBegins(): void {
    this.#before = performance.eventLoopUtilization()
    this.#startedMs = performance.now()
  }

  groupEnded(): void {
    const nowMs = performance.now()
    this.#restUntilMs = nowMs + Math.min((nowMs - this.#startedMs) * MOST_RESTS, MOST_REST_MS)
  }

  /**
   * Resolves when there is time for the next group, or somebody waits for it; false: there is something else to do first, ask again then.
   */
  async rest(next: { isAwaited: () => boolean; isForOther: () => boolean }): Promise<boolean> {
    while (!next.isAwaited()) {
      if (performance.eventLoopUtilization(this.#before).utilization < BUSY) {
        this.#busySinceMs = undefined
        return true
      }
      if (performance.now() >= this.#restUntilMs) {
        this.#wasBusy()
        return true
      }
      if (next.isForOther()) return false
      await delay(1)
    }
    return true
  }

  close(): void {
    clearTimeout(this.#relief)
  }

  #wasBusy(): void {
    const nowMs = performance.now()
    this.#busySinceMs ??= nowMs
    if (nowMs - this.#busySinceMs < PRESSED_AFTER_MS) return
    if (this.#relief === undefined) this.#press(true)
    clearTimeout(this.#relief)
    this.#relief = setTimeout(() => {
      this.#relief = undefined
      this.#press(false)
    }, RELIEVED_AFTER_MS)
    this.#relief.unref()
  }
}
