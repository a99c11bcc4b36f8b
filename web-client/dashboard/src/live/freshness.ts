/** How far what is drawn is behind what happens. */
export interface Freshness {
  /**
   * Fixes were applied that came live, not retained.
   * @param nowMs a clock that does not jump (`performance.now()`); where it begins does not matter
   * @param heldMs how long the oldest of them had waited since it came from the network
   */
  applied(fixes: Iterable<readonly [deviceId: string, timestamp: number]>, heldMs: number, nowMs: number): void
  /** How long the platform's answer to a ping took, or is outstanding: it comes behind all that is on its way. */
  probed(roundTripMs: number): void
  /** What was applied is drawn, so long after. */
  drawn(delayMs: number, nowMs: number): void
  /** Connected anew: what was measured before says nothing. */
  reset(): void
  /** Milliseconds; 0 when nothing tells of a delay. */
  behindMs(nowMs: number): number
}

/** The map turns grey above, and is trusted again below the second. */
export const BEHIND_MS = 5_000
export const CAUGHT_UP_MS = 3_000
/** What was measured counts for so long. */
const RECENT_MS = 5_000
/** A device's usual delay is the smallest of the last one to two of these. */
const USUAL_MS = 5 * 60_000
/** Fewer devices than this may all upload a backlog at once: then their fixes tell nothing of the line. */
const QUORUM = 3

interface Pace {
  /** Delays are on an arbitrary zero: the clocks of device and page need not agree, only their differences count. */
  delayMs: number
  heardAtMs: number
  smallestMs: number
  smallestBeforeMs: number
  periodFromMs: number
}

/**
 * Takes the worst of four measures:
 * the line (a ping's answer queues behind the data), the wait between network and view, the drawing, and the fixes
 * themselves. Of the fixes it is the median, over the devices heard of late, of the delay beyond what the device's
 * own fixes have at their best: a wrong clock is a constant and drops out, and a device that uploads a backlog is
 * one among many. When the platform or the line falls behind, all devices show it.
 */
export function createFreshness(): Freshness {
  const paces = new Map<string, Pace>()
  let roundTripMs = 0
  let held = { ms: 0, atMs: Number.NEGATIVE_INFINITY }
  let drawing = held

  /** The largest of late. */
  const peak = (before: typeof held, ms: number, nowMs: number): typeof held =>
    ms >= before.ms || nowMs - before.atMs > RECENT_MS ? { ms, atMs: nowMs } : before
  const recent = ({ ms, atMs }: typeof held, nowMs: number): number => (nowMs - atMs > RECENT_MS ? 0 : ms)

  return {
    applied(fixes, heldMs, nowMs) {
      held = peak(held, heldMs, nowMs)
      for (const [deviceId, timestamp] of fixes) {
        const delayMs = nowMs - timestamp
        const pace = paces.get(deviceId)
        if (pace === undefined) {
          const smallestBeforeMs = Number.POSITIVE_INFINITY
          paces.set(deviceId, { delayMs, heardAtMs: nowMs, smallestMs: delayMs, smallestBeforeMs, periodFromMs: nowMs })
          continue
        }
        if (nowMs - pace.periodFromMs > USUAL_MS) {
          pace.smallestBeforeMs = pace.smallestMs
          pace.smallestMs = delayMs
          pace.periodFromMs = nowMs
        }
        pace.delayMs = delayMs
        pace.heardAtMs = nowMs
        pace.smallestMs = Math.min(pace.smallestMs, delayMs)
      }
    },
    probed(ms) {
      roundTripMs = ms
    },
    drawn(delayMs, nowMs) {
      drawing = peak(drawing, delayMs, nowMs)
    },
    reset() {
      paces.clear()
      roundTripMs = 0
      held = { ms: 0, atMs: Number.NEGATIVE_INFINITY }
      drawing = held
    },
    behindMs(nowMs) {
      const excesses: number[] = []
      for (const { delayMs, heardAtMs, smallestMs, smallestBeforeMs } of paces.values()) {
        if (nowMs - heardAtMs <= RECENT_MS) excesses.push(delayMs - Math.min(smallestMs, smallestBeforeMs))
      }
      const ofFixes = excesses.length < QUORUM ? 0 : excesses.sort((a, b) => a - b)[excesses.length >> 1]!
      return Math.max(roundTripMs, recent(held, nowMs) + recent(drawing, nowMs), ofFixes)
    },
  }
}
