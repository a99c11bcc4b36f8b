import { buildTopic, type FenceFeature, type LocationUpdate } from '../../contract/index.ts'
import {
  type DeviceState,
  evaluateFenceChange,
  FenceIndex,
  readFence,
  unchanging,
} from '../../geofence-engine/index.ts'
import { type Act, recordAudit } from '../store/audit.ts'
import type { Queryable } from '../store/database.ts'
import type { DecisionRow } from '../store/decisions.ts'
import { pageDeviceStates, saveDeviceStates } from '../store/device-states.ts'
import { ensureOrganisations } from '../store/devices.ts'
import { nextEpoch } from '../store/epochs.ts'
import { deleteFence, upsertFences } from '../store/fences.ts'
import { insertOutbox, type OutboxRow, type OutgoingMessage } from '../store/outbox.ts'
import { closeCauseless } from './close-causeless.ts'
import { dueAfter } from './due.ts'
import { transactionGivingWay } from './give-way.ts'
import { countEvents } from './metrics.ts'
import { persist, VersionConflict } from './persist.ts'
import type { Pipeline } from './pipeline.ts'
import { inSlices } from './slices.ts'
import { type CommittedState, keyOf } from './state-cache.ts'
import { storeDecisions } from './store-decisions.ts'
import { type EventChanges, type NewEvent, storeEvents } from './store-events.ts'

const PAGE = 500
/** Features in one statement: their text is copied on this thread. */
const WRITTEN_AT_ONCE = 100

interface Changed {
  readonly epoch: number
  readonly states: readonly CommittedState[]
  readonly changes: readonly EventChanges[]
  readonly outbox: readonly OutboxRow[]
}

interface Evaluated {
  readonly states: Map<string, CommittedState>
  readonly events: NewEvent[]
  readonly decisions: DecisionRow[]
}

/** Features of one organisation, checked and compiled before they take their turn. */
export interface PreparedFences {
  readonly features: readonly FenceFeature[]
  readonly changed: FenceIndex
}

/** Reads fences from outside; of two features with one id the last one stays. @throws TrackwireError fence_invalid */
export async function prepareFences(values: readonly unknown[]): Promise<PreparedFences> {
  const byId = new Map<string, FenceFeature>()
  await inSlices(values, value => {
    const feature = readFence(value)
    byId.set(feature.id, feature)
  })
  const features = [...byId.values()]
  const changed = new FenceIndex()
  await inSlices(features, feature => void changed.put(feature))
  return { features, changed }
}

/** Within the transaction of a change: whether it is to be made. */
export type Condition = (tx: Queryable) => Promise<boolean>

/**
 * Creates or replaces fences, all or nothing: the features, what they mean for every device's newest position, and the messages
 * are one transaction. @returns how many of them are new; null when the condition did not hold
 */
export async function commitFences(
  pipeline: Pipeline,
  org: string,
  prepared: PreparedFences,
  act?: Act,
  condition?: Condition,
): Promise<number | null> {
  const { fences, now } = pipeline
  const { features, changed } = prepared
  const committed = await persist(
    () =>
      transactionGivingWay(pipeline, async tx => {
        if (condition !== undefined && !(await condition(tx))) return null
        await ensureOrganisations(tx, [org], now())
        if (act !== undefined) await recordAudit(tx, act, now())
        const epoch = await nextEpoch(tx, org)
        const outbox: OutboxRow[] = []
        for (let start = 0; start < features.length; start += WRITTEN_AT_ONCE) {
          const part = features.slice(start, start + WRITTEN_AT_ONCE)
          await upsertFences(tx, org, part, epoch, now())
          const messages = part.map(feature => fenceMessage(org, feature.id, JSON.stringify(feature)))
          outbox.push(...(await insertOutbox(tx, messages, now())))
        }
        const ids = new Set(features.map(({ id }) => id))
        return evaluateDevices(pipeline, tx, { org, changed, ids, epoch, outbox })
      }),
    pipeline,
  )
  if (committed === null) return null
  const index = fences.of(org)
  const created = features.filter(({ id }) => index.get(id) === undefined).length
  await inSlices(features, feature => void index.put(feature, committed.epoch))
  applyToMemory(pipeline, org, committed)
  return created
}

/** Deletes a fence; devices forget it, nothing is announced but the empty retained messages of it and of incidents that it made. */
export async function commitFenceDeletion(
  pipeline: Pipeline,
  org: string,
  fenceId: string,
  act?: Act,
  condition?: Condition,
): Promise<boolean> {
  const { fences, now } = pipeline
  const committed = await persist(
    () =>
      transactionGivingWay(pipeline, async tx => {
        if (condition !== undefined && !(await condition(tx))) return null
        if (!(await deleteFence(tx, org, fenceId))) return null
        if (act !== undefined) await recordAudit(tx, act, now())
        const epoch = await nextEpoch(tx, org)
        const outbox = await insertOutbox(tx, [fenceMessage(org, fenceId, '')], now())
        return evaluateDevices(pipeline, tx, { org, changed: new FenceIndex(), ids: new Set([fenceId]), epoch, outbox })
      }),
    pipeline,
  )
  if (committed === null) return false
  fences.of(org).remove(fenceId)
  applyToMemory(pipeline, org, committed)
  return true
}

export function fenceMessage(org: string, fenceId: string, payload: string): OutgoingMessage {
  return { topic: buildTopic('fence', { org, fenceId }), payload, qos: 1, retain: true }
}

/** @param change `changed` are the fences as they are from now on; those of `ids` that are missing from it are deleted */
async function evaluateDevices(
  pipeline: Pipeline,
  tx: Queryable,
  change: { org: string; changed: FenceIndex; ids: ReadonlySet<string>; epoch: number; outbox: OutboxRow[] },
): Promise<Changed> {
  const { devices, fences, now, eventListener } = pipeline
  const { org, outbox, epoch, changed, ids } = change
  // A schedule concerns devices wherever they are.
  const scheduled = [...changed.all()].some(({ feature }) => feature.properties.schedule !== undefined)
  const states: CommittedState[] = []
  const changes: EventChanges[] = []
  let after: CommittedState | null = null
  for (;;) {
    const page: CommittedState[] = (await pageDeviceStates(tx, { org, after, limit: PAGE })).map(row => ({
      ...row,
      engine: row.engine as DeviceState,
    }))
    const evaluated: Evaluated = { states: new Map(), events: [], decisions: [] }
    for (const state of page) {
      evaluateDevice(state, devices.groups(org, state.deviceId), { ...change, scheduled }, now(), evaluated)
    }
    if (evaluated.states.size > 0) {
      const written = await saveDeviceStates(tx, [...evaluated.states.values()])
      if (written < evaluated.states.size) throw new VersionConflict()
      await storeDecisions(tx, evaluated.decisions, [])
      const outcome = { events: evaluated.events, retracted: [], amended: [] }
      const stored = await storeEvents(tx, outcome, { nowMs: now(), listener: eventListener })
      outbox.push(...stored.outbox)
      changes.push(stored.changes)
      states.push(...evaluated.states.values())
    }
    if (page.length < PAGE) break
    after = page.at(-1)!
  }
  const fence = (id: string) => (ids.has(id) ? changed : fences.of(org)).get(id)?.feature.properties
  outbox.push(...(await closeCauseless(pipeline, tx, { org, fenceIds: [...ids], fence })))
  return { epoch, states, changes, outbox }
}

/**
 * The device meets the change with its next fix, when the state that comes of it here becomes a checkpoint; see settled.ts.
 */
function evaluateDevice(
  state: CommittedState,
  groups: readonly string[],
  { changed, ids, scheduled }: { changed: FenceIndex; ids: ReadonlySet<string>; scheduled: boolean },
  nowMs: number,
  evaluated: Evaluated,
): void {
  const { org, deviceId, newest } = state
  let engine = state.engine
  const surroundings = unchanging({ org, deviceId, groups }, changed)
  for (const fenceId of concernedFences(engine, newest, changed, ids)) {
    const result = evaluateFenceChange(surroundings, engine, fenceId, changed.get(fenceId) ?? null)
    engine = result.state
    for (const event of result.events) evaluated.events.push({ org, event, causeTime: newest!.timestamp })
    const causeTime = newest?.timestamp ?? null
    for (const decision of result.decisions) evaluated.decisions.push({ org, deviceId, decision, causeTime })
  }
  // What the other fences make due is planned already.
  const mayBeDue = engine !== state.engine || scheduled
  const dueAt = mayBeDue ? dueAfter(surroundings, { ...state, engine }, nowMs) : state.dueAt
  if (engine !== state.engine || dueAt !== state.dueAt) evaluated.states.set(keyOf(state), { ...state, engine, dueAt })
}

/** Those the device is in now or was in before: for all others nothing changes. */
function concernedFences(
  { fences }: DeviceState,
  newest: LocationUpdate | null,
  changed: FenceIndex,
  ids: ReadonlySet<string>,
): Set<string> {
  const concerned = new Set(Object.keys(fences).filter(id => ids.has(id)))
  if (newest !== null) {
    const { lng, lat } = newest.location
    for (const { feature } of changed.covering(lng, lat)) concerned.add(feature.id)
  }
  return concerned
}

function applyToMemory({ states, fences, announcer, metrics, timers }: Pipeline, org: string, changed: Changed): void {
  fences.reached(org, changed.epoch)
  states.forget(changed.states.map(keyOf))
  for (const { dueAt } of changed.states) timers().dueAt(dueAt)
  for (const changes of changed.changes) countEvents(metrics, changes)
  announcer.enqueue(changed.outbox)
}
