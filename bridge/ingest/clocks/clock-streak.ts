const QUARTER_MS = 15 * 60_000
/** Offsets of time zones and of their mistakes: at least half an hour, at most what lies between two zones that a person may mix up. */
const LEAST_OFFSET_SECONDS = 1_800
const LARGEST_OFFSET_SECONDS = 15 * 3_600
/** A live fix is underway for so long at the most, and a right clock is not ahead by more than this. */
const UNDERWAY_MS = 30_000
const AHEAD_MS = 5_000
/** Fixes in a row that make an offset known. Nothing but a clock puts fixes ahead; a backlog may look like a clock that lags. */
const ENOUGH_AHEAD = 5
/** So many of them not kept waiting: those that were only say how far the clock is ahead at least. */
const ENOUGH_AHEAD_LIVE = 2
const ENOUGH_RIGHT = 5
const ENOUGH_LAGGING = 10
/** A clock that lags runs as fast as ours; a backlog that is sent off does not, which shows within so long … */
const LAGGING_SPAN_MS = 5 * 60_000
/** … or by this: in ten fixes of a backlog the distance changes by more. */
const LAGGING_JITTER_MS = 1_000

/** Live fixes of one device in a row that agree about how far its clock is off. Times are milliseconds. */
export interface ClockStreak {
  /** How far the device's clock is ahead of ours; negative when it lags. A multiple of 900. */
  readonly offsetSeconds: number
  /** Fixes that agree, those of them that were not kept waiting, and all that came meanwhile. */
  readonly count: number
  readonly live: number
  readonly seen: number
  readonly firstReceived: number
  readonly lastReceived: number
  readonly lastTime: number
  readonly leastLag: number
  readonly mostLag: number
}

/** The offset that one live fix speaks for, in seconds, or null when its distance from our clock is no time zone's. */
export function offsetOf(timeMs: number, receivedMs: number): number | null {
  const lag = receivedMs - timeMs
  // What is underway counts as lag: taken from the middle of what is let through, nothing of it rounds the wrong way.
  const offsetSeconds = -Math.round((lag - (UNDERWAY_MS - AHEAD_MS) / 2) / QUARTER_MS) * (QUARTER_MS / 1_000) + 0
  const underway = lag + offsetSeconds * 1_000
  if (underway < -AHEAD_MS || underway > UNDERWAY_MS) return null
  const size = Math.abs(offsetSeconds)
  return size === 0 || (size >= LEAST_OFFSET_SECONDS && size <= LARGEST_OFFSET_SECONDS) ? offsetSeconds : null
}

export interface ClockReading {
  readonly offsetSeconds: number
  /** It was underway for seconds only. */
  readonly live: boolean
}

/** What one fix says about the clock. One that is ahead and was kept waiting is as far ahead as the next offset, or further. */
export function readClock(timeMs: number, receivedMs: number): ClockReading | null {
  const offsetSeconds = offsetOf(timeMs, receivedMs)
  if (offsetSeconds !== null) return { offsetSeconds, live: true }
  const next = Math.ceil((timeMs - receivedMs - AHEAD_MS) / QUARTER_MS) * (QUARTER_MS / 1_000)
  return next >= LEAST_OFFSET_SECONDS && next <= LARGEST_OFFSET_SECONDS ? { offsetSeconds: next, live: false } : null
}

/** The streak with one more live fix; undefined when nothing is left of it. */
export function observeFix(
  streak: ClockStreak | undefined,
  timeMs: number,
  receivedMs: number,
): ClockStreak | undefined {
  const reading = readClock(timeMs, receivedMs)
  const lag = receivedMs - timeMs
  if (streak === undefined || (reading !== null && reading.offsetSeconds !== streak.offsetSeconds)) {
    return reading === null ? undefined : begin(reading, timeMs, receivedMs)
  }
  if (reading === null) {
    // Less underway than nothing: the clock is not off by that much. More: the fix was kept waiting, which says little.
    const contradicts = lag < -streak.offsetSeconds * 1_000 - AHEAD_MS
    const seen = streak.seen + 1
    return contradicts || seen > 2 * streak.count ? undefined : { ...streak, seen }
  }
  // A repeat, or out of order: it speaks for nothing new.
  if (timeMs <= streak.lastTime) return streak
  return {
    offsetSeconds: streak.offsetSeconds,
    count: streak.count + 1,
    live: streak.live + (reading.live ? 1 : 0),
    seen: streak.seen + 1,
    firstReceived: streak.firstReceived,
    lastReceived: receivedMs,
    lastTime: timeMs,
    leastLag: Math.min(streak.leastLag, lag),
    mostLag: Math.max(streak.mostLag, lag),
  }
}

/** Whether the fixes are enough to say that the clock is off by so much (or, with offset 0, that it is right). */
export function isLearnt(streak: ClockStreak): boolean {
  const { offsetSeconds, count, live, firstReceived, lastReceived, leastLag, mostLag } = streak
  if (offsetSeconds === 0) return count >= ENOUGH_RIGHT
  if (offsetSeconds > 0) return count >= ENOUGH_AHEAD && live >= ENOUGH_AHEAD_LIVE
  const steady = lastReceived - firstReceived >= LAGGING_SPAN_MS || mostLag - leastLag <= LAGGING_JITTER_MS
  return count >= ENOUGH_LAGGING && steady
}

function begin({ offsetSeconds, live }: ClockReading, timeMs: number, receivedMs: number): ClockStreak {
  const lag = receivedMs - timeMs
  return {
    offsetSeconds,
    count: 1,
    live: live ? 1 : 0,
    seen: 1,
    firstReceived: receivedMs,
    lastReceived: receivedMs,
    lastTime: timeMs,
    leastLag: lag,
    mostLag: lag,
  }
}
