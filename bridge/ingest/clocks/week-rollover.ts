import { FUTURE_TOLERANCE_MS } from '../../../contract/index.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** GPS counts weeks modulo 1,024: a receiver that loses count is off by a multiple of this, to the millisecond. */
export const ROLLOVER_MS = 1_024 * 7 * DAY_MS
/** Twice is what a receiver of the nineties can be off by. */
const CYCLES = [1, 2]
/** A time so far from everything else that is known of a device needs an explanation. */
const ALIEN_MS = 100 * 7 * DAY_MS
/** Where the moved time could as well be history, it has to meet the device's own time or the receive clock this closely. */
const NEAR_MS = DAY_MS
/** Where the unmoved time cannot be true anyway. */
const WIDE_MS = 35 * DAY_MS
/** For a device nothing is known of yet. */
const STRANGER_MS = 10 * 60_000
/** No tracker of today has recorded anything before: what says so lost its week count. */
const BEFORE_TRACKERS_MS = Date.UTC(2000, 0, 1)

export interface RolloverContext {
  /** The receiver's clock when the fix arrived. */
  readonly arrivedMs: number
  /** Time of the device's newest fix; null when it never sent one. */
  readonly newestMs: number | null
  /** By how much that fix was moved when its week count was repaired; null when it was not. */
  readonly newestMovedBy: number | null
  /** It came in a message of its own: what is not a batch is most often live. */
  readonly alone: boolean
}

/** Every time a lost week count could stand for. */
export function rolloverCandidates(timeMs: number): number[] {
  return CYCLES.flatMap(cycles => [timeMs + cycles * ROLLOVER_MS, timeMs - cycles * ROLLOVER_MS])
}

/** Whether a time could be that of a week count that was lost, before anything is known of the device. Cheap. */
export function maybeRollover(timeMs: number, arrivedMs: number): boolean {
  return timeMs <= arrivedMs + FUTURE_TOLERANCE_MS - ROLLOVER_MS || timeMs > arrivedMs + ALIEN_MS
}

/**
 * The true time of a fix whose receiver lost its week count, or null when it is better taken as it is: only a time that is alien to
 * the device and meets its own time or the receive clock once it is moved by whole cycles is repaired. Old history stays old.
 */
export function rolloverRepair(timeMs: number, context: RolloverContext): number | null {
  const { arrivedMs, newestMs } = context
  if (timeMs > arrivedMs + ALIEN_MS) {
    return firstWithin(timeMs, -1, context, { ofNewest: WIDE_MS, ofArrival: WIDE_MS })
  }
  if (timeMs > arrivedMs + FUTURE_TOLERANCE_MS - ROLLOVER_MS) return null
  if (newestMs !== null && Math.abs(timeMs - newestMs) < ALIEN_MS) return null
  if (goesOn(timeMs, context)) return timeMs + context.newestMovedBy!
  if (timeMs < BEFORE_TRACKERS_MS) return firstWithin(timeMs, 1, context, { ofNewest: WIDE_MS, ofArrival: WIDE_MS })
  if (newestMs !== null) return firstWithin(timeMs, 1, context, { ofNewest: NEAR_MS, ofArrival: NEAR_MS })
  return context.alone ? firstWithin(timeMs, 1, context, { ofNewest: 0, ofArrival: STRANGER_MS }) : null
}

/**
 * Whether a fix of the same upload says that the upload is history: moved by the same cycles it would lie ahead of the clock, or
 * well before what the device has sent already.
 */
export function contradictsRollover(
  timeMs: number,
  shiftMs: number,
  { arrivedMs, newestMs }: RolloverContext,
): boolean {
  const moved = timeMs + shiftMs
  return moved > arrivedMs + FUTURE_TOLERANCE_MS || (newestMs !== null && moved < newestMs - NEAR_MS)
}

/** The receiver had lost its week count when it was last heard, and may have been silent since. */
function goesOn(timeMs: number, { arrivedMs, newestMs, newestMovedBy }: RolloverContext): boolean {
  if (newestMs === null || newestMovedBy === null) return false
  const moved = timeMs + newestMovedBy
  return moved <= arrivedMs + FUTURE_TOLERANCE_MS && Math.abs(moved - newestMs) <= WIDE_MS
}

/** The device's own time goes before the receive clock. */
function firstWithin(
  timeMs: number,
  direction: 1 | -1,
  { arrivedMs, newestMs }: RolloverContext,
  limits: { ofNewest: number; ofArrival: number },
): number | null {
  const candidates = CYCLES.map(cycles => timeMs + direction * cycles * ROLLOVER_MS).filter(
    moved => moved <= arrivedMs + FUTURE_TOLERANCE_MS,
  )
  const ofNewest = candidates.find(moved => newestMs !== null && Math.abs(moved - newestMs) <= limits.ofNewest)
  return ofNewest ?? candidates.find(moved => moved >= arrivedMs - limits.ofArrival) ?? null
}
