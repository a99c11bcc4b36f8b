import type { Fix, PendingCrossing } from '../device-state.ts'

/** `minFixes`: counts one more fix on the new side. When there are enough, the crossing is that of the first of them. */
export function countFix(
  pending: PendingCrossing | undefined,
  fix: Fix,
  minFixes = 1,
): { readonly pending: PendingCrossing; readonly confirmed: boolean } {
  const counted = { count: (pending?.count ?? 0) + 1, first: pending?.first ?? fix }
  return { pending: counted, confirmed: counted.count >= minFixes }
}
