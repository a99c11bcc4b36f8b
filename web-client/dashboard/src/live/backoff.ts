export const BACKOFF_FIRST_MS = 500
export const BACKOFF_LIMIT_MS = 20_000

/**
 * How long to wait before try number `attempt` (0 = the first retry): doubles up to the limit, of which the upper half
 * is drawn by lot, so that a hundred dashboards do not return in the same instant.
 * @param random 0 ≤ random < 1
 * @returns milliseconds
 */
export function backoffMs(attempt: number, random: number): number {
  const ceiling = Math.min(BACKOFF_LIMIT_MS, BACKOFF_FIRST_MS * 2 ** Math.min(attempt, 30))
  return Math.round(ceiling * (0.5 + random / 2))
}
