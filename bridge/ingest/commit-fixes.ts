import { buildTopic, TrackwireError } from '../../contract/index.ts'
import { keepPositionsForBridges } from '../store/bridge-queue.ts'
import { saveCheckpoints } from '../store/checkpoints.ts'
import { DatabaseError, type Queryable } from '../store/database.ts'
import { type DeviceKey, saveDeviceStates } from '../store/device-states.ts'
import { insertOutbox, type OutboxRow } from '../store/outbox.ts'
import { markAccepted } from '../store/set-aside.ts'
import { isDataFault } from '../store/sqlstate.ts'
import { type Evaluation, evaluate } from './evaluate.ts'
import type { QueuedFix } from './fix-queue.ts'
import { transactionGivingWay } from './give-way.ts'
import { countEvents } from './metrics.ts'
import { persist, VersionConflict } from './persist.ts'
import type { Pipeline } from './pipeline.ts'
import { sideBySide } from './side-by-side.ts'
import { trailMessages } from './sos-trail.ts'
import { storeDecisions } from './store-decisions.ts'
import { type EventChanges, storeEvents } from './store-events.ts'
import { sortFixes, storeFixes, wasStored } from './store-fixes.ts'
import { circumstancesOf } from './surroundings.ts'

interface Committed extends Evaluation {
  readonly repeated: ReadonlySet<QueuedFix>
  readonly registered: readonly DeviceKey[]
  readonly changes: EventChanges
  readonly outbox: readonly OutboxRow[]
}

/**
 * One group of fixes, start to end: evaluate, commit in one transaction, then change what is in memory, announce, answer.
 * Whatever PostgreSQL refuses because of its content is found by halving the group, and costs only itself.
 * Settles every fix; rejects never.
 */
export async function commitFixes(pipeline: Pipeline, items: readonly QueuedFix[]): Promise<void> {
  const { metrics, logger } = pipeline
  const started = performance.now()
  let committed: Committed
  let isRetry = false
  try {
    committed = await persist(() => attemptCommit(pipeline, items, isRetry), {
      ...pipeline,
      beforeRetry: async () => {
        isRetry = true
        // The failed attempt may have been stored, or another node was faster: read the states again.
        pipeline.states.forget(items.map(({ key }) => key))
        await pipeline.committer().serveUrgent()
      },
    })
  } catch (error) {
    if (error instanceof TrackwireError) for (const item of items) item.message.fail(item, error)
    else if (items.length > 1 && mayBeOneCulprit(error)) await commitHalves(pipeline, items)
    else refuse(pipeline, items, error)
    return
  }
  metrics.commitSeconds.observe((performance.now() - started) / 1_000)
  metrics.groupSize.observe(items.length)
  applyToMemory(pipeline, committed)
  // An alert does not wait behind a thousand answers.
  pipeline.announcer.enqueue(committed.outbox)
  answer(pipeline, items, committed.repeated)
  for (const state of committed.moved) {
    pipeline.positions.moved(state.org, state.deviceId, state.newest!)
    pipeline.proximity().moved(state)
  }
  if (committed.outbox.length > 0) logger.debug({ messages: committed.outbox.length }, 'events committed')
}

/** Evaluates a group and stores it in one transaction. What is in memory is changed by the caller, after the commit. */
export async function attemptCommit(
  pipeline: Pipeline,
  items: readonly QueuedFix[],
  isRetry: boolean,
): Promise<Committed> {
  const { db, partitions, states, devices, alerts, incidents, now, eventListener } = pipeline
  const regular = items.filter(({ setAside }) => setAside === undefined)
  await partitions.ensure(
    regular.map(({ fix }) => fix.timestamp),
    now(),
  )
  const senders = sendersOf(items)
  await devices.refresh(db, senders)
  const known = await states.load(db, new Map(regular.map(item => [item.key, item])))
  const evaluation = await evaluate(db, regular, known, {
    nowMs: now(),
    circumstancesOf: (org, deviceId) => circumstancesOf(pipeline, org, deviceId),
    betweenRounds: () => pipeline.committer().serveUrgent(),
  })
  // What a failed attempt took for new is looked for in the next one.
  const sorted = sortFixes(items, key => (isRetry ? undefined : known.get(key)!.newest))
  return transactionGivingWay(pipeline, async tx => {
    const registered = await devices.insertUnknown(tx, senders, now())
    await takeAccepted(tx, regular, now())
    const storing = storeFixes(tx, sorted)
    // Other brokers hear of the position first, then of what came of it.
    if (pipeline.keepsForBridges) await keepForBridges(tx, items, await storing, now())
    const [repeated, , , , stored] = await sideBySide(
      storing,
      storeStates(tx, evaluation),
      saveCheckpoints(tx, evaluation.checkpoints),
      storeDecisions(tx, evaluation.decisions, evaluation.replaced),
      storeEvents(tx, evaluation.outcome, { nowMs: now(), listener: eventListener }),
    )
    const ended = await incidents.hearUnannounced(tx, evaluation.decisions, now())
    const trails = trailMessages(
      alerts,
      regular.filter(item => !repeated.has(item)),
      known,
    )
    const further = await insertOutbox(tx, [...ended, ...trails], now())
    return { ...evaluation, registered, repeated, ...stored, outbox: [...stored.outbox, ...further] }
  }).catch((error: unknown) => {
    throw !isRetry && wasStored(error) ? new VersionConflict() : error
  })
}

/** The devices that are registered by what they send. */
function sendersOf(items: readonly QueuedFix[]): DeviceKey[] {
  const senders = new Map<string, DeviceKey>()
  for (const { key, registers, org, deviceId } of items) if (registers) senders.set(key, { org, deviceId })
  return [...senders.values()]
}

/** What subscribers of the location topics are given goes to other brokers too: kept with the fixes, so that no crash comes between. */
async function keepForBridges(
  tx: Queryable,
  items: readonly QueuedFix[],
  repeated: ReadonlySet<QueuedFix>,
  nowMs: number,
): Promise<void> {
  const forwarded = items.filter(item => item.isForwarded && item.setAside === undefined && !repeated.has(item))
  const positions = forwarded.map(({ org, deviceId, fix, bridge }) => ({
    topic: buildTopic('location', { org, deviceId }),
    payload: JSON.stringify(fix),
    from: bridge,
  }))
  await keepPositionsForBridges(tx, positions, nowMs)
}

/** What a person accepted leaves the list of fixes set aside as it becomes a fix. Errors: already_judged, for the whole group. */
async function takeAccepted(tx: Queryable, items: readonly QueuedFix[], nowMs: number): Promise<void> {
  const rows = items.flatMap(({ org, fix, accepts }) =>
    accepts === undefined ? [] : [{ org, id: accepts.setAsideId, by: accepts.by, time: fix.timestamp }],
  )
  if (rows.length === 0) return
  if ((await markAccepted(tx, rows, nowMs)) < rows.length) throw new TrackwireError('already_judged')
}

async function storeStates(tx: Queryable, { states }: Evaluation): Promise<void> {
  if (states.size === 0) return
  const written = await saveDeviceStates(tx, [...states.values()])
  if (written < states.size) throw new VersionConflict()
}

function applyToMemory({ devices, states, metrics, timers }: Pipeline, committed: Committed): void {
  for (const { org, deviceId } of committed.registered) devices.put({ org, deviceId, groups: [] })
  for (const state of committed.states.values()) {
    state.version += 1
    states.put(state)
    timers().dueAt(state.dueAt)
  }
  countEvents(metrics, committed.changes)
}

function answer({ metrics }: Pipeline, items: readonly QueuedFix[], repeated: ReadonlySet<QueuedFix>): void {
  let stored = 0
  for (const item of items) {
    if (item.setAside !== undefined) {
      const { message } = item.setAside
      item.message.settle(item, { status: 'set-aside', code: 'timestamp_future', message })
      metrics.fixes.inc({ result: 'timestamp_future' })
    } else if (repeated.has(item)) {
      item.message.settle(item, { status: 'repeated' })
      metrics.fixes.inc({ result: 'repeated' })
    } else {
      const { clock, fix } = item
      item.message.settle(item, {
        status: 'stored',
        ...(clock && { repaired: { ...clock, timestamp: fix.timestamp } }),
      })
      stored++
    }
  }
  if (stored > 0) metrics.fixes.inc({ result: 'stored' }, stored)
}

/** A fault of ours in the rules, or of one fix in the database; a fault of the whole database would only repeat itself. */
function mayBeOneCulprit(error: unknown): boolean {
  return !(error instanceof DatabaseError) || isDataFault(error.code)
}

async function commitHalves(pipeline: Pipeline, items: readonly QueuedFix[]): Promise<void> {
  const middle = items.length >> 1
  await pipeline.committer().serveUrgent()
  await commitFixes(pipeline, items.slice(0, middle))
  await commitFixes(pipeline, items.slice(middle))
}

function refuse({ logger, metrics }: Pipeline, items: readonly QueuedFix[], error: unknown): void {
  const fault = error instanceof DatabaseError && isDataFault(error.code)
  for (const item of items) {
    const { org, deviceId, fix, message: sent } = item
    logger.error({ err: error, org, deviceId, timestamp: fix.timestamp }, 'a fix could not be stored')
    if (fault) {
      const message = 'the database cannot hold a value of this fix'
      sent.settle(item, { status: 'refused', code: 'payload_invalid', message })
      metrics.fixes.inc({ result: 'payload_invalid' })
    } else if (error instanceof DatabaseError) {
      sent.fail(item, new TrackwireError('internal', undefined, { cause: error }))
    } else {
      // Sending it again would meet the same fault of ours: say so once instead of being sent it for ever.
      const message = 'an unexpected fault; the log has the details'
      sent.settle(item, { status: 'refused', code: 'internal', message })
      metrics.fixes.inc({ result: 'internal' })
    }
  }
}
