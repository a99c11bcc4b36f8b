import {
  type CauseGone,
  type CompleteIncidentSettings,
  completeIncidentSettings,
  type DeviceEvent,
  type FenceProperties,
  type GeofenceEvent,
  type Incident,
  type IncidentKind,
  type IncidentSettings,
} from '../../contract/index.ts'
import {
  answerIncident,
  deviceSignal,
  geofenceSignals,
  type IncidentRecord,
  isGeofenceEvent,
  type Looked,
  lookAfter,
  lookAgain,
  releaseMembers,
  type TimelineEntry,
  withdrawIncidents,
} from '../../geofence-engine/index.ts'

/** Incidents in memory, kept as the platform keeps them in rows; every record goes through JSON. */
export class MemoryDesk {
  readonly settings: CompleteIncidentSettings
  readonly records = new Map<string, IncidentRecord>()
  readonly timeline: TimelineEntry[] = []
  /** Ids of the device events that were announced, in order. */
  readonly announced: string[] = []
  /** What is retained. */
  readonly retained = new Map<string, Incident>()
  /** Every incident message, in order: what changed, and of what. */
  readonly messages: string[] = []
  readonly fences: Record<string, FenceProperties> = {}

  constructor(settings: IncidentSettings = {}) {
    this.settings = completeIncidentSettings(settings)
  }

  /** One transaction. */
  hear(nowMs: number, ...events: (DeviceEvent | GeofenceEvent)[]): void {
    const signals = events.flatMap(event =>
      isGeofenceEvent(event) ? geofenceSignals(event, this.fences[event.fenceId]) : (deviceSignal(event) ?? []),
    )
    const looked = lookAfter('demo', this.#book(nowMs), signals, this.settings, nowMs)
    for (const event of events) if (!looked.quiet.has(event.id)) this.announced.push(event.id)
    this.#apply(looked, nowMs)
  }

  /** The clock. */
  sweep(nowMs: number): void {
    const due = [...this.records.values()].filter(({ dueAt }) => dueAt !== undefined && dueAt <= nowMs)
    this.#apply(lookAgain('demo', this.#book(nowMs), due, this.settings, nowMs), nowMs)
  }

  acknowledge(id: string, nowMs: number): void {
    this.#answer(id, 'acknowledge', nowMs)
  }

  close(id: string, nowMs: number): void {
    this.#answer(id, 'close', nowMs)
  }

  /** The cause of every incident, or of some episodes, is gone. */
  withdraw(reason: CauseGone, nowMs: number, episodes?: readonly string[]): void {
    const records = [...this.records.values()]
    const withdrawals = records.map(record => ({ record, reason, ...(episodes !== undefined && { episodes }) }))
    this.#apply(withdrawIncidents('demo', this.#book(nowMs), withdrawals, { settings: this.settings, nowMs }), nowMs)
  }

  /** `kind state×count`, in the order of opening; storms with their counts. */
  summary(): string[] {
    return this.shown().map(({ kind, state, count, closed, storm }) => {
      const what = storm === undefined ? kind : `storm of ${storm.count}/${storm.total}`
      return `${what} ${state}${closed === undefined ? '' : ` (${closed.reason})`} ×${count}`
    })
  }

  shown(): Incident[] {
    return [...this.records.values()].filter(({ pending }) => !pending).map(({ incident }) => incident)
  }

  #answer(id: string, action: 'acknowledge' | 'close', nowMs: number): void {
    const given = { settings: this.settings, nowMs }
    this.#apply(answerIncident('demo', this.#book(nowMs), this.records.get(id)!, { action, by: 'ann' }, given), nowMs)
  }

  #book(nowMs: number) {
    const byKey = new Map<string, IncidentRecord>()
    const byEvent = new Map<string, IncidentRecord>()
    const recent = new Map<IncidentKind, IncidentRecord[]>()
    for (const record of this.records.values()) {
      const { incident } = record
      const other = byKey.get(record.key)
      if (other === undefined || rank(record) > rank(other)) byKey.set(record.key, record)
      for (const { incidentId, eventId } of this.timeline) {
        if (incidentId === incident.incidentId && eventId !== undefined) byEvent.set(eventId, record)
      }
      if (incident.state !== 'closed' && record.noticedAt > nowMs - this.settings.storm.windowSeconds * 1_000) {
        recent.set(incident.kind, [...(recent.get(incident.kind) ?? []), record])
      }
    }
    return { byKey, byEvent, recent }
  }

  #apply(looked: Looked, nowMs: number): void {
    for (const { id } of looked.announce) this.announced.push(id)
    for (const [id, record] of looked.changed) this.records.set(id, JSON.parse(JSON.stringify(record)))
    this.timeline.push(...looked.timeline)
    for (const { incidentId, incident } of looked.publish) {
      this.messages.push(incident === null ? 'empty' : `${incident.kind} ${incident.change}`)
      if (incident === null) this.retained.delete(incidentId)
      else this.retained.set(incidentId, incident)
    }
    for (const stormId of looked.overStorms) {
      const members = [...this.records.values()].filter(
        ({ incident }) => incident.partOf === stormId && incident.state !== 'closed',
      )
      this.#apply(releaseMembers(stormId, members, nowMs), nowMs)
    }
  }
}

function rank({ incident }: IncidentRecord): number {
  return (incident.state === 'closed' ? 0 : 1e15) + incident.openedAt
}
