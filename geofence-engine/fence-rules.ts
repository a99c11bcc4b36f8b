import type { CompiledFence } from './compiled-fence.ts'
import type { FenceMemory, Fix, Stay } from './device-state.ts'
import type { FenceTelling, Happening } from './fence-telling.ts'
import { leavingTime } from './rules/between-fixes.ts'
import { type Excursion, excursionsBetween, previousCounted } from './rules/cross.ts'
import { type DueDwell, dueBetween, nextDue } from './rules/dwell.ts'
import { type Crossing, enterExit } from './rules/enter-exit.ts'
import { ignoredBecause } from './rules/ignored-fix.ts'
import { type Reading, readPosition } from './rules/reading.ts'
import type { Track } from './track.ts'

/** For so long a position is believed when a schedule begins: a device silent for longer says nothing of where it is. */
export const POSITION_BELIEVED_MS = 7 * 86_400_000

const KNOWN_SIDE: Readonly<Record<'true' | 'false', Reading>> = {
  true: { inside: true, clear: true, neededMeters: 0 },
  false: { inside: false, clear: true, neededMeters: 0 },
}
const AT_ONCE = { minFixes: 1, minMs: Number.POSITIVE_INFINITY }

/** One fence, one device, one fix. */
export interface FenceStep {
  readonly fence: CompiledFence
  readonly memory: FenceMemory
  /** Whether the fence covers the position. */
  readonly inside: boolean
  readonly fix: Fix
  /** The newest fix before it; null: there is none, or it is of no concern. */
  readonly previous: Fix | null
  readonly track: Track
  /** Nothing at or before this time is told any more. */
  readonly settledUntil: number
}

/** The rules of a fence in their order. What they say goes to `telling`; what is to be remembered comes back. */
export function applyFenceRules(step: FenceStep, telling: FenceTelling): FenceMemory {
  const { fence, inside, fix, previous, track } = step
  const { noise } = fence
  const ignored = noise === null ? null : ignoredBecause(noise, fix.location, track)
  // How far across it is matters only where the side would change: distances cost more than all the rest.
  const reading = inside === step.memory.inside ? KNOWN_SIDE[`${inside}`] : readPosition(fence, inside, fix, track)

  let memory = step.memory
  if (fence.schedule !== null && previous !== null) {
    const isGone = ignored === null && reading.clear && !inside
    memory = throughSchedule(step, isGone ? fix : undefined, telling)
  }

  if (noise !== null && ignored !== null) {
    const { withheld: before, ...kept } = pinned(memory, previous)
    if (inside === memory.inside) return kept
    if (before !== ignored) {
      const { accuracy } = fix.location
      const limit =
        ignored === 'accuracy_poor' ? `${accuracy} m, worse than ${noise.maxAccuracy} m` : `over ${noise.maxSpeed} m/s`
      telling.withhold(fence, {
        event: inside ? 'enter' : 'exit',
        reason: ignored,
        location: fix.location,
        facts: limit,
      })
    }
    return { withheld: ignored, ...kept }
  }

  if (fence.feature.properties.cross && memory.pending === undefined && !memory.undecided) {
    memory = crossBetween(step, memory, telling)
  }
  return atFix(step, memory, reading, telling)
}

/** The fix itself: which side it shows, whether that is confirmed, and what it means for the stay. */
function atFix(
  { fence, inside, fix, previous }: FenceStep,
  before: FenceMemory,
  reading: Reading,
  telling: FenceTelling,
): FenceMemory {
  const { side, crossing } = enterExit(before, reading, fix, fence.noise ?? AT_ONCE)
  const { location } = fix

  const wasPending = before.pending
  if (crossing === null && side.pending === undefined && wasPending !== undefined) {
    const facts = `after ${wasPending.count} ${wasPending.count === 1 ? 'fix' : 'fixes'} on the other side`
    const { location: place } = wasPending.first
    telling.withhold(fence, { event: before.inside ? 'exit' : 'enter', reason: 'returned', location: place, facts })
  }
  const event = inside ? 'enter' : 'exit'
  if (crossing !== null) return crossed(fence, before, crossing, fix, previous, telling)
  if (side.pending !== undefined) {
    if (wasPending === undefined) {
      const facts = `1 fix of ${fence.noise?.minFixes === Number.POSITIVE_INFINITY ? 'some' : fence.noise?.minFixes}`
      telling.withhold(fence, { event, reason: 'unconfirmed', location, facts })
    }
    return withStay(side, pinned(before, previous).stay)
  }
  const stays = staysOn(fence, withStay(side, before.stay), fix, previous, telling)
  if (reading.clear || inside === before.inside) return stays
  if (before.withheld !== 'near_border') {
    const facts = `${Math.round(reading.neededMeters)} m are asked for`
    telling.withhold(fence, { event, reason: 'near_border', location, facts })
  }
  return { withheld: 'near_border', ...stays }
}

/** A confirmed crossing begins a stay or ends one. */
function crossed(
  fence: CompiledFence,
  before: FenceMemory,
  { event, fix: first, initial, count }: Crossing,
  fix: Fix,
  previous: Fix | null,
  telling: FenceTelling,
): FenceMemory {
  const { stayLimits: limits, schedule } = fence
  const reason = initial ? 'initial' : count > 1 || first !== fix ? 'confirmed' : 'crossed'
  const facts = reason === 'confirmed' ? { facts: `${count} fixes in ${seconds(fix.timestamp - first.timestamp)}` } : {}
  const { timestamp, location } = first
  const happening: Happening = { event, reason, timestamp, location, ...facts, ...(initial && { marks: { initial } }) }
  if (event === 'exit') {
    if (before.stay !== undefined && limits !== null) {
      const last = before.stay.last ?? previous ?? first
      endStay(fence, before.stay.since, last, leavingTimeIfDue(fence, before.stay, last, first), telling)
    }
    telling.tell(fence, happening)
    return { inside: false }
  }
  telling.tell(fence, happening)
  if (limits === null || schedule?.activeAt(timestamp) === false) return { inside: true }
  tellDueAtFix(fence, timestamp, timestamp - 1, fix, telling)
  return { inside: true, stay: { since: timestamp } }
}

/** The side is as it was, nothing is pending: a stay goes on up to this fix. */
function staysOn(
  fence: CompiledFence,
  memory: FenceMemory,
  fix: Fix,
  previous: Fix | null,
  telling: FenceTelling,
): FenceMemory {
  if (memory.stay === undefined) return memory
  const { since, last = previous } = memory.stay
  tellDueAtFix(fence, since, last?.timestamp ?? since, fix, telling)
  return { ...memory, stay: { since } }
}

/**
 * Schedules that ended or began since the fix before. Stays end with the period they began in; when one begins, what is known of the side
 * is evaluated with the newest position, and a crossing that was not confirmed by then has to begin anew.
 */
function throughSchedule(
  { fence, memory, fix, previous, settledUntil }: FenceStep,
  next: Fix | undefined,
  telling: FenceTelling,
) {
  const until = fix.timestamp
  return passTime(fence, memory, previous!, next, { begins: until, ends: until, settledUntil }, telling).memory
}

/** Until when time passes, milliseconds. */
interface PassingTime {
  /** Periods begin up to this time. */
  readonly begins: number
  /** Stays go on up to this time. */
  readonly ends: number
  /** Periods that begin at or before this time, and after `ends`, wait for `ends`. Left out: none waits. */
  readonly waiting?: number
  readonly settledUntil: number
}

interface Passed {
  readonly memory: FenceMemory
  /** Stays of periods that ended before the last one began, while `ends` has not reached their ends. */
  readonly overtaken: readonly FenceMemory[]
}

const NONE_OVERTAKEN: readonly FenceMemory[] = []

/** What time alone brings about between a fix and a later moment. */
export function passTime(
  fence: CompiledFence,
  memory: FenceMemory,
  newest: Fix,
  /** The fix that follows, if it shows the device outside. */
  next: Fix | undefined,
  until: PassingTime,
  telling: FenceTelling,
): Passed {
  const { schedule, stayLimits: limits } = fence
  if (schedule === null || memory.undecided) return { memory, overtaken: NONE_OVERTAKEN }
  const { expect } = schedule
  let { stay, ...known }: FenceMemory = memory
  let gone = memory.pending?.first ?? next
  const closeStay = () => {
    if (stay === undefined || schedule.endOf(stay.since) > until.ends) return
    const last = stay.last ?? newest
    const end = schedule.endOf(stay.since) - 1
    const left = gone === undefined ? end : Math.min(end, leavingTimeIfDue(fence, stay, last, gone))
    tellInferred(fence, stay.since, last, left, telling)
    stay = undefined
  }
  closeStay()
  const overtaken: FenceMemory[] = []
  const believed = Math.min(until.begins, newest.timestamp + POSITION_BELIEVED_MS)
  for (const begin of schedule.beginsBetween(Math.max(newest.timestamp, until.settledUntil), believed)) {
    if (begin > until.ends && begin <= (until.waiting ?? Number.NEGATIVE_INFINITY)) continue
    if (stay !== undefined) overtaken.push({ ...known, stay })
    const { pending: _, ...decided } = known
    known = decided
    gone = next
    const { inside } = known
    const place = { timestamp: begin, location: newest.location, marks: { scheduled: true } }
    if (inside && expect !== 'inside') {
      telling.tell(fence, { event: 'enter', reason: expect ? 'schedule_expected' : 'schedule_began', ...place })
    } else if (!inside && expect === 'inside') {
      telling.tell(fence, { event: 'exit', reason: 'schedule_expected', ...place })
    }
    stay = inside && limits !== null ? { since: begin, last: newest } : undefined
    closeStay()
  }
  return { memory: stay === undefined ? known : { ...known, stay }, overtaken }
}

/** `cross`: what lies wholly between the fix before and this one. */
function crossBetween({ fence, fix, track }: FenceStep, memory: FenceMemory, telling: FenceTelling): FenceMemory {
  const from = previousCounted(fence, track)
  if (from === undefined) return memory
  // A schedule that began or ended meanwhile had its say.
  if (fence.schedule !== null && fence.schedule.stretchAt(from[0]).until <= fix.timestamp) return memory
  const { inside } = memory
  let stay = memory.stay
  for (const excursion of excursionsBetween(fence, inside, from, fix)) {
    const marks = { interpolated: true }
    const reason = 'crossed_between'
    const first: Happening = { event: inside ? 'exit' : 'enter', reason, ...excursion.from, marks }
    const second: Happening = { event: inside ? 'enter' : 'exit', reason, ...excursion.to, marks }
    if (inside && stay !== undefined && fence.stayLimits !== null) {
      tellInterpolated(
        fence,
        stay.since,
        Math.max(stay.since - 1, from[0]),
        excursion.from.timestamp,
        excursion,
        telling,
      )
      stay = { since: excursion.to.timestamp }
    }
    telling.tell(fence, first)
    if (!inside && fence.stayLimits !== null) {
      const { timestamp: since } = excursion.from
      tellInterpolated(fence, since, since - 1, excursion.to.timestamp, excursion, telling)
    }
    telling.tell(fence, second)
  }
  return stay === undefined ? memory : { ...memory, stay }
}

/** What is due by the clock alone in the stay that is known, and the next moment (event time) at which something will be. */
export function tellExpected(
  fence: CompiledFence,
  { stay, pending }: FenceMemory,
  newest: Fix,
  eventNow: number,
  telling: FenceTelling,
): number | null {
  const { stayLimits: limits, schedule } = fence
  if (stay === undefined || limits === null) return null
  const last = stay.last ?? newest
  let end = schedule === null ? Number.POSITIVE_INFINITY : schedule.endOf(stay.since) - 1
  if (pending !== undefined) end = Math.min(end, leavingTime(fence, last, pending.first))
  tellInferred(fence, stay.since, last, Math.min(eventNow, end), telling)
  const next = nextDue(limits, stay.since, last.timestamp, eventNow)
  return next <= end && next < Number.POSITIVE_INFINITY ? next : null
}

/** Without the geometry when nothing falls due on the way. */
function leavingTimeIfDue(fence: CompiledFence, { since }: Stay, last: Fix, gone: Fix): number {
  if (nextDue(fence.stayLimits!, since, last.timestamp, last.timestamp) > gone.timestamp) return last.timestamp
  return leavingTime(fence, last, gone)
}

function endStay(fence: CompiledFence, since: number, last: Fix, left: number, telling: FenceTelling): void {
  tellInferred(fence, since, last, left, telling)
  const { dwellMs } = fence.stayLimits!
  if (since + dwellMs <= left || dwellMs === Number.POSITIVE_INFINITY) return
  const facts = `${seconds(left - since)} of ${seconds(dwellMs)}`
  telling.withhold(fence, { event: 'dwell', reason: 'stay_too_short', location: last.location, facts })
}

/** What fell due since the last fix there, at the fix that shows that the device stays. Earlier repetitions keep their own times. */
function tellDueAtFix(fence: CompiledFence, since: number, after: number, fix: Fix, telling: FenceTelling): void {
  const all = dueBetween(fence.stayLimits!, since, after, fix.timestamp)
  const newest = all.findLast(({ kind }) => kind === 'repeat')
  for (const due of all) {
    const isEarlier = due.kind === 'repeat' && due !== newest
    telling.tell(
      fence,
      dwellOf(due, since, isEarlier ? due.due : fix.timestamp, fix, isEarlier ? { inferred: true } : {}),
    )
  }
}

function tellInferred(fence: CompiledFence, since: number, last: Fix, until: number, telling: FenceTelling): void {
  for (const due of dueBetween(fence.stayLimits!, since, last.timestamp, until)) {
    telling.tell(fence, dwellOf(due, since, due.due, last, { inferred: true }))
  }
}

function tellInterpolated(
  fence: CompiledFence,
  since: number,
  after: number,
  until: number,
  excursion: Excursion,
  telling: FenceTelling,
): void {
  for (const due of dueBetween(fence.stayLimits!, since, after, until)) {
    telling.tell(fence, dwellOf(due, since, due.due, excursion.at(due.due), { inferred: true, interpolated: true }))
  }
}

const DWELL_REASONS = { dwell: 'dwelled', repeat: 'dwell_repeated', overstay: 'overstayed' } as const

function dwellOf(
  { kind, repeat }: DueDwell,
  since: number,
  timestamp: number,
  { location }: Pick<Fix, 'location'>,
  marks: NonNullable<Happening['marks']>,
): Happening {
  const what = kind === 'overstay' ? { overstay: true } : kind === 'repeat' ? { repeat } : {}
  const facts = `${seconds(timestamp - since)} since it began`
  return {
    event: 'dwell',
    reason: DWELL_REASONS[kind],
    timestamp,
    location,
    since,
    facts,
    marks: { ...marks, ...what },
  }
}

/** A fix that does not show the device in the fence: the stay was last seen at the one before. */
export function pinned(memory: FenceMemory, previous: Fix | null): FenceMemory {
  const { stay } = memory
  return stay === undefined || stay.last !== undefined || previous === null
    ? memory
    : { ...memory, stay: { ...stay, last: previous } }
}

/** The new key comes before what is spread: after it, each object would get a shape of its own, which costs more than the rule. */
function withStay(side: Omit<FenceMemory, 'stay'>, stay: Stay | undefined): FenceMemory {
  return stay === undefined ? side : { stay, ...side }
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`
}
