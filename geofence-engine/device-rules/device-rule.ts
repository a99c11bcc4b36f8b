import type { DeviceEventKind, Location } from '../../contract/index.ts'
import type { CompiledFence } from '../compiled-fence.ts'
import type { Fix } from '../device-state.ts'

/** Of a fence; metres per second. */
export interface SpeedLimit {
  readonly limit: number
  readonly fenceId: string
}

/** What a rule may look at beside the fix and its own memory. */
export interface RuleContext {
  /** The fix before this one; null when this is the first. */
  readonly previous: Fix | null
  /** The limits of the fences that the position is in. */
  readonly speedLimits: readonly SpeedLimit[]
  /** A fence of the organisation by its id. */
  fence(fenceId: string): CompiledFence | undefined
}

/** A condition that has begun, was announced, and has not ended. */
export interface OpenEpisode {
  /** Time of the begin event, milliseconds. */
  readonly since: number
  /** The most extreme value so far. */
  readonly worst?: number
  readonly limit?: number
  readonly fenceId?: string
}

/** What every rule's memory has in common: plain JSON, and an episode that can be ended from outside. */
export interface RuleMemory {
  readonly open?: OpenEpisode
}

/** Something that a rule announces. The device, ids and severity are added by whoever asked the rule. */
export interface Notice {
  readonly event: DeviceEventKind
  readonly phase: 'begin' | 'end'
  /** Time of the episode's begin; none for what is only a moment. */
  readonly episode?: number
  readonly timestamp: number
  readonly location: Location
  readonly fenceId?: string
  readonly value?: number
  readonly limit?: number
  readonly maximum?: number
  readonly seconds?: number
}

/** Why something was announced (with its notice) or was not. */
export interface Verdict {
  readonly event: DeviceEventKind
  readonly notice?: Notice
  readonly reason: string
  readonly text: string
  readonly before: string
  readonly after: string
}

export interface RuleStep<Memory> {
  /** Undefined: nothing is to be remembered. */
  readonly memory: Memory | undefined
  readonly verdicts: readonly Verdict[]
}

/**
 * A rule: what one fix makes of what it remembers. Pure, on the time of fixes alone. Its memory is bounded and forgets: two runs
 * over the same later fixes come to the same memory.
 */
export type DeviceRule<Settings, Memory extends RuleMemory> = (
  memory: Memory | undefined,
  fix: Fix,
  settings: Settings,
  context: RuleContext,
) => RuleStep<Memory>

export const OPEN = 'begun'
export const CLOSED = 'not begun'

/** The end of an open episode. */
export function endOf(
  event: DeviceEventKind,
  { since, worst, limit, fenceId }: OpenEpisode,
  at: { readonly timestamp: number; readonly location: Location },
): Notice {
  return {
    event,
    phase: 'end',
    episode: since,
    timestamp: at.timestamp,
    location: at.location,
    ...(fenceId !== undefined && { fenceId }),
    ...(limit !== undefined && { limit }),
    ...(worst !== undefined && { maximum: worst }),
    seconds: (at.timestamp - since) / 1_000,
  }
}

/** At most two decimals, as a person reads them. */
export function shown(value: number): string {
  return String(Math.round(value * 100) / 100)
}
