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
import { causedByClock, type Reconciled, reconcile } from './provisional.ts'
import { type LateOutcome, reevaluate } from './reevaluate.ts'
import { meetEpoch } from './settled.ts'
import { inSlices } from './slices.ts'
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

export interface Evaluation {
  /** Changed states by device key, versions as they were read. */
  readonly states: Map<string, CommittedState>
  /** Keys of the devices whose newest fix is another one now. */
  readonly moved: ReadonlySet<string>
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
  state: { -readonly [Key in keyof CommittedState]: CommittedState[Key] }
  readonly checkpoints: Map<number, unknown>
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
  await inSlices(eachForward(tracks), ({ track, fix }) => goForward(track, fix))

  const contradicted: AnnouncedEvent[] = []
  const expected: ExpectedEvent[] = []
  await inSlices(tracks.values(), track => {
    const { org } = track.before
    const outcome = finish(track, context.nowMs)
    for (const { baseId } of outcome.contradicted) contradicted.push({ org, baseId })
    for (const event of outcome.expected) expected.push({ org, baseId: event.id, event })
  })
  const standing = await standingOf(db, [...contradicted, ...expected])
  return {
    states: new Map([...tracks].map(([key, { state }]) => [key, state])),
    moved: new Set([...tracks].filter(([, { forward }]) => forward.length > 0).map(([key]) => key)),
    checkpoints: [...tracks.values()].flatMap(({ before: { org, deviceId }, checkpoints }) =>
      [...checkpoints].map(([time, engine]) => ({ org, deviceId, time, engine })),
    ),
    outcome: {
      events: [...tracks.values()].flatMap(({ events }) => events),
      retracted: [
        ...[...outcomes.values()].flatMap(({ difference }) => difference.vanished),
        ...contradicted.flatMap(event => standing.get(baseKeyOf(event)) ?? []),
      ],
      amended: [
        ...[...outcomes.values()].flatMap(({ difference }) => difference.amended),
        ...expected.flatMap(now => asExpected(standing.get(baseKeyOf(now)), now)),
      ],
    },
    decisions: [...tracks.values()].flatMap(({ before: { org, deviceId }, decisions }) =>
      decisions.map(decided => ({ org, deviceId, ...decided })),
    ),
    replaced: [...outcomes].map(([key, { run }]) => {
      const { before, surroundings } = tracks.get(key)!
      return { org: before.org, deviceId: before.deviceId, surroundings, ...run.stretch }
    }),
  }
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
  const forward = new Map<string, EvaluatedFix[]>()
  for (const [key, met] of perDevice) {
    const newest = committed.get(key)!.newest?.timestamp ?? Number.NEGATIVE_INFINITY
    const sorted = inTimeOrder(met)
    older.push(...sorted.filter(({ fix }) => fix.timestamp < newest))
    forward.set(
      key,
      sorted.filter(({ fix }) => fix.timestamp > newest),
    )
  }
  const late = older.length === 0 ? [] : await unstoredOf(db, older)
  const tracks = new Map<string, Track>()
  for (const key of perDevice.keys()) {
    const lateOnes = late.filter(fix => fix.key === key).map(({ fix }) => fix)
    if (lateOnes.length + forward.get(key)!.length === 0) continue
    const before = committed.get(key)!
    tracks.set(key, trackOf(before, circumstancesOf(before.org, before.deviceId), lateOnes, forward.get(key)!))
  }
  return tracks
}

/** Oldest first; of several of one time the first to arrive. */
function inTimeOrder(fixes: readonly EvaluatedFix[]): EvaluatedFix[] {
  if (fixes.length === 1) return [fixes[0]!]
  const sorted = [...fixes].sort((a, b) => a.fix.timestamp - b.fix.timestamp)
  return sorted.filter(({ fix }, i) => fix.timestamp !== sorted[i - 1]?.fix.timestamp)
}

async function unstoredOf(db: Queryable, fixes: readonly EvaluatedFix[]): Promise<EvaluatedFix[]> {
  const unstored = await findUnstored(db, fixes)
  return fixes.filter((_, i) => unstored.has(i))
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
  return {
    before,
    surroundings: surroundingsIn(circumstances, changes),
    late,
    forward,
    unsaved,
    state: { ...before, changes },
    checkpoints: new Map(unsaved === undefined ? [] : [[unsaved.time, unsaved.engine]]),
    events: [],
    decisions: [],
  }
}

function applyLate(track: Track, { run, difference }: LateOutcome): void {
  const { org } = track.before
  for (const { time, engine } of run.checkpoints) track.checkpoints.set(time, engine)
  for (const { event, causeTime } of difference.appeared) track.events.push({ org, event: lateEvent(event), causeTime })
  track.decisions.push(...run.decisions)
  if (!run.met) track.state = { ...track.state, engine: run.state, sinceCheckpoint: run.sinceCheckpoint }
}

function* eachForward(tracks: ReadonlyMap<string, Track>): Iterable<{ track: Track; fix: EvaluatedFix }> {
  for (const track of tracks.values()) for (const fix of track.forward) yield { track, fix }
}

function goForward(track: Track, { org, fix, receivedAt }: EvaluatedFix): void {
  const { state, surroundings } = track
  const { newest } = state
  // After a long silence the history before it may be gone when a late fix asks for the state.
  if (newest !== null && fix.timestamp - newest.timestamp > DAY_MS)
    track.checkpoints.set(newest.timestamp, state.engine)
  const { state: engine, events, decisions } = evaluateFix(surroundings, state.engine, engineFix(fix))
  for (const event of events) track.events.push({ org, event, causeTime: fix.timestamp })
  for (const decision of decisions) track.decisions.push({ decision, causeTime: fix.timestamp })
  const isCheckpoint = state.sinceCheckpoint + 1 >= CHECKPOINT_INTERVAL
  if (isCheckpoint) track.checkpoints.set(fix.timestamp, engine)
  state.newest = fix
  state.engine = engine
  state.heardAt = receivedAt
  state.sinceCheckpoint = isCheckpoint ? 0 : state.sinceCheckpoint + 1
}

/** What the clock announced, against what the fixes said; when to look next. */
function finish(track: Track, nowMs: number): Pick<Reconciled, 'contradicted' | 'expected'> {
  const { surroundings } = track
  let outcome: Pick<Reconciled, 'contradicted' | 'expected'> = { contradicted: [], expected: [] }
  if (track.state.provisional !== null) {
    const given = new Set(track.events.map(({ event }) => event.id))
    const reconciled = reconcile(surroundings, track.state, given, nowMs)
    outcome = reconciled
    track.state.provisional = reconciled.provisional
  }
  track.state.dueAt = dueAfter(surroundings, track.state, nowMs)
  return outcome
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
