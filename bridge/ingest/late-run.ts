import type { LocationUpdate } from '../../contract/index.ts'
import {
  type Decision,
  type DeviceState,
  type EngineEvent,
  emptyState,
  engineFix,
  evaluateFix,
  type Surroundings,
} from '../../geofence-engine/index.ts'
import type { Checkpoint } from '../store/checkpoints.ts'
import type { HistoryPage } from '../store/stretches.ts'
import { leadToTheSame, passChange } from './settled.ts'

/** Fixes between two checkpoints: a late fix costs about as many evaluations, a checkpoint a row. */
export const CHECKPOINT_INTERVAL = 64

/** A reason as a run of the rules gives it. */
export interface CausedDecision {
  readonly decision: Decision
  /** The time of the fix that decided it. */
  readonly causeTime: number
}

/** An event as a run of the rules gives it. */
export interface DecidedEvent {
  readonly event: EngineEvent
  /** The time of the fix that decided it. */
  readonly causeTime: number
}

export interface LateRunOptions {
  readonly surroundings: Surroundings
  /** Where it starts: the last checkpoint before the first late fix; undefined: before everything. */
  readonly start: Checkpoint | undefined
  /** Not stored yet, oldest first, each time once. */
  readonly late: readonly LocationUpdate[]
  /** At which of its times the device met changes of fences or rules. */
  readonly changeTimes: ReadonlySet<number>
  /** A checkpoint that is not in the database yet: of the change that the device meets just now. */
  readonly unsaved: Checkpoint | undefined
}

/**
 * Evaluates the history of one device again, with its late fixes, from a checkpoint to where the outcome meets what is known: the
 * first checkpoint after the last late fix that is the same. It is fed page by page and touches no database.
 */
export class LateRun {
  readonly #options: LateRunOptions
  readonly #events: DecidedEvent[] = []
  readonly #decisions: CausedDecision[] = []
  readonly #times = new Set<number>()
  readonly #checkpoints = new Map<number, DeviceState>()
  #state: DeviceState
  #nextLate = 0
  #after: number
  #since = 0
  /** The state {@link CHECKPOINT_INTERVAL} fixes after the last checkpoint: becomes one when as many more follow. */
  #candidate: DeviceState | undefined
  #metAt: number | undefined
  #isOver = false

  constructor(options: LateRunOptions) {
    this.#options = options
    const { start } = options
    this.#state = start === undefined ? emptyState() : (start.engine as DeviceState)
    this.#after = start?.time ?? Number.MIN_SAFE_INTEGER
  }

  /** The page of history to feed next is the one after this time. */
  get after(): number {
    return this.#after
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** From the first late fix to where it met what is known, or to the end: both inclusive. */
  get stretch(): { readonly from: number; readonly to: number } {
    return { from: this.#options.late[0]!.timestamp, to: this.#metAt ?? Number.MAX_SAFE_INTEGER }
  }

  /** Whether it met a checkpoint: from there on nothing differs, and the device's state is what it was. */
  get met(): boolean {
    return this.#metAt !== undefined
  }

  get state(): DeviceState {
    return this.#state
  }

  get sinceCheckpoint(): number {
    return this.#since
  }

  /** What was decided from the first late fix on. */
  get events(): readonly DecidedEvent[] {
    return this.#events
  }

  get decisions(): readonly CausedDecision[] {
    return this.#decisions
  }

  /** Whether a fix of that time was evaluated. */
  evaluated(time: number): boolean {
    return this.#times.has(time)
  }

  /** Those that are new or say something else than before. */
  get checkpoints(): Checkpoint[] {
    return [...this.#checkpoints].map(([time, engine]) => ({ time, engine }))
  }

  feed({ fixes, checkpoints, until }: HistoryPage): void {
    const { unsaved } = this.#options
    const marks = unsaved === undefined ? checkpoints : [...checkpoints, unsaved]
    const known = new Map(marks.map(({ time, engine }) => [time, engine as DeviceState]))
    for (const fix of this.#merged(fixes, until ?? Number.POSITIVE_INFINITY)) {
      this.#step(fix, known.get(fix.timestamp))
      if (this.#isOver) return
    }
    if (until === null) this.#end()
    else this.#after = until
  }

  *#merged(fixes: readonly LocationUpdate[], until: number): Iterable<LocationUpdate> {
    const { late } = this.#options
    for (const fix of fixes) {
      while (this.#nextLate < late.length && late[this.#nextLate]!.timestamp < fix.timestamp)
        yield late[this.#nextLate++]!
      yield fix
    }
    while (this.#nextLate < late.length && late[this.#nextLate]!.timestamp <= until) yield late[this.#nextLate++]!
  }

  #step(fix: LocationUpdate, known: DeviceState | undefined): void {
    const { surroundings, late, changeTimes } = this.#options
    const { timestamp } = fix
    const { state, events, decisions } = evaluateFix(surroundings, this.#state, engineFix(fix))
    this.#state = state
    this.#times.add(timestamp)
    // Before the first late fix nothing is new: whatever differs there differs because older fixes are gone.
    if (timestamp >= late[0]!.timestamp) {
      for (const event of events) this.#events.push({ event, causeTime: timestamp })
      for (const decision of decisions) this.#decisions.push({ decision, causeTime: timestamp })
    }
    this.#since++
    if (known === undefined) {
      this.#markLongStretch()
      return
    }
    if (changeTimes.has(timestamp)) this.#state = passChange(surroundings, this.#state, known, timestamp)
    if (!leadToTheSame(surroundings, this.#state, known, timestamp)) this.#checkpoints.set(timestamp, this.#state)
    else if (timestamp > late.at(-1)!.timestamp) {
      this.#metAt = timestamp
      this.#isOver = true
    }
    this.#since = 0
    this.#candidate = undefined
  }

  #markLongStretch(): void {
    if (this.#since === CHECKPOINT_INTERVAL) this.#candidate = this.#state
    if (this.#since < 2 * CHECKPOINT_INTERVAL) return
    this.#checkpoints.set(this.#candidate!.newest!.timestamp, this.#candidate!)
    this.#candidate = this.#state
    this.#since = CHECKPOINT_INTERVAL
  }

  #end(): void {
    this.#isOver = true
    if (this.#candidate === undefined) return
    this.#checkpoints.set(this.#candidate.newest!.timestamp, this.#candidate)
    this.#since -= CHECKPOINT_INTERVAL
  }
}
