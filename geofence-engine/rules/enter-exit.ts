import type { FenceMemory, Fix } from '../device-state.ts'
import { countFix } from './confirmation.ts'
import type { NoiseSettings } from './noise-settings.ts'
import type { Reading } from './reading.ts'

export interface Crossing {
  readonly event: 'enter' | 'exit'
  /** The fix whose time and place the event bears: the first on the new side. */
  readonly fix: Fix
  readonly initial: boolean
  /** Fixes that confirmed it. */
  readonly count: number
}

type Side = Pick<FenceMemory, 'inside' | 'pending' | 'undecided'>

/** Contract §4 rule 2: what one fix makes of the side that is known of one fence. */
export function enterExit(
  { inside: known, pending: before, undecided }: Side,
  { inside, clear }: Pick<Reading, 'inside' | 'clear'>,
  fix: Fix,
  confirmation: Pick<NoiseSettings, 'minFixes' | 'minMs'>,
): { readonly side: Side; readonly crossing: Crossing | null } {
  if (inside === known) return { side: { inside }, crossing: null }
  const still: Side = undecided ? { inside: known, undecided } : { inside: known }
  if (!clear) return { side: still, crossing: null }
  const { pending, confirmed } = countFix(before, fix, confirmation)
  if (!confirmed) return { side: { pending, ...still }, crossing: null }
  const initial = inside && undecided === true
  const event = inside ? 'enter' : 'exit'
  return { side: { inside }, crossing: { event, fix: pending.first, initial, count: pending.count } }
}

/** Whether there is anything to keep: the device is inside, or something is not yet decided. */
export function isWorthKeeping({ inside, pending, undecided, withheld }: FenceMemory): boolean {
  return inside || pending !== undefined || undecided === true || withheld !== undefined
}
