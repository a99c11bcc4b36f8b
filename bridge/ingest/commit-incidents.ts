import { buildTopic, type Incident, type IncidentSettings, TrackwireError } from '../../contract/index.ts'
import { answerIncident, type IncidentRecord, lookAgain } from '../../geofence-engine/index.ts'
import { type Act, recordAudit } from '../store/audit.ts'
import type { Queryable } from '../store/database.ts'
import { ensureOrganisations } from '../store/devices.ts'
import { saveIncidentSettings } from '../store/incident-settings.ts'
import { listDueIncidents, lockIncident } from '../store/incidents.ts'
import { insertOutbox, type OutboxRow, type OutgoingMessage } from '../store/outbox.ts'
import { storeLooked } from './incident-desk.ts'
import { persist } from './persist.ts'
import type { Pipeline } from './pipeline.ts'

/** Incidents looked at in one transaction. */
const GROUP = 100

export interface IncidentReply {
  readonly org: string
  readonly incidentIds: readonly string[]
  readonly action: 'acknowledge' | 'close'
  readonly by: string
  readonly note?: string | undefined
}

/** What became of one that was answered. */
export interface AnsweredIncident {
  readonly incidentId: string
  readonly incident?: Incident
  /** Why it was not: it is not there, or closed. */
  readonly error?: TrackwireError
}

/** People answer incidents; each for itself, all in one transaction. */
export async function commitIncidentReply(pipeline: Pipeline, reply: IncidentReply): Promise<AnsweredIncident[]> {
  const { db, now, announcer, incidents } = pipeline
  const { org, incidentIds, action, by, note } = reply
  const settings = incidents.settings(org)
  const given = { action, by, ...(note !== undefined && { note }) }
  const { answered, outbox } = await persist(() => {
    const nowMs = now()
    return db.transaction(async tx => {
      const answered: AnsweredIncident[] = []
      const messages: OutgoingMessage[] = []
      // In the order of their ids: two nodes must not lock them crosswise.
      for (const incidentId of [...new Set(incidentIds)].sort()) {
        const record = await lockIncident(tx, org, incidentId)
        const error = refusalOf(record, incidentId)
        if (record === undefined || error !== undefined) {
          answered.push({ incidentId, ...(error !== undefined && { error }) })
          continue
        }
        const book = await incidents.book(tx, org, { keys: [record.key], signals: [], nowMs })
        const looked = answerIncident(org, book, record, given, { settings, nowMs })
        messages.push(...(await storeLooked(tx, org, looked, nowMs)))
        answered.push({ incidentId, incident: (looked.changed.get(incidentId) ?? record).incident })
      }
      return { answered, outbox: await announced(tx, messages, nowMs) }
    })
  }, pipeline)
  announcer.enqueue(outbox)
  return answered
}

function refusalOf(record: IncidentRecord | undefined, incidentId: string): TrackwireError | undefined {
  if (record === undefined) return new TrackwireError('incident_unknown', `there is no incident ${incidentId}`)
  if (record.incident.state !== 'closed') return undefined
  return new TrackwireError('incident_closed', `incident ${incidentId} is already closed`)
}

/** Looks at incidents whose time has come. @returns whether there may be more */
export async function commitDueIncidents(pipeline: Pipeline): Promise<boolean> {
  const { db, now, incidents, announcer } = pipeline
  if ((await listDueIncidents(db, now(), 1)).length === 0) return false
  const { more, outbox } = await persist(() => {
    const nowMs = now()
    return db.transaction(async tx => {
      const due = await listDueIncidents(tx, nowMs, GROUP)
      const byOrg = new Map<string, string[]>()
      for (const { org, key } of due) byOrg.set(org, [...(byOrg.get(org) ?? []), key])
      const messages: OutgoingMessage[] = []
      for (const [org, keys] of byOrg) {
        const book = await incidents.book(tx, org, { keys, signals: [], nowMs })
        const records = keys.flatMap(key => book.byKey.get(key) ?? [])
        const looked = lookAgain(org, book, records, incidents.settings(org), nowMs)
        messages.push(...(await storeLooked(tx, org, looked, nowMs)))
      }
      return { more: due.length === GROUP, outbox: await announced(tx, messages, nowMs) }
    })
  }, pipeline)
  announcer.enqueue(outbox)
  return more
}

/** Replaces an organisation's settings; they count from the next event. */
export async function commitIncidentSettings(
  pipeline: Pipeline,
  { org, settings }: { readonly org: string; readonly settings: IncidentSettings },
  act?: Act,
): Promise<void> {
  const { db, now, incidents } = pipeline
  await persist(
    () =>
      db.transaction(async tx => {
        await ensureOrganisations(tx, [org], now())
        await saveIncidentSettings(tx, org, settings, now())
        if (act !== undefined) await recordAudit(tx, act, now())
      }),
    pipeline,
  )
  incidents.configure(org, settings)
}

/** The retained message of an incident. */
export function incidentMessage(org: string, incident: Incident): OutgoingMessage {
  const topic = buildTopic('incident', { org, incidentId: incident.incidentId })
  return { topic, payload: JSON.stringify(incident), qos: 1, retain: true }
}

async function announced(tx: Queryable, messages: readonly OutgoingMessage[], nowMs: number): Promise<OutboxRow[]> {
  return insertOutbox(tx, messages, nowMs)
}
