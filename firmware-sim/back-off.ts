import type { Random } from './random.ts'

export interface BackOffPlan {
  /** Longest wait before the first new attempt, real milliseconds. */
  readonly firstMs: number
  /** Longest wait of all. */
  readonly maxMs: number
}

export const FIRMWARE_BACK_OFF: BackOffPlan = { firstMs: 1_000, maxMs: 30_000 }

/**
 * How long to wait before attempt number `failures + 1`: doubling, and spread over its upper half, so that a thousand
 * devices cut off together do not come back together.
 */
export function backOffMs(plan: BackOffPlan, failures: number, random: Random): number {
  const ceiling = Math.min(plan.maxMs, plan.firstMs * 2 ** Math.min(30, failures))
  return ceiling * random.between(0.5, 1)
}
