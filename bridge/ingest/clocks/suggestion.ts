import { FUTURE_TOLERANCE_MS } from '../../../contract/index.ts'

/**
 * Which of a device's learnt offsets (seconds ahead) explains a fix that was set aside: the one with which it was underway for the
 * shortest time, and not longer than nothing. Null when none does.
 */
export function suggestedOffset(timeMs: number, receivedMs: number, learnt: readonly number[]): number | null {
  let best: { readonly offsetSeconds: number; readonly underway: number } | null = null
  for (const offsetSeconds of learnt) {
    if (offsetSeconds === 0) continue
    const underway = receivedMs - (timeMs - offsetSeconds * 1_000)
    if (underway < -FUTURE_TOLERANCE_MS) continue
    if (best === null || underway < best.underway) best = { offsetSeconds, underway }
  }
  return best?.offsetSeconds ?? null
}
