import type { Decision } from './decision.ts'
import { type DeviceState, emptyState, type Fix } from './device-state.ts'
import { type AskedUntil, type EngineEvent, type Evaluation, evaluateFix, expectedBy } from './evaluate.ts'
import type { Surroundings } from './surroundings.ts'

/** Who is told what comes of a track, in the order of its fixes. */
export interface TrackListener {
  onEvent?(event: EngineEvent): void
  onDecision?(decision: Decision): void
}

/** A run over one device's fixes, fix by fix, so that whoever drives it can pause at any of them. */
export class TrackRun {
  readonly #surroundings: Surroundings
  readonly #listener: TrackListener
  #state: DeviceState

  constructor(surroundings: Surroundings, listener: TrackListener, state: DeviceState = emptyState()) {
    this.#surroundings = surroundings
    this.#listener = listener
    this.#state = state
  }

  get state(): DeviceState {
    return this.#state
  }

  /** @returns false when the fix is not newer than the last one: it changes nothing */
  take(fix: Fix): boolean {
    if (this.#state.newest !== null && fix.timestamp <= this.#state.newest.timestamp) return false
    const evaluated = evaluateFix(this.#surroundings, this.#state, fix)
    this.#state = evaluated.state
    this.#tell(evaluated)
    return true
  }

  /**
   * No further fix comes: what the clock makes of that. Between two fixes it need not be asked, because what it says there is
   * what the later fix says too, or is corrected by it.
   */
  rest(until: AskedUntil): void {
    this.#tell(expectedBy(this.#surroundings, this.#state, until))
  }

  #tell(told: Pick<Evaluation, 'events' | 'decisions'>): void {
    const { onEvent, onDecision } = this.#listener
    if (onEvent !== undefined) for (const event of told.events) onEvent(event)
    // They cost more than the rules, so they are not asked for unless somebody listens.
    if (onDecision !== undefined) for (const decision of told.decisions) onDecision(decision)
  }
}

/** Fixes in the order of their time, a new list; of several of one time the first stays, as the contract has it (§4.4). */
export function inOrder<Timed extends { readonly timestamp: number }>(fixes: readonly Timed[]): Timed[] {
  const sorted = [...fixes].sort((a, b) => a.timestamp - b.timestamp)
  return sorted.filter(({ timestamp }, i) => i === 0 || timestamp !== sorted[i - 1]!.timestamp)
}

/**
 * What comes of a whole track, given in any order, with repeats or without: the events that stand once all of it is known.
 * @param until asks the clock after the last fix; left out, the clock stops there
 * @returns the state after it, and how many fixes repeated the time of an earlier one
 */
export function runTrack(
  surroundings: Surroundings,
  fixes: readonly Fix[],
  listener: TrackListener,
  until?: AskedUntil,
): { readonly state: DeviceState; readonly repeated: number } {
  const run = new TrackRun(surroundings, listener)
  const track = inOrder(fixes)
  for (const fix of track) run.take(fix)
  if (until !== undefined) run.rest(until)
  return { state: run.state, repeated: fixes.length - track.length }
}
