import type { Location, MotionSettings } from '../../contract/index.ts'
import type { Fix } from '../device-state.ts'
import type { DeviceRule, RuleMemory, RuleStep, Verdict } from './device-rule.ts'
import { shown } from './device-rule.ts'
import { beginStay, continueStay, hasLasted, isAway, locationOf, metersFrom, type Stay } from './stay.ts'

const DEFAULT_METERS = 150
const DEFAULT_SECONDS = 180
const DEFAULT_MIN_FIXES = 2

export interface MotionMemory extends RuleMemory {
  /** `unknown` until it has stood or moved once. */
  readonly known: 'unknown' | 'moving' | 'stationary'
  /** Where it stands, or may be coming to stand. */
  readonly stay: Stay
  /** Fixes in a row that are away from there. */
  readonly away?: { readonly count: number; readonly timestamp: number; readonly location: Location }
}

/**
 * `moving` and `stationary`, one for each change. It stands when it has stayed in one place for `seconds`, and moves when fixes in
 * a row are farther from there than `distanceMeters` and their accuracy: drift of a parked device is neither. Found standing at
 * first is no change and is not announced.
 */
export const motion: DeviceRule<MotionSettings, MotionMemory> = (memory, fix, settings) => {
  if (memory === undefined) return { memory: { known: 'unknown', stay: beginStay(fix) }, verdicts: [] }
  return memory.known === 'moving' ? whileMoving(memory, fix, settings) : whileStanding(memory, fix, settings)
}

function whileStanding(memory: MotionMemory, fix: Fix, settings: MotionSettings): RuleStep<MotionMemory> {
  const { distanceMeters = DEFAULT_METERS, seconds = DEFAULT_SECONDS, minFixes = DEFAULT_MIN_FIXES } = settings
  const { known, stay } = memory
  const meters = shown(metersFrom(stay.mean, fix))
  const event = 'moving' as const
  if (!isAway(stay.mean, fix, distanceMeters)) {
    const settled = hasLasted(stay, fix.timestamp, seconds) ? 'stationary' : known
    const text = `${meters} m from where it stands: the fixes that were farther away are not confirmed`
    return {
      memory: { known: settled, stay: continueStay(stay, fix, seconds, distanceMeters) },
      verdicts:
        memory.away === undefined ? [] : [{ event, reason: 'not_confirmed', text, before: known, after: settled }],
    }
  }
  const { timestamp, location } = memory.away ?? fix
  const count = (memory.away?.count ?? 0) + 1
  const text = `${meters} m from where it stands, farther than ${shown(distanceMeters)} m; ${count} of ${minFixes} fixes`
  if (count < minFixes) {
    const verdict: Verdict = { event, reason: 'unconfirmed', text, before: known, after: known }
    return { memory: { known, stay, away: { count, timestamp, location } }, verdicts: [verdict] }
  }
  const notice = {
    event,
    phase: 'begin' as const,
    timestamp,
    location,
    value: metersFrom(stay.mean, fix),
    limit: distanceMeters,
  }
  return {
    memory: { known: 'moving', stay: beginStay(fix) },
    verdicts: [{ event, notice, reason: 'moved', text, before: known, after: 'moving' }],
  }
}

function whileMoving(memory: MotionMemory, fix: Fix, settings: MotionSettings): RuleStep<MotionMemory> {
  const { distanceMeters = DEFAULT_METERS, seconds = DEFAULT_SECONDS } = settings
  const { stay, away } = memory
  if (isAway(stay.first, fix, distanceMeters)) {
    // One bad fix does not interrupt a stay; two do, and the first of them may be where the next one began.
    if (away === undefined) {
      const { timestamp, location } = fix
      return { memory: { known: 'moving', stay, away: { count: 1, timestamp, location } }, verdicts: [] }
    }
    const next = beginStay(away)
    const begun = isAway(next.first, fix, distanceMeters)
      ? beginStay(fix)
      : continueStay(next, fix, seconds, distanceMeters)
    return { memory: { known: 'moving', stay: begun }, verdicts: [] }
  }
  const longer = continueStay(stay, fix, seconds, distanceMeters)
  if (!hasLasted(stay, fix.timestamp, seconds)) return { memory: { known: 'moving', stay: longer }, verdicts: [] }
  const event = 'stationary' as const
  const lasted = (fix.timestamp - stay.since) / 1_000
  const notice = {
    event,
    phase: 'begin' as const,
    timestamp: stay.since,
    location: locationOf(longer.mean),
    value: lasted,
    limit: seconds,
  }
  const text = `within ${shown(distanceMeters)} m for ${shown(lasted)} s, ${shown(seconds)} s are asked for`
  return {
    memory: { known: 'stationary', stay: longer },
    verdicts: [{ event, notice, reason: 'stayed', text, before: 'moving', after: 'stationary' }],
  }
}
