import type { FenceProperties } from '../../contract/index.ts'

/** How long stays may be before something is said, milliseconds; Infinity: nothing is. */
export interface StayLimits {
  readonly dwellMs: number
  readonly repeatMs: number
  readonly maxStayMs: number
}

/** What falls due in a stay. */
export interface DueDwell {
  readonly kind: 'dwell' | 'repeat' | 'overstay'
  /** Of a repetition, the how-manieth. */
  readonly repeat: number
  readonly due: number
}

/** Repetitions that fall due between two fixes: after so many, a silent device is left in peace until its next fix. */
export const MAX_REPEATS_WITHOUT_FIX = 10

export function stayLimits({ dwellSeconds, repeatSeconds, maxStaySeconds }: FenceProperties): StayLimits | null {
  if (dwellSeconds === undefined && maxStaySeconds === undefined) return null
  return { dwellMs: msOf(dwellSeconds), repeatMs: msOf(repeatSeconds), maxStayMs: msOf(maxStaySeconds) }
}

/**
 * What falls due in a stay after one moment and up to another, in order. Everything due up to `after` was told at the fix of that
 * time, so nothing needs to be remembered but when the stay began.
 */
export function dueBetween({ dwellMs, repeatMs, maxStayMs }: StayLimits, since: number, after: number, until: number) {
  const found: DueDwell[] = []
  const add = (kind: DueDwell['kind'], repeat: number, due: number) => {
    if (due > after && due <= until) found.push({ kind, repeat, due })
  }
  const dwell = since + dwellMs
  add('dwell', 0, dwell)
  if (repeatMs < Number.POSITIVE_INFINITY && dwell + repeatMs <= until) {
    const first = firstRepeat(dwell, repeatMs, after)
    for (let n = first; n < first + MAX_REPEATS_WITHOUT_FIX && dwell + n * repeatMs <= until; n++) {
      add('repeat', n, dwell + n * repeatMs)
    }
  }
  add('overstay', 0, since + maxStayMs)
  return found.sort((a, b) => a.due - b.due)
}

/** The next moment after `until` at which something falls due if no fix comes after `after`; Infinity: nothing will. */
export function nextDue(
  { dwellMs, repeatMs, maxStayMs }: StayLimits,
  since: number,
  after: number,
  until: number,
): number {
  const dwell = since + dwellMs
  let next = Number.POSITIVE_INFINITY
  if (dwell > until) next = dwell
  if (since + maxStayMs > until) next = Math.min(next, since + maxStayMs)
  if (repeatMs < Number.POSITIVE_INFINITY) {
    const repeat = firstRepeat(dwell, repeatMs, until)
    const last = firstRepeat(dwell, repeatMs, after) + MAX_REPEATS_WITHOUT_FIX - 1
    if (repeat <= last) next = Math.min(next, dwell + repeat * repeatMs)
  }
  return next
}

/** The first repetition that is due after a moment. */
function firstRepeat(dwell: number, repeatMs: number, after: number): number {
  return Math.max(1, Math.floor((after - dwell) / repeatMs) + 1)
}

function msOf(seconds: number | undefined): number {
  return seconds === undefined ? Number.POSITIVE_INFINITY : Math.round(seconds * 1_000)
}
