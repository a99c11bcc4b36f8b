import { buildTopic, type FenceFeature, type LocationUpdate } from '../../contract/index.ts'
import {
  type DeviceState,
  evaluateFenceChange,
  FenceIndex,
  readFence,
  unchanging,
} from '../../geofence-engine/index.ts'
import type { Queryable } from '../store/database.ts'
import { pageDeviceStates, saveDeviceStates } from '../store/device-states.ts'
import { ensureOrganisations } from '../store/devices.ts'
import { deleteFence, upsertFences } from '../store/fences.ts'
import { insertOutbox, type OutboxRow, type OutgoingMessage } from '../store/outbox.ts'
import { storeEvents } from './commit-fixes.ts'
import type { Evaluation } from './evaluate.ts'
import { persist, VersionConflict } from './persist.ts'
import type { Pipeline } from './pipeline.ts'
import { inSlices } from './slices.ts'
import { type CommittedState, keyOf } from './state-cache.ts'

const PAGE = 500
/** Features in one statement: their text is copied on this thread. */
const WRITTEN_AT_ONCE = 100

interface Changed {
  readonly states: readonly string[]
  readonly events: Evaluation['events']
  readonly outbox: readonly OutboxRow[]
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

/**
 * Creates or replaces fences, all or nothing: the features, what they mean for every device's newest position, and the messages
 * are one transaction. @returns how many of them are new
 */
export async function commitFences(pipeline: Pipeline, org: string, prepared: PreparedFences): Promise<number> {
  const { db, fences, now } = pipeline
  const { features, changed } = prepared
  const committed = await persist(
    () =>
      db.transaction(async tx => {
        await ensureOrganisations(tx, [org], now())
        const outbox: OutboxRow[] = []
        for (let start = 0; start < features.length; start += WRITTEN_AT_ONCE) {
          const part = features.slice(start, start + WRITTEN_AT_ONCE)
          await upsertFences(tx, org, part, now())
          const messages = part.map(feature => fenceMessage(org, feature.id, JSON.stringify(feature)))
          outbox.push(...(await insertOutbox(tx, messages, now())))
        }
        const ids = new Set(features.map(({ id }) => id))
        return evaluateDevices(pipeline, tx, { org, changed, ids, outbox })
      }),
    pipeline,
  )
  const index = fences.of(org)
  const created = features.filter(({ id }) => index.get(id) === undefined).length
  await inSlices(features, feature => void index.put(feature))
  applyToMemory(pipeline, committed)
  return created
}

/** Deletes a fence; devices forget it, nothing is announced but the empty retained message. */
export async function commitFenceDeletion(pipeline: Pipeline, org: string, fenceId: string): Promise<boolean> {
  const { db, fences, now } = pipeline
  const committed = await persist(
    () =>
      db.transaction(async tx => {
        if (!(await deleteFence(tx, org, fenceId))) return null
        const outbox = await insertOutbox(tx, [fenceMessage(org, fenceId, '')], now())
        return evaluateDevices(pipeline, tx, { org, changed: new FenceIndex(), ids: new Set([fenceId]), outbox })
      }),
    pipeline,
  )
  if (committed === null) return false
  fences.of(org).remove(fenceId)
  applyToMemory(pipeline, committed)
  return true
}

export function fenceMessage(org: string, fenceId: string, payload: string): OutgoingMessage {
  return { topic: buildTopic('fence', { org, fenceId }), payload, qos: 1, retain: true }
}

/** @param changed the fences as they are from now on; those of `ids` that are missing from it are deleted */
async function evaluateDevices(
  { devices, now }: Pipeline,
  tx: Queryable,
  { org, changed, ids, outbox }: { org: string; changed: FenceIndex; ids: ReadonlySet<string>; outbox: OutboxRow[] },
): Promise<Changed> {
  const states: string[] = []
  const events: Evaluation['events'] = []
  let after: CommittedState | null = null
  for (;;) {
    const page: CommittedState[] = (await pageDeviceStates(tx, { org, after, limit: PAGE })).map(row => ({
      ...row,
      engine: row.engine as DeviceState,
    }))
    const evaluated: Evaluation = { states: new Map(), events: [] }
    for (const state of page) evaluateDevice(state, devices.groups(org, state.deviceId), changed, ids, evaluated)
    if (evaluated.states.size > 0) {
      const written = await saveDeviceStates(tx, [...evaluated.states.values()])
      if (written < evaluated.states.size) throw new VersionConflict()
      outbox.push(...(await storeEvents(tx, evaluated, now())))
      states.push(...evaluated.states.keys())
      events.push(...evaluated.events)
    }
    if (page.length < PAGE) return { states, events, outbox }
    after = page.at(-1)!
  }
}

function evaluateDevice(
  state: CommittedState,
  groups: readonly string[],
  changed: FenceIndex,
  ids: ReadonlySet<string>,
  evaluated: Evaluation,
): void {
  const { org, deviceId, newest } = state
  let engine = state.engine
  const surroundings = unchanging({ org, deviceId, groups }, changed)
  for (const fenceId of concernedFences(engine, newest, changed, ids)) {
    const result = evaluateFenceChange(surroundings, engine, fenceId, changed.get(fenceId) ?? null)
    engine = result.state
    for (const event of result.events) evaluated.events.push({ org, event })
  }
  if (engine !== state.engine) evaluated.states.set(keyOf(state), { ...state, engine })
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

function applyToMemory({ states, announcer, metrics }: Pipeline, changed: Changed): void {
  states.forget(changed.states)
  for (const { event } of changed.events) metrics.events.inc({ event: event.event })
  announcer.enqueue(changed.outbox)
}
