import {
  buildTopic,
  type CompleteIncidentSettings,
  completeIncidentSettings,
  type DeviceEvent,
  type FenceProperties,
  type GeofenceEvent,
  type IncidentKind,
  type IncidentSettings,
  mayStorm,
} from '../../contract/index.ts'
import {
  deviceSignal,
  endedUnannounced,
  geofenceSignals,
  type IncidentBook,
  type IncidentRecord,
  incidentKey,
  isGeofenceEvent,
  type Looked,
  lookAfter,
  releaseMembers,
  type Signal,
  type Withdrawal,
  withdrawIncidents,
} from '../../geofence-engine/index.ts'
import { type Database, DatabaseError, type Queryable } from '../store/database.ts'
import type { DecisionRow } from '../store/decisions.ts'
import { loadIncidentSettings } from '../store/incident-settings.ts'
import { insertTimeline, listNoticed, lockByEvent, lockByKey, lockMembers, saveIncidents } from '../store/incidents.ts'
import type { OutgoingMessage } from '../store/outbox.ts'
import { UNIQUE_VIOLATION } from '../store/sqlstate.ts'
import { VersionConflict } from './persist.ts'
import type { AfterEvents, EventChanges } from './store-events.ts'

/** Keeps the incidents of every organisation within the transactions that cause them. In memory: the settings alone. */
export class IncidentDesk {
  readonly #settings = new Map<string, CompleteIncidentSettings>()
  readonly #fenceOf: (org: string, fenceId: string) => FenceProperties | undefined

  constructor(fenceOf: (org: string, fenceId: string) => FenceProperties | undefined) {
    this.#fenceOf = fenceOf
  }

  static async load(
    db: Database,
    fenceOf: (org: string, fenceId: string) => FenceProperties | undefined,
  ): Promise<IncidentDesk> {
    const desk = new IncidentDesk(fenceOf)
    for (const { org, settings } of await loadIncidentSettings(db)) desk.configure(org, settings)
    return desk
  }

  configure(org: string, settings: IncidentSettings): void {
    this.#settings.set(org, completeIncidentSettings(settings))
  }

  settings(org: string): CompleteIncidentSettings {
    return this.#settings.get(org) ?? completeIncidentSettings({})
  }

  /** Events were stored: opens, updates and closes what they are about. Most events are about nothing, and cost nothing. */
  async hear(tx: Queryable, { announced, corrected }: EventChanges, nowMs: number): Promise<AfterEvents> {
    const byOrg = new Map<string, Signal[]>()
    for (const { org, event } of [...corrected.map(({ correction }) => correction), ...announced]) {
      const signals = this.#signalsOf(org, event)
      if (signals.length > 0) byOrg.set(org, [...(byOrg.get(org) ?? []), ...signals])
    }
    const silent = new Set<string>()
    const messages: OutgoingMessage[] = []
    for (const [org, signals] of byOrg) {
      const settings = this.settings(org)
      const book = await this.book(tx, org, { keys: signals.map(({ key }) => key), signals, nowMs })
      const looked = lookAfter(org, book, signals, settings, nowMs)
      for (const id of looked.quiet) silent.add(id)
      messages.push(...(await storeLooked(tx, org, looked, nowMs)))
    }
    return { silent, messages }
  }

  /** Decided and not announced: what it ends is over. Costs nothing where no fence with a schedule was left. @returns what is to be announced */
  async hearUnannounced(tx: Queryable, decisions: readonly DecisionRow[], nowMs: number): Promise<OutgoingMessage[]> {
    const byOrg = new Map<string, { key: string; reason: 'ended'; at: number }[]>()
    for (const { org, deviceId, decision } of decisions) {
      if (decision.outcome !== 'suppressed') continue
      for (const key of endedUnannounced(deviceId, decision, this.#fenceOf(org, decision.subject))) {
        byOrg.set(org, [...(byOrg.get(org) ?? []), { key, reason: 'ended', at: decision.timestamp }])
      }
    }
    const messages: OutgoingMessage[] = []
    for (const [org, over] of byOrg) messages.push(...(await this.withdraw(tx, org, over, nowMs)))
    return messages
  }

  /** What these incidents were about is watched no more. Each is locked and read again first. @returns what is to be announced */
  async withdraw(
    tx: Queryable,
    org: string,
    gone: readonly (Omit<Withdrawal, 'record'> & { readonly key: string })[],
    nowMs: number,
  ): Promise<OutgoingMessage[]> {
    if (gone.length === 0) return []
    const book = await this.book(tx, org, { keys: gone.map(({ key }) => key), signals: [], nowMs })
    const withdrawals = gone.flatMap(({ key, ...about }) => {
      const record = book.byKey.get(key)
      return record === undefined ? [] : [{ ...about, record }]
    })
    const looked = withdrawIncidents(org, book, withdrawals, { settings: this.settings(org), nowMs })
    return storeLooked(tx, org, looked, nowMs)
  }

  /** The incidents that keys and signals are about, with the storms of their kinds and what might become one. Locked. */
  async book(
    tx: Queryable,
    org: string,
    { keys, signals, nowMs }: { keys: readonly string[]; signals: readonly Signal[]; nowMs: number },
  ): Promise<IncidentBook> {
    const stormy = [...new Set(keys.map(key => key.split('/', 1)[0] as IncidentKind))].filter(mayStorm)
    const wanted = new Set([...keys, ...stormy.map(kind => incidentKey('storm', kind))])
    const byKey = new Map((await lockByKey(tx, org, [...wanted])).map(record => [record.key, record]))
    const takenBack = signals.filter(({ type }) => type === 'retract').map(({ eventId }) => eventId)
    const byEvent = await lockByEvent(tx, org, takenBack)
    const { windowSeconds } = this.settings(org).storm
    const begins =
      signals.length === 0 ? stormy : stormy.filter(kind => signals.some(s => s.kind === kind && s.type === 'begin'))
    const recent = new Map<IncidentKind, IncidentRecord[]>()
    for (const record of await listNoticed(tx, org, begins, nowMs - windowSeconds * 1_000)) {
      const { kind } = record.incident
      recent.set(kind, [...(recent.get(kind) ?? []), record])
    }
    return { byKey, byEvent, recent }
  }

  #signalsOf(org: string, event: GeofenceEvent | DeviceEvent): Signal[] {
    if (isGeofenceEvent(event)) return geofenceSignals(event, this.#fenceOf(org, event.fenceId))
    const signal = deviceSignal(event)
    return signal === undefined ? [] : [signal]
  }
}

/** Stores what became of incidents. @returns what is to be announced, in order */
export async function storeLooked(
  tx: Queryable,
  org: string,
  looked: Looked,
  nowMs: number,
): Promise<OutgoingMessage[]> {
  const messages = looked.announce.map(event => deviceMessage(org, event))
  await write(tx, org, looked, nowMs)
  messages.push(...incidentMessages(org, looked))
  for (const stormId of looked.overStorms) {
    const released = releaseMembers(stormId, await lockMembers(tx, org, stormId), nowMs)
    await write(tx, org, released, nowMs)
    messages.push(...incidentMessages(org, released))
  }
  return messages
}

async function write(tx: Queryable, org: string, { changed, timeline }: Looked, nowMs: number): Promise<void> {
  try {
    await saveIncidents(tx, org, changed.values())
  } catch (error) {
    // Another node opened the same meanwhile: read again, and join it.
    if (error instanceof DatabaseError && error.code === UNIQUE_VIOLATION) throw new VersionConflict()
    throw error
  }
  await insertTimeline(tx, org, timeline, nowMs)
}

function deviceMessage(org: string, event: DeviceEvent): OutgoingMessage {
  const topic = buildTopic('deviceNotification', { org, event: event.event, deviceId: event.deviceId })
  return { topic, payload: JSON.stringify(event), qos: 1, retain: false }
}

function incidentMessages(org: string, { publish }: Looked): OutgoingMessage[] {
  return publish.map(({ incidentId, incident }) => ({
    topic: buildTopic('incident', { org, incidentId }),
    payload: incident === null ? '' : JSON.stringify(incident),
    qos: 1,
    retain: true,
  }))
}
