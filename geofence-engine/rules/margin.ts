import type { Location } from '../../contract/index.ts'
import type { CompiledFence } from '../compiled-fence.ts'

/** Where a position is, seen from a fence. */
export interface Reading {
  readonly inside: boolean
  /** `marginMeters` or more away from the boundary, so that it counts as having crossed. */
  readonly clear: boolean
}

/** `marginMeters`: a side counts as new only that far across the boundary. */
export function readPosition(fence: CompiledFence, inside: boolean, { lng, lat }: Location): Reading {
  const { marginMeters = 0 } = fence.feature.properties
  return { inside, clear: marginMeters === 0 || fence.boundaryMeters(lng, lat) >= marginMeters }
}
