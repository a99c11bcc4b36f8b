import { buildTopic } from '../../contract/index.ts'
import { type EngineEvent, isGeofenceEvent } from '../../geofence-engine/index.ts'
import type { Queryable } from '../store/database.ts'
import {
  amendEvents,
  type EventRow,
  findByBase,
  insertEvents,
  retractEvents,
  type StoredEvent,
} from '../store/events.ts'
import { insertOutbox, type OutboxRow, type OutgoingMessage } from '../store/outbox.ts'
import { amendment, correctionOf, revisionOf } from './event-difference.ts'

/** An event that came out of the rules or of the clock. */
export interface NewEvent {
  readonly org: string
  /** Its id is the base id. */
  readonly event: EngineEvent
  /** The time of the fix, or of the clock, that decided it; null: no late fix can contradict it. Milliseconds. */
  readonly causeTime: number | null
}

/** What a commit does to the events of any number of devices. */
export interface EventOutcome {
  /** Those that stand already are amended, not announced again. */
  readonly events: readonly NewEvent[]
  /** Standing ones that later data contradict. */
  readonly retracted: readonly StoredEvent[]
  /** Standing ones as they are to be stored from now on; nobody is told. */
  readonly amended: readonly StoredEvent[]
}

/** What became of the events in one transaction, each list in the order in which it is announced. */
export interface EventChanges {
  /** Stored for the first time, or again after a correction, with the ids they are announced with. */
  readonly announced: readonly StoredEvent[]
  readonly corrected: readonly {
    readonly retracted: StoredEvent
    /** The event that is announced: `retracts` names the other one. */
    readonly correction: StoredEvent
  }[]
  /** As they are stored now. Nobody is told of these. */
  readonly amended: readonly StoredEvent[]
}

export interface AfterEvents {
  /** Ids (of announced events or of corrections) that are stored, but not to be announced. */
  readonly silent: ReadonlySet<string>
  /** To be announced after the events, in order. */
  readonly messages: readonly OutgoingMessage[]
}

/**
 * Hears of every change of events within the transaction that makes it: what it writes by `tx` is committed or rolled back with the
 * events. It may run several times for one commit, when an attempt fails.
 */
export type EventListener = (tx: Queryable, changes: EventChanges, nowMs: number) => Promise<AfterEvents>

/**
 * Stores what became of events and puts into the outbox what is to be announced: corrections first, then events in their order.
 * The one way in which events reach the database.
 */
export async function storeEvents(
  tx: Queryable,
  outcome: EventOutcome,
  { nowMs, listener }: { readonly nowMs: number; readonly listener?: EventListener | undefined },
): Promise<{ readonly changes: EventChanges; readonly outbox: OutboxRow[] }> {
  const corrected = await storeCorrections(tx, outcome.retracted, nowMs)
  const { announced, amended } = await storeNew(tx, outcome.events, nowMs)
  const allAmended = [...outcome.amended, ...amended]
  await amendEvents(tx, allAmended)
  const changes: EventChanges = { announced, corrected, amended: allAmended }
  if (announced.length + corrected.length + allAmended.length === 0) return { changes, outbox: [] }
  const after = await listener?.(tx, changes, nowMs)
  const told = [...corrected.map(({ correction }) => correction), ...announced].filter(
    ({ event }) => after?.silent.has(event.id) !== true,
  )
  const messages = [...told.map(notification), ...(after?.messages ?? [])]
  return { changes, outbox: await insertOutbox(tx, messages, nowMs) }
}

async function storeCorrections(
  tx: Queryable,
  events: readonly StoredEvent[],
  nowMs: number,
): Promise<EventChanges['corrected']> {
  const fell = await retractEvents(tx, events, nowMs)
  const corrected = events
    .filter(row => fell.has(keyOf(row)))
    .map(retracted => {
      const event = correctionOf(retracted.event)
      return { retracted, correction: { org: retracted.org, event, baseId: event.id, revision: 0, causeTime: null } }
    })
  await insertEvents(
    tx,
    corrected.map(({ retracted, correction }): EventRow => ({ ...correction, retracts: retracted.event.id })),
    nowMs,
  )
  return corrected
}

async function storeNew(tx: Queryable, events: readonly NewEvent[], nowMs: number) {
  const byKey = new Map<string, EventRow>()
  for (const { org, event, causeTime } of events) {
    byKey.set(`${org}/${event.id}`, { org, event, baseId: event.id, revision: 0, causeTime, retracts: null })
  }
  const rows = [...byKey.values()]
  const inserted = await insertEvents(tx, rows, nowMs)
  const met = rows.filter(row => !inserted.has(keyOf(row)))
  if (met.length === 0) return { announced: rows, amended: [] }
  const { revisions, amended } = await compareWithStored(tx, met)
  await insertEvents(tx, [...revisions.values()], nowMs)
  const announced = rows.flatMap(row => (inserted.has(keyOf(row)) ? [row] : (revisions.get(keyOf(row)) ?? [])))
  return { announced, amended }
}

/** What becomes of events whose base id is stored: amended when it stands, a new revision when it was retracted. */
async function compareWithStored(tx: Queryable, met: readonly EventRow[]) {
  const stored = new Map<string, { latest: StoredEvent; stands: boolean }>()
  for (const { retractedAt, ...row } of await findByBase(tx, met)) {
    const key = `${row.org}/${row.baseId}`
    const known = stored.get(key)
    if (known === undefined || known.latest.revision < row.revision)
      stored.set(key, { latest: row, stands: retractedAt === null })
  }
  const revisions = new Map<string, EventRow>()
  const amended: StoredEvent[] = []
  for (const row of met) {
    const key = keyOf(row)
    const { latest, stands } = stored.get(key)!
    if (!stands) {
      const revision = latest.revision + 1
      revisions.set(key, { ...row, event: revisionOf(row.event as EngineEvent, revision), revision })
    } else if (row.causeTime !== null) {
      const changed = amendment(latest, { event: row.event as EngineEvent, causeTime: row.causeTime })
      if (changed !== null) amended.push(changed)
    }
  }
  return { revisions, amended }
}

function keyOf({ org, event }: Pick<StoredEvent, 'org' | 'event'>): string {
  return `${org}/${event.id}`
}

function notification({ org, event }: StoredEvent): OutgoingMessage {
  const channel = isGeofenceEvent(event) ? 'geofenceNotification' : 'deviceNotification'
  const topic = buildTopic(channel, { org, event: event.event, deviceId: event.deviceId })
  return { topic, payload: JSON.stringify(event), qos: 1, retain: false }
}
