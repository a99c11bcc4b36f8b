import type { DeviceEventKind, Location } from '../../contract/index.ts'
import type { Fix } from '../device-state.ts'
import { type Confirmation, isConfirmed, progress } from './confirmation.ts'
import { CLOSED, endOf, OPEN, type OpenEpisode, type RuleStep, type Verdict } from './device-rule.ts'

/** Fixes in a row that say the opposite of what is known. */
interface Pending {
  readonly count: number
  readonly timestamp: number
  readonly location: Location
  readonly value: number
  readonly worst: number
  readonly limit?: number
  readonly fenceId?: string
}

/** Of a condition that begins and ends by a measured value. */
export interface EpisodeMemory {
  readonly open?: OpenEpisode
  readonly pending?: Pending
}

/** What one fix says of the condition. */
export interface Measured {
  /** `between`: neither enough to begin nor enough to end (hysteresis); it breaks the row of those that would. */
  readonly side: 'on' | 'off' | 'between'
  readonly value: number
  readonly limit?: number
  readonly fenceId?: string
  /** The value and its limit in words: `23 m/s, above 22 m/s`. */
  words(): string
}

export interface EpisodeRules {
  readonly event: DeviceEventKind
  readonly confirmation: Confirmation
  /** The more extreme of two values. */
  worse(a: number, b: number): number
}

/** One condition as one episode: it begins and ends with the first of the fixes in a row that confirm it. */
export function stepEpisode(
  memory: EpisodeMemory | undefined,
  fix: Fix,
  measured: Measured,
  rules: EpisodeRules,
): RuleStep<EpisodeMemory> {
  const { event, confirmation, worse } = rules
  const open = memory?.open
  const { side, value } = measured
  const before = open === undefined ? CLOSED : OPEN
  const known = open === undefined ? 'off' : 'on'
  if (side === 'between' || side === known) {
    const kept =
      open === undefined ? undefined : { open: side === 'on' ? { ...open, worst: worse(open.worst!, value) } : open }
    if (memory?.pending === undefined) return { memory: kept, verdicts: [] }
    const text = `${measured.words()}; what ${memory.pending.count === 1 ? 'one fix' : `${memory.pending.count} fixes`} said before is not confirmed`
    return { memory: kept, verdicts: [{ event, reason: 'not_confirmed', text, before, after: before }] }
  }

  const pending = counted(memory?.pending, fix, measured, worse)
  const seconds = (fix.timestamp - pending.timestamp) / 1_000
  if (!isConfirmed(confirmation, pending.count, seconds)) {
    const text = `${measured.words()}; ${progress(confirmation, pending.count, seconds)} that confirm it`
    const after = { ...(open !== undefined && { open }), pending }
    return { memory: after, verdicts: [{ event, reason: 'unconfirmed', text, before, after: before }] }
  }
  if (open === undefined) return begun(event, pending, measured.words())
  const notice = endOf(event, open, pending)
  const verdict: Verdict = { event, notice, reason: 'ended', text: measured.words(), before, after: CLOSED }
  return { memory: undefined, verdicts: [verdict] }
}

function begun(event: DeviceEventKind, pending: Pending, words: string): RuleStep<EpisodeMemory> {
  const { timestamp, location, value, worst, limit, fenceId } = pending
  const about = { ...(limit !== undefined && { limit }), ...(fenceId !== undefined && { fenceId }) }
  const notice = { event, phase: 'begin' as const, episode: timestamp, timestamp, location, value, ...about }
  return {
    memory: { open: { since: timestamp, worst, ...about } },
    verdicts: [{ event, notice, reason: 'begun', text: words, before: CLOSED, after: OPEN }],
  }
}

function counted(
  pending: Pending | undefined,
  { timestamp, location }: Fix,
  { value, limit, fenceId }: Measured,
  worse: EpisodeRules['worse'],
): Pending {
  if (pending !== undefined) return { ...pending, count: pending.count + 1, worst: worse(pending.worst, value) }
  return {
    count: 1,
    timestamp,
    location,
    value,
    worst: value,
    ...(limit !== undefined && { limit }),
    ...(fenceId !== undefined && { fenceId }),
  }
}
