import type { Location, TowSettings } from '../../contract/index.ts'
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
import { beginStay, continueStay, hasLasted, isAway, metersFrom, type Stay } from './stay.ts'

const DEFAULT_METERS = 200
const DEFAULT_SECONDS = 300
const DEFAULT_MIN_FIXES = 2

/** There is one as long as the ignition is known to be off. */
export interface TowMemory extends RuleMemory {
  /** Where it was left; during a tow where it may be coming to stand. */
  readonly stay: Stay
  readonly away?: { readonly count: number; readonly timestamp: number; readonly location: Location }
  /** During a tow: where it was taken from. */
  readonly from?: { readonly lng: number; readonly lat: number }
}

/**
 * `tow`: begins when, with the ignition off, fixes in a row are farther from where it was left than `distanceMeters` and their
 * accuracy. Ends when the ignition is on, or with the stay when it has stood in one place again for `seconds`; the maximum is the
 * farthest distance. A fix that does not tell the ignition leaves it as it was.
 */
export const tow: DeviceRule<TowSettings, TowMemory> = (memory, fix, settings) => {
  if (fix.ignition === true) return turnedOn(memory, fix)
  if (memory === undefined) {
    return { memory: fix.ignition === undefined ? undefined : { stay: beginStay(fix) }, verdicts: [] }
  }
  return memory.open === undefined ? whileParked(memory, fix, settings) : whileTowed(memory, fix, settings)
}

function turnedOn(memory: TowMemory | undefined, fix: Fix): RuleStep<TowMemory> {
  const text = 'the ignition is on'
  if (memory?.open !== undefined) {
    const notice = endOf('tow', memory.open, fix)
    const verdict: Verdict = { event: 'tow', notice, reason: 'ignition_on', text, before: OPEN, after: CLOSED }
    return { memory: undefined, verdicts: [verdict] }
  }
  if (memory?.away === undefined) return { memory: undefined, verdicts: [] }
  const verdict: Verdict = { event: 'tow', reason: 'ignition_on', text, before: CLOSED, after: CLOSED }
  return { memory: undefined, verdicts: [verdict] }
}

function whileParked(memory: TowMemory, fix: Fix, settings: TowSettings): RuleStep<TowMemory> {
  const { distanceMeters = DEFAULT_METERS, seconds = DEFAULT_SECONDS, minFixes = DEFAULT_MIN_FIXES } = settings
  const { stay, away } = memory
  const meters = metersFrom(stay.mean, fix)
  const closed = { event: 'tow' as const, before: CLOSED, after: CLOSED }
  if (!isAway(stay.mean, fix, distanceMeters)) {
    const text = `${shown(meters)} m from where it was left: the fixes that were farther away are not confirmed`
    return {
      memory: { stay: continueStay(stay, fix, seconds, distanceMeters) },
      verdicts: away === undefined ? [] : [{ ...closed, reason: 'not_confirmed', text }],
    }
  }
  const { timestamp, location } = away ?? fix
  const count = (away?.count ?? 0) + 1
  const text = `${shown(meters)} m from where it was left with the ignition off, farther than ${shown(distanceMeters)} m; ${count} of ${minFixes} fixes`
  if (count < minFixes) {
    const verdicts = [{ ...closed, reason: 'unconfirmed', text }]
    return { memory: { stay, away: { count, timestamp, location } }, verdicts }
  }
  const notice = {
    event: 'tow' as const,
    phase: 'begin' as const,
    episode: timestamp,
    timestamp,
    location,
    value: meters,
    limit: distanceMeters,
  }
  return {
    memory: {
      open: { since: timestamp, worst: meters, limit: distanceMeters },
      from: stay.mean,
      stay: beginStay(fix),
    },
    verdicts: [{ event: 'tow', notice, reason: 'begun', text, before: CLOSED, after: OPEN }],
  }
}

function whileTowed(memory: TowMemory, fix: Fix, settings: TowSettings): RuleStep<TowMemory> {
  const { distanceMeters = DEFAULT_METERS, seconds = DEFAULT_SECONDS } = settings
  const { stay } = memory
  const from = memory.from!
  const open = { ...memory.open!, worst: Math.max(memory.open!.worst!, metersFrom(from, fix)) }
  if (isAway(stay.first, fix, distanceMeters)) return { memory: { open, from, stay: beginStay(fix) }, verdicts: [] }
  const longer = continueStay(stay, fix, seconds, distanceMeters)
  if (!hasLasted(stay, fix.timestamp, seconds)) return { memory: { open, from, stay: longer }, verdicts: [] }
  const notice = endOf('tow', open, { timestamp: stay.since, location: fix.location })
  const text = `it has stood in one place for ${shown((fix.timestamp - stay.since) / 1_000)} s, ${shown(seconds)} s are asked for`
  return {
    memory: { stay: longer },
    verdicts: [{ event: 'tow', notice, reason: 'stayed', text, before: OPEN, after: CLOSED }],
  }
}
