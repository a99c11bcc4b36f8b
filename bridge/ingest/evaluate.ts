import type { LocationUpdate } from '../../contract/index.ts'
import { type EngineEvent, engineFix, evaluateFix, type Surroundings } from '../../geofence-engine/index.ts'
import type { Checkpoint, CheckpointRow } from '../store/checkpoints.ts'
import type { Queryable } from '../store/database.ts'
import type { DecisionRow } from '../store/decisions.ts'
import type { DeviceKey } from '../store/device-states.ts'
import { findByBase, type StoredEvent } from '../store/events.ts'
import { findUnstored } from '../store/fixes.ts'
import { DAY_MS } from '../store/partitions.ts'
import { dueAfter } from './due.ts'
import { amendment, lateEvent } from './event-difference.ts'
import { type CausedDecision, CHECKPOINT_INTERVAL } from './late-run.ts'
import { causedByClock, reconcile } from './provisional.ts'
import { type LateOutcome, reevaluate } from './reevaluate.ts'
import { meetEpoch } from './settled.ts'
import { Slices } from './slices.ts'
import type { CommittedState } from './state-cache.ts'
import type { EventOutcome, NewEvent } from './store-events.ts'
import { type Circumstances, surroundingsIn } from './surroundings.ts'

export interface EvaluatedFix extends DeviceKey {
  readonly key: string
  readonly receivedAt: number
  readonly fix: LocationUpdate
}

/** A stretch of a device's time that was evaluated again: what was decided in it before gives way. Both ends inclusive. */
export interface ReplacedStretch extends DeviceKey {
  readonly from: number
  readonly to: number
  readonly surroundings: Surroundings
}

type Changing<State> = { -readonly [Key in keyof State]: State[Key] }

export interface Evaluation {
  /** Changed states by device key, versions as they were read. They belong to whoever asked for the evaluation. */
  readonly states: ReadonlyMap<string, Changing<CommittedState>>
  /** The devices whose newest fix is another one now. */
  readonly moved: readonly CommittedState[]
  readonly checkpoints: readonly CheckpointRow[]
  readonly outcome: EventOutcome
  readonly decisions: readonly DecisionRow[]
  readonly replaced: readonly ReplacedStretch[]
}

export interface EvaluationContext {
  readonly nowMs: number
  circumstancesOf(org: string, deviceId: string): Circumstances
  /** Runs between pieces of work that takes long. */
  betweenRounds(): Promise<void>
}

/** An event that the clock announced. */
interface AnnouncedEvent {
  readonly org: string
  readonly baseId: string
}

interface ExpectedEvent extends AnnouncedEvent {
  /** As it is expected now. */
  readonly event: EngineEvent
}

/** One device while its fixes of a group are evaluated. */
interface Track {
  readonly before: CommittedState
  readonly surroundings: Surroundings
  readonly late: readonly LocationUpdate[]
  readonly forward: readonly EvaluatedFix[]
  readonly unsaved: Checkpoint | undefined
  /** A copy of its own, which goes on with every fix. */
  state: Changing<CommittedState>
  /** The engine's state by the time at which it is kept; undefined: at none. */
  checkpoints: Map<number, unknown> | undefined
  readonly events: NewEvent[]
  readonly decisions: CausedDecision[]
}

/**
 * Runs the rules over a group of fixes, whatever their order. Those that are newer than their device's newest go on from its state;
 * older ones, unless they are stored already, have the stretch that they change evaluated again. Of several fixes of one time
 * the first to arrive counts. Reads the database, changes nothing it was given.
 */
export async function evaluate(
  db: Queryable,
  fixes: readonly EvaluatedFix[],
  committed: ReadonlyMap<string, CommittedState>,
  context: EvaluationContext,
): Promise<Evaluation> {
  const tracks = await tracksOf(db, fixes, committed, context)
  const late = [...tracks.values()].filter(track => track.late.length > 0)
  const outcomes =
    late.length === 0
      ? new Map<string, LateOutcome>()
      : await reevaluate(
          db,
          late.map(({ state, surroundings, late, unsaved }) => ({ state, surroundings, late, unsaved })),
          context.betweenRounds,
        )
  for (const [key, outcome] of outcomes) applyLate(tracks.get(key)!, outcome)

  const contradicted: AnnouncedEvent[] = []
  const expected: ExpectedEvent[] = []
  const slices = new Slices()
  for (const track of tracks.values()) {
    for (const fix of track.forward) {
      goForward(track, fix)
      if (slices.isOver) await slices.next()
    }
    finish(track, context.nowMs, { contradicted, expected })
    if (slices.isOver) await slices.next()
  }
  const standing = await standingOf(db, [...contradicted, ...expected])
  const { states, moved, checkpoints, events, decisions } = gathered(tracks)
  return {
    states,
    moved,
    checkpoints,
    outcome: {
      events,
      retracted: [
        ...[...outcomes.values()].flatMap(({ difference }) => difference.vanished),
        ...contradicted.flatMap(event => standing.get(baseKeyOf(event)) ?? []),
      ],
      amended: [
        ...[...outcomes.values()].flatMap(({ difference }) => difference.amended),
        ...expected.flatMap(now => asExpected(standing.get(baseKeyOf(now)), now)),
      ],
    },
    decisions,
    replaced: [...outcomes].map(([key, { run }]) => {
      const { before, surroundings } = tracks.get(key)!
      return { org: before.org, deviceId: before.deviceId, surroundings, ...run.stretch }
    }),
  }
}

/**
 * One device's state after one more fix, where that is all that comes of it. Null: something is announced or decided, or will be when the
 * time comes, or more than the device's state has to be asked.
 */
export function foresee(
  before: CommittedState,
  fix: EvaluatedFix,
  circumstances: Circumstances,
  nowMs: number,
): CommittedState | null {
  const { newest, provisional, dueAt } = before
  if (newest === null || fix.fix.timestamp <= newest.timestamp || provisional !== null || dueAt !== null) return null
  const track = trackOf(before, circumstances, [], [fix])
  if (track.unsaved !== undefined) return null
  goForward(track, fix)
  finish(track, nowMs, { contradicted: [], expected: [] })
  const { state, events, decisions } = track
  return events.length + decisions.length === 0 && state.dueAt === null ? state : null
}

/** What came of all tracks. */
function gathered(tracks: ReadonlyMap<string, Track>) {
  const states = new Map<string, Changing<CommittedState>>()
  const moved: CommittedState[] = []
  const checkpoints: CheckpointRow[] = []
  const events: NewEvent[] = []
  const decisions: DecisionRow[] = []
  for (const [key, track] of tracks) {
    const { org, deviceId } = track.before
    states.set(key, track.state)
    if (track.forward.length > 0) moved.push(track.state)
    if (track.checkpoints !== undefined) {
      for (const [time, engine] of track.checkpoints) checkpoints.push({ org, deviceId, time, engine })
    }
    for (const event of track.events) events.push(event)
    for (const { decision, causeTime } of track.decisions) decisions.push({ org, deviceId, decision, causeTime })
  }
  return { states, moved, checkpoints, events, decisions }
}

async function tracksOf(
  db: Queryable,
  fixes: readonly EvaluatedFix[],
  committed: ReadonlyMap<string, CommittedState>,
  { circumstancesOf }: EvaluationContext,
): Promise<Map<string, Track>> {
  const perDevice = new Map<string, EvaluatedFix[]>()
  for (const fix of fixes) {
    const met = perDevice.get(fix.key)
    if (met === undefined) perDevice.set(fix.key, [fix])
    else met.push(fix)
  }
  const older: EvaluatedFix[] = []
  for (const [key, met] of perDevice) {
    const newest = newestTimeOf(committed.get(key)!)
    const sorted = inTimeOrder(met)
    perDevice.set(key, sorted)
    if (sorted[0]!.fix.timestamp < newest) older.push(...sorted.filter(({ fix }) => fix.timestamp < newest))
  }
  const late = older.length === 0 ? NONE_LATE : await unstoredOf(db, older)
  const tracks = new Map<string, Track>()
  for (const [key, sorted] of perDevice) {
    const before = committed.get(key)!
    const newest = newestTimeOf(before)
    const forward = sorted[0]!.fix.timestamp > newest ? sorted : sorted.filter(({ fix }) => fix.timestamp > newest)
    const lateOnes = late.get(key) ?? []
    if (lateOnes.length + forward.length === 0) continue
    tracks.set(key, trackOf(before, circumstancesOf(before.org, before.deviceId), lateOnes, forward))
  }
  return tracks
}

function newestTimeOf({ newest }: CommittedState): number {
  return newest === null ? Number.NEGATIVE_INFINITY : newest.timestamp
}

/** Oldest first; of several of one time the first to arrive. */
function inTimeOrder(fixes: EvaluatedFix[]): EvaluatedFix[] {
  if (fixes.length === 1) return fixes
  const sorted = [...fixes].sort((a, b) => a.fix.timestamp - b.fix.timestamp)
  return sorted.filter(({ fix }, i) => fix.timestamp !== sorted[i - 1]?.fix.timestamp)
}

const NONE_LATE: ReadonlyMap<string, readonly LocationUpdate[]> = new Map()

/** Those that are not stored, by device key, in order. */
async function unstoredOf(db: Queryable, fixes: readonly EvaluatedFix[]): Promise<Map<string, LocationUpdate[]>> {
  const perDevice = new Map<string, LocationUpdate[]>()
  const unstored = await findUnstored(db, fixes)
  for (const [index, { key, fix }] of fixes.entries()) {
    if (!unstored.has(index)) continue
    const known = perDevice.get(key)
    if (known === undefined) perDevice.set(key, [fix])
    else known.push(fix)
  }
  return perDevice
}

function trackOf(
  before: CommittedState,
  circumstances: Circumstances,
  late: readonly LocationUpdate[],
  forward: readonly EvaluatedFix[],
): Track {
  const { newest, engine } = before
  const changes = meetEpoch(before.changes, circumstances.orgEpoch, newest?.timestamp ?? null)
  const meetsChange = changes !== before.changes && newest !== null
  const unsaved = meetsChange ? { time: newest.timestamp, engine } : undefined
  const checkpoints = unsaved === undefined ? undefined : new Map([[unsaved.time, unsaved.engine as unknown]])
  return {
    before,
    surroundings: surroundingsIn(circumstances, changes),
    late,
    forward,
    unsaved,
    state: { ...before, changes },
    checkpoints,
    events: [],
    decisions: [],
  }
}

function applyLate(track: Track, { run, difference }: LateOutcome): void {
  const { org } = track.before
  for (const { time, engine } of run.checkpoints) keepCheckpoint(track, time, engine)
  for (const { event, causeTime } of difference.appeared) track.events.push({ org, event: lateEvent(event), causeTime })
  track.decisions.push(...run.decisions)
  if (!run.met) track.state = { ...track.state, engine: run.state, sinceCheckpoint: run.sinceCheckpoint }
}

function keepCheckpoint(track: Track, time: number, engine: unknown): void {
  track.checkpoints ??= new Map()
  track.checkpoints.set(time, engine)
}

function goForward(track: Track, { org, fix, receivedAt }: EvaluatedFix): void {
  const { state, surroundings } = track
  const { newest } = state
  // After a long silence the history before it may be gone when a late fix asks for the state.
  if (newest !== null && fix.timestamp - newest.timestamp > DAY_MS) {
    keepCheckpoint(track, newest.timestamp, state.engine)
  }
  const { state: engine, events, decisions } = evaluateFix(surroundings, state.engine, engineFix(fix))
  for (const event of events) track.events.push({ org, event, causeTime: fix.timestamp })
  for (const decision of decisions) track.decisions.push({ decision, causeTime: fix.timestamp })
  const isCheckpoint = state.sinceCheckpoint + 1 >= CHECKPOINT_INTERVAL
  if (isCheckpoint) keepCheckpoint(track, fix.timestamp, engine)
  state.newest = fix
  state.engine = engine
  state.heardAt = receivedAt
  state.sinceCheckpoint = isCheckpoint ? 0 : state.sinceCheckpoint + 1
}

/** What the clock announced, against what the fixes said; when to look next. */
function finish(
  track: Track,
  nowMs: number,
  found: { readonly contradicted: AnnouncedEvent[]; readonly expected: ExpectedEvent[] },
): void {
  const { surroundings, state } = track
  const { org } = state
  if (state.provisional !== null) {
    const given = new Set(track.events.map(({ event }) => event.id))
    const { provisional, contradicted, expected } = reconcile(surroundings, state, given, nowMs)
    state.provisional = provisional
    for (const { baseId } of contradicted) found.contradicted.push({ org, baseId })
    for (const event of expected) found.expected.push({ org, baseId: event.id, event })
  }
  state.dueAt = dueAfter(surroundings, state, nowMs)
}

/** Those of them that stand. */
async function standingOf(db: Queryable, events: readonly AnnouncedEvent[]): Promise<Map<string, StoredEvent>> {
  if (events.length === 0) return new Map()
  const found = await findByBase(db, events)
  return new Map(found.filter(({ retractedAt }) => retractedAt === null).map(stands => [baseKeyOf(stands), stands]))
}

function asExpected(stands: StoredEvent | undefined, { event }: ExpectedEvent): readonly StoredEvent[] {
  const changed = stands === undefined ? null : amendment(stands, causedByClock(event))
  return changed === null ? [] : [changed]
}

function baseKeyOf({ org, baseId }: AnnouncedEvent): string {
  return `${org}/${baseId}`
}
