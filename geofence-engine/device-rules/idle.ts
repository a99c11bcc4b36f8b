import type { IdleSettings, Location } from '../../contract/index.ts'
import type { Fix } from '../device-state.ts'
import {
  CLOSED,
  type DeviceRule,
  endOf,
  OPEN,
  type RuleMemory,
  type RuleStep,
  shown,
  type Verdict,
} from './device-rule.ts'
import { metersBetween } from './speed.ts'

const DEFAULT_SECONDS = 300
const DEFAULT_MAX_SPEED_MPS = 1
const DEFAULT_RADIUS_METERS = 100
const DEFAULT_MIN_FIXES = 2

interface Standing {
  readonly timestamp: number
  readonly location: Location
}

/** There is one as long as the ignition is known to be on. */
export interface IdleMemory extends RuleMemory {
  /** The first fix of those that stand. */
  readonly standing?: Standing
  /** Fixes in a row that do not. */
  readonly leaving?: { readonly count: number; readonly timestamp: number; readonly location: Location }
}

/**
 * `idle`: begins with the first fix of a stand that lasts `seconds` with the ignition on, and ends with the first of the fixes in
 * a row that move, or when the ignition is off. A fix that does not tell the ignition leaves it as it was.
 */
export const idle: DeviceRule<IdleSettings, IdleMemory> = (memory, fix, settings) => {
  if (fix.ignition === false) return turnedOff(memory, fix)
  if (memory === undefined && fix.ignition === undefined) return { memory, verdicts: [] }
  const known = memory ?? {}
  return moves(known, fix, settings) ? whenMoving(known, fix, settings) : whenStanding(known, fix, settings)
}

function turnedOff(memory: IdleMemory | undefined, fix: Fix): RuleStep<IdleMemory> {
  if (memory?.open === undefined) return { memory: undefined, verdicts: [] }
  const notice = endOf('idle', memory.open, memory.leaving ?? fix)
  const text = 'the ignition is off'
  const verdict: Verdict = { event: 'idle', notice, reason: 'ignition_off', text, before: OPEN, after: CLOSED }
  return { memory: undefined, verdicts: [verdict] }
}

function moves({ standing }: IdleMemory, fix: Fix, settings: IdleSettings): boolean {
  const { maxSpeed = DEFAULT_MAX_SPEED_MPS, radiusMeters = DEFAULT_RADIUS_METERS } = settings
  const { speed = 0, accuracy = 0 } = fix.location
  if (speed > maxSpeed) return true
  return standing !== undefined && metersBetween(standing, fix) > radiusMeters + accuracy
}

function whenMoving(
  memory: IdleMemory,
  fix: Fix,
  { minFixes = DEFAULT_MIN_FIXES }: IdleSettings,
): RuleStep<IdleMemory> {
  const { open, standing, leaving } = memory
  if (standing === undefined) return { memory: {}, verdicts: [] }
  const { timestamp, location } = leaving ?? fix
  const count = (leaving?.count ?? 0) + 1
  const text = `it moves, ${shown(metersBetween(standing, fix))} m from where it stood; ${count} of ${minFixes} fixes`
  if (count < minFixes) {
    const verdict: Verdict = { event: 'idle', reason: 'unconfirmed', text, before: OPEN, after: OPEN }
    const next = { standing, leaving: { count, timestamp, location }, ...(open !== undefined && { open }) }
    return { memory: next, verdicts: open === undefined ? [] : [verdict] }
  }
  if (open === undefined) return { memory: {}, verdicts: [] }
  const notice = endOf('idle', open, { timestamp, location })
  return { memory: {}, verdicts: [{ event: 'idle', notice, reason: 'moved', text, before: OPEN, after: CLOSED }] }
}

function whenStanding(memory: IdleMemory, fix: Fix, { seconds = DEFAULT_SECONDS }: IdleSettings): RuleStep<IdleMemory> {
  const { open, standing = { timestamp: fix.timestamp, location: fix.location } } = memory
  const lasted = (fix.timestamp - standing.timestamp) / 1_000
  if (open !== undefined || lasted < seconds) {
    return { memory: { standing, ...(open !== undefined && { open }) }, verdicts: [] }
  }
  const since = standing.timestamp
  const notice = {
    event: 'idle' as const,
    phase: 'begin' as const,
    episode: since,
    timestamp: since,
    location: standing.location,
    value: lasted,
    limit: seconds,
  }
  const text = `it has stood for ${shown(lasted)} s with the ignition on, ${shown(seconds)} s are asked for`
  return {
    memory: { standing, open: { since, limit: seconds } },
    verdicts: [{ event: 'idle', notice, reason: 'begun', text, before: CLOSED, after: OPEN }],
  }
}
