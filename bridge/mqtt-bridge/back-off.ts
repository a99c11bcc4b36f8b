const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 60_000

/**
 * The pause before the next attempt: doubled with each that failed, and any time of its second half, so that many who lost
 * the same broker do not come back together.
 */
export function backOffMs(
  attempts: number,
  {
    firstPauseMs = FIRST_PAUSE_MS,
    longestPauseMs = LONGEST_PAUSE_MS,
    random = Math.random,
  }: {
    readonly firstPauseMs?: number | undefined
    readonly longestPauseMs?: number | undefined
    readonly random?: () => number
  } = {},
): number {
  const pauseMs = Math.min(firstPauseMs * 2 ** Math.min(Math.max(attempts - 1, 0), 30), longestPauseMs)
  return pauseMs * (0.5 + random() / 2)
}
