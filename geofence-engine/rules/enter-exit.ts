import type { FenceMemory, Fix } from '../device-state.ts'
import type { Reading } from './margin.ts'
import { countFix } from './min-fixes.ts'

export interface Crossing {
  readonly event: 'enter' | 'exit'
  /** The fix whose time and place the event bears: the first on the new side. */
  readonly fix: Fix
  readonly initial: boolean
}

/** Contract §4 rule 2: what one fix makes of what is known about one fence. */
export function enterExit(
  memory: FenceMemory,
  { inside, clear }: Reading,
  fix: Fix,
  minFixes?: number,
): { readonly memory: FenceMemory; readonly crossing: Crossing | null } {
  if (inside === memory.inside) return { memory: { inside }, crossing: null }
  const { pending: before, ...known } = memory
  if (!clear) return { memory: known, crossing: null }
  const { pending, confirmed } = countFix(before, fix, minFixes)
  if (!confirmed) return { memory: { ...known, pending }, crossing: null }
  const initial = inside && memory.undecided === true
  return { memory: { inside }, crossing: { event: inside ? 'enter' : 'exit', fix: pending.first, initial } }
}

/** Whether there is anything to keep: the device is inside, or something is not yet decided. */
export function isWorthKeeping({ inside, pending, undecided }: FenceMemory): boolean {
  return inside || pending !== undefined || undecided === true
}
