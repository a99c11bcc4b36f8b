import { buildTopic, type SosEvent, TrackwireError } from '../../contract/index.ts'
import {
  answerSos,
  applySosRequest,
  type Fix,
  isOpen,
  type SosAlert,
  sosEventId,
  sosOpenView,
} from '../../geofence-engine/index.ts'
import { DatabaseError, type Queryable } from '../store/database.ts'
import type { DeviceKey } from '../store/device-states.ts'
import { insertOutbox, type OutboxRow, type OutgoingMessage } from '../store/outbox.ts'
import { lockAlert, lockOpenAlert, type SosAlertRow, saveAlert } from '../store/sos-alerts.ts'
import { findSosEvent, insertSosEvent } from '../store/sos-events.ts'
import { findSosRequest, insertSosRequest } from '../store/sos-requests.ts'
import { UNIQUE_VIOLATION } from '../store/sqlstate.ts'
import type { SosCall, SosReply } from './ingest.ts'
import { persist, VersionConflict } from './persist.ts'
import type { Pipeline } from './pipeline.ts'
import { keyOf } from './state-cache.ts'

interface Step {
  readonly alert: SosAlert
  readonly events: readonly SosEvent[]
  readonly outbox: readonly OutboxRow[]
}

/** A trigger or cancel of a device: its alert, event and messages in one transaction. A request met before changes nothing. */
export async function commitSosRequest(pipeline: Pipeline, call: SosCall): Promise<void> {
  const { db, devices, now } = pipeline
  const { org, deviceId, request, registers } = call
  const committed = await persist(async () => {
    await devices.refresh(db, [call])
    if (!registers && !devices.has(org, deviceId)) throw unknownDevice(deviceId)
    const newest = await newestFix(pipeline, call)
    return transactionOnAlert(pipeline, async tx => {
      const registered = await devices.insertUnknown(tx, [{ org, deviceId }], now())
      const metBefore = await findSosRequest(tx, org, deviceId, request.id)
      const row = metBefore === undefined ? await lockOpenAlert(tx, org, deviceId) : await lockAlert(tx, org, metBefore)
      const before = (row?.body as SosAlert | undefined) ?? null
      const { alert, events } = applySosRequest(call, before, request, newest)
      if (alert === null) return { registered, step: null }
      const step = await storeStep(pipeline, tx, { org, row, before, alert, events, newest, principal: call.principal })
      if (request.action === 'trigger' && metBefore === undefined) {
        await insertSosRequest(tx, { org, deviceId, requestId: request.id, alertId: alert.alertId })
      }
      return { registered, step }
    })
  }, pipeline)
  for (const device of committed.registered) devices.put({ ...device, groups: [] })
  if (committed.step !== null) applyToMemory(pipeline, org, committed.step)
}

/**
 * A dispatcher's answer, stored and announced like a request.
 * @throws TrackwireError alert_unknown, alert_closed
 */
export async function commitSosAnswer(pipeline: Pipeline, reply: SosReply): Promise<SosEvent> {
  const { org, alertId, action, by, note, receivedAt, principal } = reply
  const { alerts } = pipeline
  const { step, event } = await persist(
    () =>
      transactionOnAlert(pipeline, async tx => {
        const row = await lockAlert(tx, org, alertId)
        if (row === undefined) throw new TrackwireError('alert_unknown', `there is no SOS alert ${alertId}`)
        const before = row.body as SosAlert
        if (!isOpen(before)) alerts.delete(row)
        const repeated =
          isSameAnswer(before, reply) && (await findSosEvent(tx, org, sosEventId(org, alertId, 'resolved')))
        if (repeated) return { step: { alert: before, events: [], outbox: [] }, event: repeated }
        const given = { action, by, timestamp: receivedAt, ...(note === undefined ? {} : { note }) }
        const { alert, events } = answerSos(org, before, given)
        const newest = await newestFix(pipeline, row, tx)
        const step = await storeStep(pipeline, tx, { org, row, before, alert, events, newest, principal })
        // Acknowledged before: the event that stands is the answer.
        const standing = events[0] ?? (await findSosEvent(tx, org, sosEventId(org, alertId, 'acknowledged')))
        return { step, event: standing ?? sosOpenView(org, alert, newest) }
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
    principal: string
  },
): Promise<Step> {
  const { org, row, before, alert, newest, principal } = step
  if (alert === before) return { alert, events: [], outbox: [] }
  await saveAlert(tx, {
    org,
    alertId: alert.alertId,
    deviceId: alert.deviceId,
    state: alert.state,
    openedAt: alert.openedAt,
    closedAt: alert.closedAt ?? null,
    version: (row?.version ?? 0) + 1,
    body: alert,
  })
  const events: SosEvent[] = []
  for (const event of step.events) if (await insertSosEvent(tx, { org, event, principal }, now())) events.push(event)
  // A trigger that joined may have brought the first words: they belong on the alert's topic, though nothing is announced.
  if (events.length === 0 && alert.message === before?.message) return { alert, events, outbox: [] }
  const messages = [...events.map(event => notification(org, event)), openMessage(org, alert, newest)]
  return { alert, events, outbox: await insertOutbox(tx, messages, now()) }
}

function notification(org: string, event: SosEvent): OutgoingMessage {
  const topic = buildTopic('sosNotification', { org, event: event.event, deviceId: event.deviceId })
  return { topic, payload: JSON.stringify(event), qos: 1, retain: false }
}

/** The retained alert of the device; empty once it is closed. */
export function openMessage(org: string, alert: SosAlert, newest: Fix | null): OutgoingMessage {
  const topic = buildTopic('sosOpen', { org, deviceId: alert.deviceId })
  const payload = isOpen(alert) ? JSON.stringify(sosOpenView(org, alert, newest)) : ''
  return { topic, payload, qos: 1, retain: true }
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
    `no device ${deviceId} is registered; register it, or connect with its own token`,
  )
}
