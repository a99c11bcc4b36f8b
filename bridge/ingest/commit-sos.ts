import { readSosRequest, type SosEvent, type SosPolicy, TrackwireError } from '../../contract/index.ts'
import {
  acknowledgementId,
  answerSos,
  applySosRequest,
  escalateDue,
  escalateSos,
  type Fix,
  isOpen,
  type SosAlert,
  sosDueAt,
  sosEventId,
  sosOpenView,
} from '../../geofence-engine/index.ts'
import { type Act, recordAudit } from '../store/audit.ts'
import { DatabaseError, type Queryable } from '../store/database.ts'
import type { DeviceKey } from '../store/device-states.ts'
import { ensureOrganisations } from '../store/devices.ts'
import type { OutboxRow, OutgoingMessage } from '../store/outbox.ts'
import { expireDueTimes, lockAlert, type SosAlertRow } from '../store/sos-alerts.ts'
import { findSosEvent } from '../store/sos-events.ts'
import { loadSosPolicy, saveSosPolicy } from '../store/sos-policies.ts'
import { lockSosSituation } from '../store/sos-situation.ts'
import { type SosStep, storeSosStep } from '../store/sos-steps.ts'
import { UNIQUE_VIOLATION } from '../store/sqlstate.ts'
import type { SosCall, SosEscalation, SosPolicyChange, SosReply, SosTaken } from './ingest.ts'
import { persist, VersionConflict } from './persist.ts'
import type { Pipeline } from './pipeline.ts'
import { acknowledgedCommand, notification, openMessage, receivedCommand } from './sos-messages.ts'
import { keyOf } from './state-cache.ts'

interface Step {
  readonly alert: SosAlert
  readonly events: readonly SosEvent[]
  readonly outbox: readonly OutboxRow[]
}

/** Who did what the clock asked for. */
const PLATFORM = 'platform'

/** A trigger or cancel of a device: its alert, event and messages in one transaction. A request met before changes nothing. */
export async function commitSosRequest(pipeline: Pipeline, call: SosCall): Promise<SosTaken> {
  const { db, devices, now, announcer } = pipeline
  const { org, deviceId, registers, receivedAt } = call
  const { request, amended, sentTimestamp } = readSosRequest(call.request, receivedAt)
  const committed = await persist(async () => {
    const [newest] = await Promise.all([newestFix(pipeline, call), devices.refresh(db, [call])])
    if (!registers && !devices.has(org, deviceId)) throw unknownDevice(deviceId)
    return transactionOnAlert(pipeline, async tx => {
      const registered = await devices.insertUnknown(tx, [{ org, deviceId }], now())
      const { metBefore, row, policy } = await lockSosSituation(tx, { org, deviceId, requestId: request.id })
      const before = (row?.body as SosAlert | undefined) ?? null
      const receipt = { receivedAt, drill: policy.drillUntil !== undefined && receivedAt < policy.drillUntil }
      const { alert, events, ended } = applySosRequest(call, before, request, newest, receipt)
      if (alert === null) return { registered, steps: [], repeated: null }
      const about = { org, policy, newest, principal: call.principal }
      const steps: Step[] = []
      if (ended !== undefined) {
        steps.push(await storeStep(pipeline, tx, { ...about, row, before, alert: ended, events: events.slice(0, 1) }))
      }
      const isNew = request.action === 'trigger' && metBefore === undefined
      const told = isNew ? [receivedCommand(org, alert, request.id, now())] : []
      const own =
        ended === undefined ? { row, before, events } : { row: undefined, before: null, events: events.slice(1) }
      const body = sentTimestamp === undefined ? request : { ...request, sentTimestamp }
      const met = isNew ? { request: { deviceId, requestId: request.id, receivedAt, body } } : {}
      steps.push(await storeStep(pipeline, tx, { ...about, ...own, alert, told, ...met }))
      return { registered, steps, repeated: isNew || request.action === 'cancel' ? null : alert }
    })
  }, pipeline)
  for (const device of committed.registered) devices.put({ ...device, groups: [] })
  for (const step of committed.steps) applyToMemory(pipeline, org, step)
  if (committed.repeated !== null && isOpen(committed.repeated)) {
    // Sent again because an answer was lost on the way: so may have been what the device was told.
    for (const message of feedback(org, committed.repeated, request.id, now())) {
      void announcer.live(message.topic, () => message)
    }
  }
  return { amended }
}

function feedback(org: string, alert: SosAlert, requestId: string, nowMs: number): OutgoingMessage[] {
  const received = receivedCommand(org, alert, requestId, nowMs)
  if (alert.state !== 'acknowledged') return [received]
  return [received, acknowledgedCommand(org, sosOpenView(org, alert, null), nowMs)]
}

/**
 * A dispatcher's answer, stored and announced like a request.
 * @throws TrackwireError alert_unknown, alert_closed
 */
export async function commitSosAnswer(pipeline: Pipeline, reply: SosReply): Promise<SosEvent> {
  const { org, alertId, action, by, note, outcome, receivedAt, principal } = reply
  return changeAlert(pipeline, reply, async (tx, row, before) => {
    const repeated = isSameAnswer(before, reply) && (await findSosEvent(tx, org, sosEventId(org, alertId, 'resolved')))
    if (repeated) return { step: { alert: before, events: [], outbox: [] }, event: repeated }
    const given = {
      action,
      by,
      timestamp: receivedAt,
      ...(note === undefined ? {} : { note }),
      ...(outcome === undefined ? {} : { outcome }),
    }
    const { alert, events } = answerSos(org, before, given)
    const newest = await newestFix(pipeline, row, tx)
    const policy = await loadSosPolicy(tx, org)
    const told = events
      .filter(({ event }) => event === 'acknowledged')
      .map(event => acknowledgedCommand(org, event, pipeline.now()))
    const step = await storeStep(pipeline, tx, { org, row, before, alert, events, newest, policy, principal, told })
    // Acknowledged before: the event that stands is the answer.
    const standing = events[0] ?? (await findSosEvent(tx, org, acknowledgementId(org, alert)))
    return { step, event: standing ?? sosOpenView(org, alert, newest) }
  })
}

/**
 * A person tells the next tier now.
 * @throws TrackwireError alert_unknown, alert_closed
 */
export async function commitSosEscalation(pipeline: Pipeline, call: SosEscalation): Promise<SosEvent> {
  const { org, by, note, receivedAt, principal } = call
  return changeAlert(pipeline, call, async (tx, row, before) => {
    const newest = await newestFix(pipeline, row, tx)
    const { latest } = before
    if (latest.event === 'escalated' && latest.by === by && latest.timestamp === receivedAt) {
      // An earlier attempt at this very call was stored, though its commit failed to say so.
      return { step: { alert: before, events: [], outbox: [] }, event: sosOpenView(org, before, newest) }
    }
    const policy = await loadSosPolicy(tx, org)
    const said = { by, timestamp: receivedAt, ...(note === undefined ? {} : { note }) }
    const { alert, events } = escalateSos(org, before, policy, said)
    const step = await storeStep(pipeline, tx, { org, row, before, alert, events, newest, policy, principal })
    return { step, event: events[0]! }
  })
}

/** Takes the steps whose time has come for one alert; another process may have been here first. */
export async function escalateDueAlert(pipeline: Pipeline, due: { org: string; alertId: string }): Promise<void> {
  const { org, alertId } = due
  const step = await persist(
    () =>
      transactionOnAlert(pipeline, async tx => {
        const row = await lockAlert(tx, org, alertId)
        const nowMs = pipeline.now()
        if (row === undefined || row.dueAt === null || row.dueAt > nowMs) return null
        const before = row.body as SosAlert
        const policy = await loadSosPolicy(tx, org)
        const { alert, events } = escalateDue(org, before, policy, nowMs)
        const newest = await newestFix(pipeline, row, tx)
        const about = { org, row, before, alert, events, newest, policy, principal: PLATFORM, isDue: true }
        return storeStep(pipeline, tx, about)
      }),
    pipeline,
  )
  if (step === null) return
  applyToMemory(pipeline, org, step)
  for (const { tier, repeat } of step.events) pipeline.logger.warn({ org, alertId, tier, repeat }, 'SOS escalated')
}

/** Stores how an organisation escalates; its open alerts go by it from now on. */
export async function commitSosPolicy(pipeline: Pipeline, change: SosPolicyChange, act?: Act): Promise<void> {
  const { db, now } = pipeline
  await persist(
    () =>
      db.transaction(async tx => {
        await ensureOrganisations(tx, [change.org], now())
        await saveSosPolicy(tx, change, now())
        if (act !== undefined) await recordAudit(tx, act, now())
        await expireDueTimes(tx, change.org)
      }),
    pipeline,
  )
}

async function changeAlert(
  pipeline: Pipeline,
  { org, alertId }: { readonly org: string; readonly alertId: string },
  change: (tx: Queryable, row: SosAlertRow, before: SosAlert) => Promise<{ step: Step; event: SosEvent }>,
): Promise<SosEvent> {
  const { step, event } = await persist(
    () =>
      transactionOnAlert(pipeline, async tx => {
        const row = await lockAlert(tx, org, alertId)
        if (row === undefined) throw new TrackwireError('alert_unknown', `there is no SOS alert ${alertId}`)
        const before = row.body as SosAlert
        if (!isOpen(before)) pipeline.alerts.delete(row)
        return change(tx, row, before)
      }),
    pipeline,
  )
  applyToMemory(pipeline, org, step)
  return event
}

/** An earlier attempt at this very answer was stored, though its commit failed to say so. */
function isSameAnswer({ state, latest }: SosAlert, { action, by, receivedAt }: SosReply): boolean {
  return action === 'resolve' && state === 'resolved' && latest.by === by && latest.timestamp === receivedAt
}

/** Two nodes that open an alert of one device meet in the unique index: the second one reads again and joins. */
async function transactionOnAlert<T>({ db }: Pipeline, work: (tx: Queryable) => Promise<T>): Promise<T> {
  try {
    return await db.transaction(work)
  } catch (error) {
    if (error instanceof DatabaseError && error.code === UNIQUE_VIOLATION) throw new VersionConflict()
    throw error
  }
}

async function storeStep(
  { now }: Pipeline,
  tx: Queryable,
  step: {
    org: string
    row: SosAlertRow | undefined
    before: SosAlert | null
    alert: SosAlert
    events: readonly SosEvent[]
    newest: Fix | null
    policy: SosPolicy
    principal: string
    /** What the device is told beside. */
    told?: readonly OutgoingMessage[]
    /** The trigger that is met for the first time. */
    request?: SosStep['request']
    /** Its time had come: the next one has to be stored, though nothing else changed. */
    isDue?: boolean
  },
): Promise<Step> {
  const { org, row, before, alert, newest, policy, principal, told = [], request, isDue = false } = step
  if (alert === before && request === undefined && !isDue) return { alert, events: [], outbox: [] }
  const saved = {
    org,
    alertId: alert.alertId,
    deviceId: alert.deviceId,
    state: alert.state,
    openedAt: alert.openedAt,
    closedAt: alert.closedAt ?? null,
    dueAt: sosDueAt(alert, policy),
    version: (row?.version ?? 0) + 1,
    body: alert,
  }
  // A trigger that joined may have brought the first words: they belong on the alert's topic, though nothing is announced.
  const whenNew = alert.message === before?.message
  const { newIds, outbox } = await storeSosStep(
    tx,
    {
      alert: saved,
      principal,
      events: step.events.map(event => ({ event, message: notification(org, event) })),
      messages: [
        ...told.map(message => ({ message, whenNew: false })),
        { message: openMessage(org, alert, newest), whenNew },
      ],
      ...(request !== undefined && { request }),
    },
    now(),
  )
  return { alert, events: step.events.filter(({ id }) => newIds.includes(id)), outbox }
}

function applyToMemory({ alerts, announcer, metrics }: Pipeline, org: string, { alert, events, outbox }: Step): void {
  const device = { org, deviceId: alert.deviceId }
  if (isOpen(alert)) alerts.set(device, alert)
  else if (alerts.get(device)?.alertId === alert.alertId) alerts.delete(device)
  for (const { event } of events) metrics.events.inc({ event: `sos_${event}` })
  announcer.enqueue(outbox)
}

async function newestFix(
  { db, states }: Pipeline,
  { org, deviceId }: DeviceKey,
  tx: Queryable = db,
): Promise<Fix | null> {
  const device = { org, deviceId }
  const found = await states.load(tx, new Map([[keyOf(device), device]]))
  return found.get(keyOf(device))?.newest ?? null
}

export function unknownDevice(deviceId: string): TrackwireError {
  return new TrackwireError(
    'device_unknown',
    `no device ${deviceId} is registered; register it, adopt it from the inbox of unknown devices, or connect with its own token`,
  )
}
