import type { Fix, PendingCrossing } from '../device-state.ts'
import type { NoiseSettings } from './noise-settings.ts'

/** `minFixes`, `minSeconds`: counts one more fix on the new side. When either is reached, the crossing is that of the first fix. */
export function countFix(
  pending: PendingCrossing | undefined,
  fix: Fix,
  { minFixes, minMs }: Pick<NoiseSettings, 'minFixes' | 'minMs'>,
): { readonly pending: PendingCrossing; readonly confirmed: boolean } {
  const counted = { count: (pending?.count ?? 0) + 1, first: pending?.first ?? fix }
  const confirmed = counted.count >= minFixes || fix.timestamp - counted.first.timestamp >= minMs
  return { pending: counted, confirmed }
}
