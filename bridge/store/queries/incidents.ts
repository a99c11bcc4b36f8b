import type { Incident } from '../../../contract/index.ts'
import type { TimelineEntry } from '../../../geofence-engine/index.ts'
import type { Queryable } from '../database.ts'

export interface IncidentRow {
  readonly opened_at: number
  readonly incident_id: string
  readonly incident: Incident
}

export interface IncidentFilter {
  /** Null means all devices of the organisation. Storms are for those who see all. */
  readonly visible: readonly string[] | null
  readonly state: 'open' | 'acknowledged' | 'closed' | 'all'
  readonly kind?: string | undefined
  readonly deviceId?: string | undefined
  /** Those of one storm. Without it, what a storm speaks for is left to the storm, for those who see all and ask for no device. */
  readonly partOf?: string | undefined
  /** Milliseconds, inclusive. */
  readonly from?: number | undefined
  /** Milliseconds, exclusive. */
  readonly to?: number | undefined
  /** `[opened_at, incident_id]` of the last one of the page before. */
  readonly before?: readonly [number, string] | undefined
  readonly limit: number
}

/** Incidents, newest first by when they began. */
export function listIncidents(db: Queryable, org: string, filter: IncidentFilter): Promise<IncidentRow[]> {
  const [beforeTime, beforeId] = filter.before ?? [null, null]
  return db.query<IncidentRow>(
    `select opened_at, incident_id, body->'incident' as incident from incidents
     where org = $1 and shown and ($2::text[] is null or device_id = any($2) or other_device_id = any($2))
       and ($3 = 'all' or state = $3 or ($3 = 'open' and state = 'acknowledged'))
       and ($4::text is null or kind = $4)
       and ($5::text is null or device_id = $5 or other_device_id = $5)
       and ($6::text is null or part_of = $6)
       and (part_of is null or $6::text is not null or $5::text is not null or $2::text[] is not null)
       and opened_at >= $7 and opened_at < $8
       and ($9::bigint is null or (opened_at, incident_id) < ($9::bigint, $10::text))
     order by opened_at desc, incident_id desc limit $11`,
    [
      org,
      filter.visible,
      filter.state,
      filter.kind ?? null,
      filter.deviceId ?? null,
      filter.partOf ?? null,
      filter.from ?? Number.MIN_SAFE_INTEGER,
      filter.to ?? Number.MAX_SAFE_INTEGER,
      beforeTime,
      beforeId,
      filter.limit,
    ],
  )
}

export async function findIncident(db: Queryable, org: string, incidentId: string): Promise<Incident | undefined> {
  const [row] = await db.query<IncidentRow>(
    `select opened_at, incident_id, body->'incident' as incident from incidents
     where org = $1 and incident_id = $2 and shown`,
    [org, incidentId],
  )
  return row?.incident
}

export interface TimelineRow {
  readonly at: number
  readonly body: TimelineEntry
}

/** What happened to an incident, oldest first; the newest 5,000 entries of it. */
export async function listTimeline(db: Queryable, org: string, incidentId: string): Promise<TimelineRow[]> {
  return db.query<TimelineRow>(
    `select at, body from (
       select seq, at, body from incident_events where org = $1 and incident_id = $2 order by seq desc limit 5000
     ) as newest order by seq`,
    [org, incidentId],
  )
}
