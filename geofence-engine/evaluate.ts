import type { DeviceEvent, GeofenceEvent } from '../contract/index.ts'
import type { CompiledFence } from './compiled-fence.ts'
import type { Decision } from './decision.ts'
import { applyDeviceRules } from './device-rules/apply-device-rules.ts'
import type { DeviceState, FenceMemory, Fix } from './device-state.ts'
import type { FenceIndex } from './fence-index.ts'
import { applyFenceRules, POSITION_BELIEVED_MS, passTime, pinned, tellExpected } from './fence-rules.ts'
import { FenceTelling } from './fence-telling.ts'
import { appliesTo } from './rules/applies-to.ts'
import { isWorthKeeping } from './rules/enter-exit.ts'
import { bestAccuracyWith, forgotten, unremembered } from './rules/initial.ts'
import type { Surroundings } from './surroundings.ts'
import { recentAfter, Track } from './track.ts'

export type EngineEvent = GeofenceEvent | DeviceEvent

export function isGeofenceEvent(event: EngineEvent): event is GeofenceEvent {
  return 'fenceName' in event
}

export interface Evaluation {
  readonly state: DeviceState
  /** What fences say in order of time, at one time exits before enters, each by fence id; then what the rules say. */
  readonly events: EngineEvent[]
  /** Why each of the events came, and why what might have come did not. Worked out each time it is read. */
  readonly decisions: Decision[]
}

/** Until when the clock is asked, milliseconds since the Unix epoch. */
export interface AskedUntil {
  /** Now in the device's event time: the newest fix's time and what has passed since it was received. Stays are due by it. */
  readonly eventNow: number
  /** Now by the wall clock: schedules begin by it. */
  readonly clock: number
  /**
   * When the newest fix was received, by the wall clock; left out: at its own time. A schedule that began before that is due in event
   * time: a device that sends what it kept for hours, or years, is likely to say itself where it was.
   */
  readonly heardAt?: number
}

/** What becomes of a device when no fix comes. */
export interface Expectation {
  /** What is due by the times asked for, marked `inferred` or `scheduled`; it depends on the state and these times alone. */
  readonly events: EngineEvent[]
  readonly decisions: Decision[]
  /** The next times after those at which something may be due, never later than it is, milliseconds; null: never. */
  readonly nextAt: { readonly inEventTime: number | null; readonly byClock: number | null }
}

/**
 * What one fix means for the fences of the device's organisation (contract §4). A fix of the newest one's time changes nothing;
 * one that is older changes nothing here either; both give back the same state. Inputs are never changed.
 */
export function evaluateFix(surroundings: Surroundings, state: DeviceState, fix: Fix): Evaluation {
  const { newest: previous } = state
  if (previous !== null && fix.timestamp <= previous.timestamp) return { state, events: [], decisions: [] }
  const { device, fences } = surroundings
  const { timestamp, location } = fix

  const covering = fences.covering(location.lng, location.lat)
  const remembered = Object.keys(state.fences)
  let concerned: Iterable<CompiledFence> = concernedBy(covering, remembered, fences)
  let track: Track | null = null
  if (previous !== null && fences.hasCrossing) {
    track = new Track(state, fix)
    concerned = new Set([...concerned, ...fences.crossedBy(track.fixes)])
  }
  if (previous !== null && fences.hasExpecting) {
    concerned = new Set([...concerned, ...fences.expectingBetween(previous.timestamp, timestamp)])
  }

  let telling: FenceTelling | null = null
  const kept: [string, FenceMemory][] = []
  /** Most fixes change nothing: then what is remembered is not copied. */
  let unchanged = 0
  for (const fence of concerned) {
    const { id, properties } = fence.feature
    const settledUntil = surroundings.settledUntil(Math.max(fence.epoch, surroundings.epoch))
    if (timestamp <= settledUntil) {
      const settled = memoryOf(state, id)
      if (settled !== undefined) kept.push([id, pinned(settled, previous)])
      continue
    }
    if (!appliesTo(properties, device)) continue
    const inside = covering.includes(fence)
    const before = memoryOf(state, id) ?? unremembered(state, fence.noise?.maxAccuracy)
    if (fence.isPlain && inside === before.inside) {
      if (!inside) continue
      if (isBare(before)) unchanged += 1
      kept.push([id, isBare(before) ? before : STAYS])
      continue
    }
    telling ??= new FenceTelling(device, timestamp)
    track ??= new Track(state, fix)
    const memory = applyFenceRules({ fence, memory: before, inside, fix, previous, track, settledUntil }, telling)
    if (isWorthKeeping(memory)) kept.push([id, memory])
  }
  const after: { -readonly [Part in keyof DeviceState]: DeviceState[Part] } = {
    newest: fix,
    fences: unchanged === kept.length && unchanged === remembered.length ? state.fences : Object.fromEntries(kept),
  }
  const bestAccuracy = bestAccuracyWith(state, fix)
  if (bestAccuracy !== undefined) after.bestAccuracy = bestAccuracy
  if (fences.looksBack) after.recent = recentAfter(state)
  const ruled = applyDeviceRules(surroundings, state, fix, covering)
  if (ruled.rules !== undefined) after.rules = ruled.rules
  return new Told(after, telling, ruled)
}

/**
 * What the clock makes of a device from which no fix comes: dwell, overstay, schedules that begin. Changes no state: the next fix
 * is evaluated as if the clock had not been asked, and what it then contradicts is corrected by whoever announced it.
 * What is due stays due until a fix comes: each call gives all of it, with the same ids.
 */
export function expectedBy(
  surroundings: Surroundings,
  state: DeviceState,
  { eventNow, clock, heardAt }: AskedUntil,
): Expectation {
  const { device, fences } = surroundings
  const { newest } = state
  const concerned = newest === null ? [] : timedFences(fences, state)
  if (newest === null || concerned.length === 0) {
    return { events: [], decisions: [], nextAt: { inEventTime: null, byClock: null } }
  }
  const inEventTime = new Earliest()
  const byClock = new Earliest()
  const received = heardAt ?? newest.timestamp
  const telling = new FenceTelling(device, Math.max(eventNow, clock))
  for (const fence of concerned) {
    const { stayLimits, schedule } = fence
    if (!appliesTo(fence.feature.properties, device)) continue
    const settledUntil = surroundings.settledUntil(Math.max(fence.epoch, surroundings.epoch))
    const before = memoryOf(state, fence.feature.id) ?? unremembered(state, fence.noise?.maxAccuracy)
    const until = { begins: clock, ends: eventNow, waiting: received, settledUntil }
    const { memory, overtaken } = passTime(fence, before, newest, undefined, until, telling)
    for (const stays of [...overtaken, memory]) inEventTime.add(tellExpected(fence, stays, newest, eventNow, telling))
    const tellsOfBegin = before.undecided !== true && before.inside === (schedule?.expect !== 'inside')
    if (schedule === null || !(tellsOfBegin || (before.inside && stayLimits !== null))) continue
    const believed = newest.timestamp + POSITION_BELIEVED_MS
    const waits = schedule.nextBegin(Math.max(eventNow, newest.timestamp, settledUntil))
    if (waits <= Math.min(received, believed)) inEventTime.add(waits)
    const begin = schedule.nextBegin(Math.max(clock, received, newest.timestamp, settledUntil))
    if (begin <= believed) byClock.add(begin)
  }
  const { events, decisions } = new Told(state, telling)
  return { events, decisions, nextAt: { inEventTime: inEventTime.time, byClock: byClock.time } }
}

/**
 * A fence was created or replaced (`fence`) or deleted (null): the newest position is evaluated against it at once (contract §4.6).
 * An enter that comes of it is `initial`: the device did not cross the boundary, it was found inside.
 */
export function evaluateFenceChange(
  { device }: Surroundings,
  state: DeviceState,
  fenceId: string,
  fence: CompiledFence | null,
): Evaluation {
  const { newest } = state
  const telling = new FenceTelling(device, newest?.timestamp ?? 0)
  const remembered = new Map(Object.entries(state.fences))
  const known = remembered.get(fenceId)
  if (fence === null || newest === null || !appliesTo(fence.feature.properties, device)) {
    if (!remembered.delete(fenceId)) return { state, events: [], decisions: [] }
    return new Told({ ...state, fences: Object.fromEntries(remembered) }, telling)
  }
  const memory = applyFenceRules(
    {
      fence,
      memory: forgotten(known, fence, newest),
      inside: fence.covers(newest.location.lng, newest.location.lat),
      fix: newest,
      previous: null,
      track: new Track(state, null),
      settledUntil: Number.NEGATIVE_INFINITY,
    },
    telling,
  )
  if (isWorthKeeping(memory)) remembered.set(fenceId, memory)
  else if (!remembered.delete(fenceId)) return new Told(state, telling)
  return new Told({ ...state, fences: Object.fromEntries(remembered) }, telling)
}

const STAYS: FenceMemory = { inside: true }

function isBare({ stay, withheld, pending, undecided }: FenceMemory): boolean {
  return stay === undefined && withheld === undefined && pending === undefined && undecided === undefined
}

/** An id may be the name of something that every object has. */
function memoryOf({ fences }: DeviceState, fenceId: string): FenceMemory | undefined {
  return Object.hasOwn(fences, fenceId) ? fences[fenceId] : undefined
}

/** The fences for which time passes: those that devices should be inside of, and of those remembered the ones with limits or a schedule. */
function timedFences(fences: FenceIndex, { fences: remembered }: DeviceState): readonly CompiledFence[] {
  const timed = fences.hasExpecting ? [...fences.expecting()] : []
  for (const fenceId of Object.keys(remembered)) {
    const fence = fences.get(fenceId)
    if (fence === undefined || (fence.stayLimits === null && fence.schedule === null)) continue
    if (!timed.includes(fence)) timed.push(fence)
  }
  return timed
}

/** The fences that cover the position and those that are remembered, each once. */
function concernedBy(
  covering: CompiledFence[],
  remembered: readonly string[],
  fences: FenceIndex,
): readonly CompiledFence[] {
  let concerned = covering
  for (const fenceId of remembered) {
    const fence = fences.get(fenceId)
    if (fence === undefined || covering.includes(fence)) continue
    if (concerned === covering) concerned = [...covering]
    concerned.push(fence)
  }
  return concerned
}

/** An {@link Evaluation} whose decisions are worked out when they are read. */
class Told implements Evaluation {
  readonly state: DeviceState
  readonly events: EngineEvent[]
  readonly #telling: FenceTelling | null
  readonly #ruled: readonly Decision[]

  constructor(
    state: DeviceState,
    telling: FenceTelling | null,
    ruled: Pick<Evaluation, 'events' | 'decisions'> = NOTHING,
  ) {
    this.state = state
    const events = telling === null ? [] : telling.events
    this.events = ruled.events.length === 0 ? events : [...events, ...ruled.events]
    this.#telling = telling
    this.#ruled = ruled.decisions
  }

  get decisions(): Decision[] {
    return this.#telling === null ? [...this.#ruled] : [...this.#telling.decisions(), ...this.#ruled]
  }
}

const NOTHING: Pick<Evaluation, 'events' | 'decisions'> = { events: [], decisions: [] }

class Earliest {
  time: number | null = null

  add(time: number | null): void {
    if (time !== null && (this.time === null || time < this.time)) this.time = time
  }
}
