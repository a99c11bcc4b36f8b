import type { Location, SosEvent } from '../../../../contract/index.ts'

export interface SosAlert {
  readonly alertId: string
  readonly deviceId: string
  readonly openedAt: number
  /** Of the newest event about it. */
  readonly timestamp: number
  readonly location: Location | undefined
  readonly message: string | undefined
  /** Null while nobody has acknowledged it. */
  readonly acknowledged: { readonly by: string; readonly at: number; readonly note: string | undefined } | null
  /** How often it was taken up again after an acknowledgement. */
  readonly round: number
  /** How far it was escalated; 0 = not. */
  readonly tier: number
  /** An exercise. */
  readonly drill: boolean
  /** It arrived long after `openedAt`. */
  readonly late: boolean
  /** This browser's clock when it was last confirmed open. */
  readonly seenAtMs: number
}

export interface SosState {
  /** Open alerts by `alertId`. */
  readonly open: ReadonlyMap<string, SosAlert>
  /** Closed ones, so that a message that comes late does not open them again. */
  readonly closed: ReadonlySet<string>
}

export const NO_SOS: SosState = { open: new Map(), closed: new Set() }
const CLOSED_KEPT = 500

/** Takes in an event of `notifications/sos/…` or the retained `sos/{deviceId}`. */
export function applySos(state: SosState, event: SosEvent, nowMs: number): SosState {
  if (event.event === 'resolved' || event.event === 'cancelled') return closeAlert(state, event.alertId)
  if (state.closed.has(event.alertId)) return state
  const before = state.open.get(event.alertId)
  const newest = before === undefined || event.timestamp >= before.timestamp
  const round = Math.max(event.round ?? 0, before?.round ?? 0)
  const alert: SosAlert = {
    alertId: event.alertId,
    deviceId: event.deviceId,
    openedAt: event.openedAt,
    timestamp: Math.max(event.timestamp, before?.timestamp ?? 0),
    location: newest ? (event.location ?? before?.location) : (before.location ?? event.location),
    message: newest ? (event.message ?? before?.message) : (before.message ?? event.message),
    // The first one of a round stands: while an alert is open its newest event is told again with every new position.
    acknowledged: (before?.round === round ? before.acknowledged : null) ?? acknowledgementOf(event, round),
    round,
    tier: Math.max(event.tier ?? 0, before?.tier ?? 0),
    drill: event.drill === true || before?.drill === true,
    late: event.late === true || before?.late === true,
    seenAtMs: nowMs,
  }
  return { ...state, open: new Map(state.open).set(alert.alertId, alert) }
}

function acknowledgementOf(event: SosEvent, round: number): SosAlert['acknowledged'] {
  if (event.event !== 'acknowledged' || (event.round ?? 0) !== round) return null
  return { by: event.by ?? 'someone', at: event.timestamp, note: event.note }
}

export function closeAlert(state: SosState, alertId: string): SosState {
  if (state.closed.has(alertId)) return state
  const open = new Map(state.open)
  open.delete(alertId)
  return { open, closed: new Set([...state.closed, alertId].slice(-CLOSED_KEPT)) }
}

/** The retained alert of a device was cleared: whatever it had open is closed. */
export function closeDevice(state: SosState, deviceId: string): SosState {
  return [...state.open.values()]
    .filter(alert => alert.deviceId === deviceId)
    .reduce((next, alert) => closeAlert(next, alert.alertId), state)
}

/**
 * Brings the state in line with the full list of open alerts fetched over HTTP.
 * Alerts seen after the request was sent stay: the answer is older than they are.
 */
export function reconcileSos(state: SosState, open: readonly SosEvent[], askedAtMs: number, nowMs: number): SosState {
  const listed = new Set(open.map(({ alertId }) => alertId))
  const gone = [...state.open.values()].filter(alert => !listed.has(alert.alertId) && alert.seenAtMs < askedAtMs)
  const closed = gone.reduce((next, alert) => closeAlert(next, alert.alertId), state)
  return open.reduce((next, event) => applySos(next, event, nowMs), closed)
}

/** Open alerts, unacknowledged ones first, then the oldest first. */
export function openAlerts(state: SosState): SosAlert[] {
  return [...state.open.values()].sort(
    (a, b) => Number(a.acknowledged !== null) - Number(b.acknowledged !== null) || a.openedAt - b.openedAt,
  )
}
