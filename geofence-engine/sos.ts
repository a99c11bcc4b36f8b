import { type Location, type SosEvent, type SosRequest, type SosTransition, TrackwireError } from '../contract/index.ts'
import type { Fix } from './device-state.ts'
import { sosAlertId, sosEventId } from './event-id.ts'

/** An alert as it is kept. Survives `JSON.parse(JSON.stringify(alert))`. Times in milliseconds since the Unix epoch. */
export interface SosAlert {
  readonly alertId: string
  readonly deviceId: string
  readonly state: 'open' | 'acknowledged' | 'resolved' | 'cancelled'
  readonly openedAt: number
  readonly closedAt?: number
  /** Where it was triggered. */
  readonly location?: Location
  readonly message?: string
  /** The triggers that opened and joined it. */
  readonly requestIds: readonly string[]
  readonly acknowledgedBy?: string
  readonly acknowledgedAt?: number
  readonly closedBy?: string
  /** What the last answer said. */
  readonly note?: string
  /** The latest transition, as {@link sosOpenView} shows it. */
  readonly latest: { readonly event: SosTransition; readonly timestamp: number; readonly by?: string }
}

export interface SosAnswerGiven {
  readonly action: 'acknowledge' | 'resolve'
  readonly by: string
  readonly note?: string
  readonly timestamp: number
}

/** Whether the alert still waits for somebody. */
export function isOpen(alert: SosAlert): boolean {
  return alert.state === 'open' || alert.state === 'acknowledged'
}

/**
 * A trigger opens an alert, or joins the open one (no event); the sender's cancel closes it.
 * @param open the device's open alert; or, for a repeated request, the alert its id belongs to, open or closed (a repeat
 *   changes nothing); or null
 * @param newest the device's newest known fix: where the alert is when the request does not say, or says something older
 */
export function applySosRequest(
  device: { readonly org: string; readonly deviceId: string },
  open: SosAlert | null,
  request: SosRequest,
  newest: Fix | null,
): { alert: SosAlert | null; events: SosEvent[] } {
  const isRepeat = open?.requestIds.includes(request.id) === true
  if (open !== null && !isOpen(open) && (isRepeat || request.action === 'cancel')) return { alert: open, events: [] }
  const current = open !== null && isOpen(open) ? open : null
  if (request.action === 'trigger') {
    return current === null
      ? trigger(device, request, newest)
      : { alert: isRepeat ? current : join(current, request), events: [] }
  }
  // A cancel with an id of its own counts too, unless it was sent before the alert began: that one meant an earlier alert.
  if (current === null || (!isRepeat && request.timestamp < current.openedAt)) return { alert: current, events: [] }
  return move(device.org, current, 'cancelled', {
    timestamp: request.timestamp,
    ...(request.location === undefined ? {} : { location: request.location }),
    ...(request.message === undefined ? {} : { message: request.message }),
  })
}

/**
 * A dispatcher acknowledges (open → acknowledged; again: no event) or resolves (→ resolved).
 * @throws TrackwireError alert_closed when the alert was resolved or cancelled before
 */
export function answerSos(
  org: string,
  alert: SosAlert,
  answer: SosAnswerGiven,
): { alert: SosAlert; events: SosEvent[] } {
  if (!isOpen(alert)) {
    throw new TrackwireError(
      'alert_closed',
      `SOS alert ${alert.alertId} is already ${alert.state}; nothing was changed`,
    )
  }
  if (answer.action === 'acknowledge' && alert.state === 'acknowledged') return { alert, events: [] }
  const { by, note, timestamp } = answer
  const said = { timestamp, by, ...(note === undefined ? {} : { note }) }
  return move(org, alert, answer.action === 'acknowledge' ? 'acknowledged' : 'resolved', said)
}

/** The open alert as shown on `{org}/sos/{deviceId}`: its latest transition, with the newest known position. */
export function sosOpenView(org: string, alert: SosAlert, newest: Fix | null): SosEvent {
  const { event, timestamp, by } = alert.latest
  const location = newest !== null && newest.timestamp >= alert.openedAt ? newest.location : alert.location
  return eventOf(org, alert, event, { timestamp, ...(by === undefined ? {} : { by }) }, location ?? newest?.location)
}

function trigger(
  { org, deviceId }: { readonly org: string; readonly deviceId: string },
  { id, timestamp, location, message }: SosRequest,
  newest: Fix | null,
): { alert: SosAlert; events: SosEvent[] } {
  const where = location !== undefined && timestamp >= (newest?.timestamp ?? 0) ? location : newest?.location
  const alert: SosAlert = {
    alertId: sosAlertId(org, deviceId, id),
    deviceId,
    state: 'open',
    openedAt: timestamp,
    ...(where === undefined ? {} : { location: where }),
    ...(message === undefined ? {} : { message }),
    requestIds: [id],
    latest: { event: 'triggered', timestamp },
  }
  return { alert, events: [eventOf(org, alert, 'triggered', { timestamp }, alert.location)] }
}

/** A further trigger: its words are kept when the alert has none yet. */
function join(alert: SosAlert, { id, message }: SosRequest): SosAlert {
  const text = alert.message ?? message
  return { ...alert, requestIds: [...alert.requestIds, id], ...(text === undefined ? {} : { message: text }) }
}

interface Said {
  readonly timestamp: number
  readonly by?: string
  readonly note?: string
  readonly location?: Location
  readonly message?: string
}

function move(
  org: string,
  before: SosAlert,
  event: 'acknowledged' | 'resolved' | 'cancelled',
  { timestamp, by, note, location, message }: Said,
): { alert: SosAlert; events: SosEvent[] } {
  const alert: SosAlert = {
    ...before,
    state: event,
    ...(event === 'acknowledged' ? { acknowledgedAt: timestamp } : { closedAt: timestamp }),
    ...(by === undefined ? {} : event === 'acknowledged' ? { acknowledgedBy: by } : { closedBy: by }),
    ...(note === undefined ? {} : { note }),
    latest: { event, timestamp, ...(by === undefined ? {} : { by }) },
  }
  const said = {
    timestamp,
    ...(by === undefined ? {} : { by }),
    ...(note === undefined ? {} : { note }),
    ...(message === undefined ? {} : { message }),
  }
  return { alert, events: [eventOf(org, alert, event, said, location ?? alert.location)] }
}

function eventOf(
  org: string,
  alert: SosAlert,
  event: SosTransition,
  said: { readonly timestamp: number; readonly by?: string; readonly note?: string; readonly message?: string },
  location: Location | undefined,
): SosEvent {
  return {
    id: sosEventId(org, alert.alertId, event),
    alertId: alert.alertId,
    event,
    deviceId: alert.deviceId,
    openedAt: alert.openedAt,
    ...(location === undefined ? {} : { location }),
    ...(alert.message === undefined ? {} : { message: alert.message }),
    ...(alert.note === undefined ? {} : { note: alert.note }),
    ...said,
  }
}
