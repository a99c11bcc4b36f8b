import {
  type Location,
  type SosEvent,
  type SosOutcome,
  type SosPolicy,
  type SosRequest,
  type SosTransition,
  TrackwireError,
} from '../contract/index.ts'
import type { Fix } from './device-state.ts'
import { sosAlertId, sosEventId } from './event-id.ts'

/** A trigger that arrives so long after it was pressed is told as late. */
const LATE_MS = 60_000

/** An alert as it is kept. Survives `JSON.parse(JSON.stringify(alert))`. Times in milliseconds since the Unix epoch. */
export interface SosAlert {
  readonly alertId: string
  readonly deviceId: string
  readonly state: 'open' | 'acknowledged' | 'resolved' | 'cancelled'
  /** When it happened. */
  readonly openedAt: number
  /** When its first trigger arrived; `openedAt` when it is not known. */
  readonly receivedAt?: number
  readonly late?: true
  /** An exercise. */
  readonly drill?: true
  readonly closedAt?: number
  readonly outcome?: SosOutcome
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
  /** How far the escalation has come; missing until it begins. */
  readonly escalation?: Escalation
  /** The latest transition, as {@link sosOpenView} shows it. */
  readonly latest: {
    readonly event: SosTransition
    readonly timestamp: number
    readonly by?: string
    readonly tier?: number
    readonly repeat?: number
  }
}

export interface Escalation {
  /** The highest tier told; 0 = nobody but those whom `triggered` told. */
  readonly tier: number
  /** How often it was told again. */
  readonly repeat: number
  /** How often the alert was taken up again after an acknowledgement. */
  readonly round: number
  /** Since when it waits for an acknowledgement: its receipt, or when it was taken up again. */
  readonly since: number
  /** When somebody was told last. */
  readonly toldAt: number
}

export interface SosAnswerGiven {
  readonly action: 'acknowledge' | 'resolve'
  readonly by: string
  readonly note?: string
  /** Of a resolve. */
  readonly outcome?: SosOutcome
  readonly timestamp: number
}

/** How a request arrived; a request of now when nothing is said. */
export interface SosReceipt {
  /** On our clock. */
  readonly receivedAt: number
  /** The organisation exercises: every SOS is a drill. */
  readonly drill: boolean
}

/** Whether the alert still waits for somebody. */
export function isOpen(alert: SosAlert): boolean {
  return alert.state === 'open' || alert.state === 'acknowledged'
}

/**
 * A trigger opens an alert, or joins the open one (no event); the sender's cancel closes it. A real trigger does not join a drill:
 * it ends the drill and opens an alert of its own.
 * @param open the device's open alert; or, for a repeated request, the alert its id belongs to, open or closed (a repeat
 *   changes nothing); or null
 * @param newest the device's newest known fix: where the alert is when the request does not say, or says something older
 * @returns `ended`: the drill that a real trigger ended; its event is the first one
 */
export function applySosRequest(
  device: { readonly org: string; readonly deviceId: string },
  open: SosAlert | null,
  request: SosRequest,
  newest: Fix | null,
  receipt: SosReceipt = { receivedAt: request.timestamp, drill: false },
): { alert: SosAlert | null; events: SosEvent[]; ended?: SosAlert } {
  const isRepeat = open?.requestIds.includes(request.id) === true
  if (open !== null && !isOpen(open) && (isRepeat || request.action === 'cancel')) return { alert: open, events: [] }
  const current = open !== null && isOpen(open) ? open : null
  if (request.action === 'trigger') {
    if (current === null) return trigger(device, request, newest, receipt)
    if (isRepeat) return { alert: current, events: [] }
    if (current.drill === undefined || isDrill(request, receipt)) return { alert: join(current, request), events: [] }
    const said = {
      timestamp: receipt.receivedAt,
      by: 'platform',
      note: 'a real SOS of the same device ended the drill',
    }
    const ended = move(device.org, current, 'resolved', said)
    const real = trigger(device, request, newest, receipt)
    return { alert: real.alert, events: [...ended.events, ...real.events], ended: ended.alert }
  }
  // A cancel with an id of its own counts too, unless it was sent before the alert began: that one meant an earlier alert.
  if (current === null || (!isRepeat && request.timestamp < current.openedAt)) return { alert: current, events: [] }
  return move(device.org, current, 'cancelled', {
    timestamp: request.timestamp,
    ...(request.location === undefined ? {} : { location: request.location }),
    ...(request.message === undefined ? {} : { message: request.message }),
  })
}

function isDrill(request: SosRequest, receipt: SosReceipt): boolean {
  return request.drill === true || receipt.drill
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
  mustBeOpen(alert)
  if (answer.action === 'acknowledge' && alert.state === 'acknowledged') return { alert, events: [] }
  const { by, note, outcome = 'resolved', timestamp } = answer
  const said = { timestamp, by, ...(note === undefined ? {} : { note }) }
  return answer.action === 'acknowledge'
    ? move(org, alert, 'acknowledged', said)
    : move(org, { ...alert, outcome }, 'resolved', said)
}

function mustBeOpen({ alertId, state }: SosAlert): void {
  if (state === 'open' || state === 'acknowledged') return
  throw new TrackwireError('alert_closed', `SOS alert ${alertId} is already ${state}; nothing was changed`)
}

/** The open alert as shown on `{org}/sos/{deviceId}`: its latest transition, with the newest known position. */
export function sosOpenView(org: string, alert: SosAlert, newest: Fix | null): SosEvent {
  const location = newest !== null && newest.timestamp >= alert.openedAt ? newest.location : alert.location
  return eventOf(org, alert, standing(alert), location ?? newest?.location)
}

/** The transition that says how the alert stands: one that was acknowledged stays so, whoever is told beside. */
function standing(alert: SosAlert): Transition {
  const { latest, acknowledgedAt = latest.timestamp, acknowledgedBy } = alert
  if (alert.state !== 'acknowledged' || latest.event === 'acknowledged') return latest
  return {
    event: 'acknowledged',
    timestamp: acknowledgedAt,
    ...(acknowledgedBy === undefined ? {} : { by: acknowledgedBy }),
  }
}

/** The id of the acknowledgement that stands. */
export function acknowledgementId(org: string, alert: SosAlert): string {
  return sosEventId(org, alert.alertId, 'acknowledged', { round: escalationOf(alert).round })
}

function escalationOf({ escalation, receivedAt, openedAt }: SosAlert): Escalation {
  const since = receivedAt ?? openedAt
  return escalation ?? { tier: 0, repeat: 0, round: 0, since, toldAt: since }
}

/** A step that the clock asks for: at this time, to tell this tier (again), or to take the alert up again. */
interface Due {
  readonly at: number
  readonly step: 'tier' | 'repeat' | 'reopen'
  readonly tier: number
}

/**
 * What the policy asks for next, a tier before a repeat: those it names have heard nothing yet. Empty when nothing until somebody
 * does something.
 */
function nextSteps(alert: SosAlert, policy: SosPolicy): Due[] {
  const { tier, since, toldAt } = escalationOf(alert)
  if (alert.state === 'acknowledged') {
    if (policy.reopenAfterSeconds === undefined || alert.acknowledgedAt === undefined) return []
    return [{ at: alert.acknowledgedAt + policy.reopenAfterSeconds * 1_000, step: 'reopen', tier: 0 }]
  }
  if (alert.state !== 'open') return []
  const next = policy.tiers.findIndex(
    ({ outside }, i) => i >= tier && (outside !== true || isToldOutside(alert, policy)),
  )
  const steps: Due[] = []
  if (next !== -1) steps.push({ at: since + policy.tiers[next]!.afterSeconds * 1_000, step: 'tier', tier: next + 1 })
  if (policy.repeatSeconds !== undefined)
    steps.push({ at: toldAt + policy.repeatSeconds * 1_000, step: 'repeat', tier })
  return steps
}

function isToldOutside(alert: SosAlert, policy: SosPolicy): boolean {
  return alert.drill === undefined || policy.drillsReachOutside === true
}

/** When {@link escalateDue} has something to do next; null when nothing until somebody does something. */
export function sosDueAt(alert: SosAlert, policy: SosPolicy): number | null {
  const times = nextSteps(alert, policy).map(({ at }) => at)
  return times.length === 0 ? null : Math.min(...times)
}

/**
 * Does what the policy asks for until `nowMs`: tells the tiers whose time has come, each once and in order, repeats the last one, takes
 * up again what was acknowledged and not closed in time. Repeats that were missed are not caught up, tiers are.
 */
export function escalateDue(
  org: string,
  alert: SosAlert,
  policy: SosPolicy,
  nowMs: number,
): { alert: SosAlert; events: SosEvent[] } {
  const events: SosEvent[] = []
  let current = alert
  for (;;) {
    const due = nextSteps(current, policy).find(({ at }) => at <= nowMs)
    if (due === undefined) return { alert: current, events }
    const told = escalate(org, current, policy, due, { timestamp: nowMs })
    current = told.alert
    events.push(...told.events)
  }
}

/**
 * A person escalates: the next tier is told now, or the last one once more. An acknowledged alert stays acknowledged.
 * Reaches tiers outside of the organisation also in a drill.
 * @throws TrackwireError alert_closed
 */
export function escalateSos(
  org: string,
  alert: SosAlert,
  policy: SosPolicy,
  said: { readonly by: string; readonly note?: string; readonly timestamp: number },
): { alert: SosAlert; events: SosEvent[] } {
  mustBeOpen(alert)
  const { tier } = escalationOf(alert)
  const next = tier < Math.max(policy.tiers.length, 1)
  const { timestamp: at } = said
  return escalate(org, alert, policy, next ? { at, step: 'tier', tier: tier + 1 } : { at, step: 'repeat', tier }, said)
}

function escalate(
  org: string,
  before: SosAlert,
  policy: SosPolicy,
  { step, tier }: Due,
  { timestamp, by, note }: { readonly timestamp: number; readonly by?: string; readonly note?: string },
): { alert: SosAlert; events: SosEvent[] } {
  const { round, since, repeat } = escalationOf(before)
  const escalation: Escalation =
    step === 'reopen'
      ? { tier: 0, repeat: 0, round: round + 1, since: timestamp, toldAt: timestamp }
      : { tier, repeat: step === 'repeat' ? repeat + 1 : 0, round, since, toldAt: timestamp }
  const transition: Transition = {
    event: 'escalated',
    timestamp,
    tier,
    ...(escalation.repeat === 0 ? {} : { repeat: escalation.repeat }),
    ...(by === undefined ? {} : { by }),
  }
  const alert: SosAlert = { ...(step === 'reopen' ? takenUpAgain(before) : before), escalation, latest: transition }
  const named = policy.tiers[tier - 1]
  const words = note ?? named?.note
  const event = {
    ...eventOf(org, alert, transition, alert.location),
    ...(named === undefined ? {} : { notify: named.notify }),
    ...(words === undefined ? {} : { note: words }),
  }
  return { alert, events: [event] }
}

function takenUpAgain({ acknowledgedBy: _by, acknowledgedAt: _at, ...alert }: SosAlert): SosAlert {
  return { ...alert, state: 'open' }
}

function trigger(
  { org, deviceId }: { readonly org: string; readonly deviceId: string },
  request: SosRequest,
  newest: Fix | null,
  receipt: SosReceipt,
): { alert: SosAlert; events: SosEvent[] } {
  const { id, timestamp, location, message } = request
  const { receivedAt } = receipt
  const where = location !== undefined && timestamp >= (newest?.timestamp ?? 0) ? location : newest?.location
  const alert: SosAlert = {
    alertId: sosAlertId(org, deviceId, id),
    deviceId,
    state: 'open',
    openedAt: timestamp,
    receivedAt,
    ...(receivedAt - timestamp > LATE_MS ? { late: true } : {}),
    ...(isDrill(request, receipt) ? { drill: true } : {}),
    ...(where === undefined ? {} : { location: where }),
    ...(message === undefined ? {} : { message }),
    requestIds: [id],
    latest: { event: 'triggered', timestamp },
  }
  return { alert, events: [eventOf(org, alert, alert.latest, alert.location)] }
}

/** A further trigger: its words are kept when the alert has none yet. */
function join(alert: SosAlert, { id, message }: SosRequest): SosAlert {
  const text = alert.message ?? message
  return { ...alert, requestIds: [...alert.requestIds, id], ...(text === undefined ? {} : { message: text }) }
}

interface Transition {
  readonly event: SosTransition
  readonly timestamp: number
  readonly by?: string
  readonly tier?: number
  readonly repeat?: number
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
  const latest: Transition = { event, timestamp, ...(by === undefined ? {} : { by }) }
  const alert: SosAlert = {
    ...before,
    state: event,
    ...(event === 'acknowledged' ? { acknowledgedAt: timestamp } : { closedAt: timestamp }),
    ...(by === undefined ? {} : event === 'acknowledged' ? { acknowledgedBy: by } : { closedBy: by }),
    ...(note === undefined ? {} : { note }),
    latest,
  }
  const told = eventOf(org, alert, latest, location ?? alert.location)
  return { alert, events: [message === undefined ? told : { ...told, message }] }
}

function eventOf(org: string, alert: SosAlert, transition: Transition, location: Location | undefined): SosEvent {
  const { alertId, deviceId, openedAt, message, note, outcome, drill, late, receivedAt } = alert
  const { round } = escalationOf(alert)
  // An alert ends once, whatever came before.
  const isEnd = transition.event === 'resolved' || transition.event === 'cancelled'
  const { tier, repeat } = transition
  return {
    id: sosEventId(org, alertId, transition.event, isEnd ? {} : { tier, repeat, round }),
    alertId,
    deviceId,
    openedAt,
    ...(location === undefined ? {} : { location }),
    ...(message === undefined ? {} : { message }),
    ...(note === undefined ? {} : { note }),
    ...(outcome === undefined ? {} : { outcome }),
    ...(drill === undefined ? {} : { drill }),
    ...(late === undefined ? {} : { late, ...(receivedAt === undefined ? {} : { receivedAt }) }),
    ...(round === 0 ? {} : { round }),
    ...transition,
  }
}
