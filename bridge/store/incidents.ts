import type { IncidentKind } from '../../contract/index.ts'
import type { IncidentRecord, TimelineEntry } from '../../geofence-engine/index.ts'
import type { Queryable } from './database.ts'

interface Row {
  readonly org: string
  readonly body: IncidentRecord
}

/** By key: the open incident, or else the one that began last; locked until the transaction ends. */
export async function lockByKey(db: Queryable, org: string, keys: readonly string[]): Promise<IncidentRecord[]> {
  return bodies(
    db.query<Row>(
      `select body from incidents where org = $1 and incident_id in (
         select found.incident_id from unnest($2::text[]) as wanted(key) cross join lateral (
           select incident_id from incidents i where i.org = $1 and i.dedupe_key = wanted.key
           order by i.state <> 'closed' desc, i.opened_at desc limit 1
         ) as found
       ) order by incident_id for update`,
      [org, keys],
    ),
  )
}

/** The incidents that these events belong to, by event id; locked. */
export async function lockByEvent(
  db: Queryable,
  org: string,
  eventIds: readonly string[],
): Promise<Map<string, IncidentRecord>> {
  if (eventIds.length === 0) return new Map()
  const rows = await db.query<Row & { eventId: string }>(
    `select e.event_id as "eventId", i.body from incident_events e join incidents i using (org, incident_id)
     where e.org = $1 and e.event_id = any($2::text[]) order by i.incident_id for update of i`,
    [org, eventIds],
  )
  return new Map(rows.map(({ eventId, body }) => [eventId, body]))
}

/** Open incidents of these kinds that were noticed after a time and that no storm speaks for. */
export async function listNoticed(
  db: Queryable,
  org: string,
  kinds: readonly IncidentKind[],
  sinceMs: number,
): Promise<IncidentRecord[]> {
  if (kinds.length === 0) return []
  return bodies(
    db.query<Row>(
      `select body from incidents where org = $1 and kind = any($2::text[]) and state <> 'closed' and shown
         and part_of is null and noticed_at > $3 order by noticed_at`,
      [org, kinds, sinceMs],
    ),
  )
}

/** Open incidents of these kinds, of one device or of some fences where these are given. Not locked. */
export function listOpen(
  db: Queryable,
  org: string,
  { kinds, deviceId, fenceIds }: { kinds: readonly IncidentKind[]; deviceId?: string; fenceIds?: readonly string[] },
): Promise<IncidentRecord[]> {
  return bodies(
    db.query<Row>(
      `select body from incidents where org = $1 and kind = any($2::text[]) and state <> 'closed'
         and ($3::text is null or device_id = $3)
         and ($4::text[] is null or body->'incident'->>'fenceId' = any($4))`,
      [org, kinds, deviceId ?? null, fenceIds ?? null],
    ),
  )
}

/** What a storm speaks for and what is still open; locked. */
export function lockMembers(db: Queryable, org: string, stormId: string): Promise<IncidentRecord[]> {
  return bodies(
    db.query<Row>(
      `select body from incidents where org = $1 and part_of = $2 and state <> 'closed' order by incident_id for update`,
      [org, stormId],
    ),
  )
}

/** One incident, locked until the transaction ends. */
export async function lockIncident(db: Queryable, org: string, id: string): Promise<IncidentRecord | undefined> {
  const [row] = await db.query<Row>(
    'select body from incidents where org = $1 and incident_id = $2 and shown for update',
    [org, id],
  )
  return row?.body
}

/** Those that somebody has to look at, by organisation. */
export function listDueIncidents(db: Queryable, nowMs: number, limit: number): Promise<{ org: string; key: string }[]> {
  return db.query<{ org: string; key: string }>(
    'select org, dedupe_key as key from incidents where due_at <= $1 order by due_at limit $2',
    [nowMs, limit],
  )
}

/** An incident that has a retained message. */
export async function findOpenIncident(db: Queryable, org: string, id: string): Promise<IncidentRecord | undefined> {
  const [row] = await db.query<Row>(
    `select body from incidents where org = $1 and incident_id = $2 and state <> 'closed' and shown and part_of is null`,
    [org, id],
  )
  return row?.body
}

/** Open ones that are shown, page by page, in order of their ids. */
export function pageOpenIncidents(
  db: Queryable,
  after: { readonly org: string; readonly id: string } | null,
  limit: number,
): Promise<Row[]> {
  return db.query<Row>(
    `select org, body from incidents where state <> 'closed' and shown and part_of is null
       and (org, incident_id) > ($1, $2) order by org, incident_id limit $3`,
    [after?.org ?? '', after?.id ?? '', limit],
  )
}

/** Writes records whose rows are locked or new. A second open one of a key fails with 23505. */
export async function saveIncidents(db: Queryable, org: string, records: Iterable<IncidentRecord>): Promise<void> {
  // Closed ones first: they make room for the next one of their key.
  const rows = [...records].sort((a, b) => closedFirst(a) - closedFirst(b))
  if (rows.length === 0) return
  await db.query(
    `insert into incidents (org, incident_id, dedupe_key, kind, state, shown, device_id, other_device_id, part_of, opened_at,
       noticed_at, due_at, body)
     select $1, incident_id, dedupe_key, kind, state, shown, device_id, other_device_id, part_of, opened_at, noticed_at, due_at,
       body::jsonb
     from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::text[], $8::text[], $9::text[], $10::bigint[],
       $11::bigint[], $12::bigint[], $13::text[]) with ordinality
       as t(incident_id, dedupe_key, kind, state, shown, device_id, other_device_id, part_of, opened_at, noticed_at, due_at, body, ord)
     order by ord
     on conflict (org, incident_id) do update set state = excluded.state, shown = excluded.shown, part_of = excluded.part_of,
       opened_at = excluded.opened_at, noticed_at = excluded.noticed_at, due_at = excluded.due_at, body = excluded.body`,
    [
      org,
      rows.map(({ incident }) => incident.incidentId),
      rows.map(({ key }) => key),
      rows.map(({ incident }) => incident.kind),
      rows.map(({ incident }) => incident.state),
      rows.map(isShown),
      rows.map(({ incident }) => incident.deviceId ?? null),
      rows.map(({ incident }) => incident.otherDeviceId ?? null),
      rows.map(({ incident }) => incident.partOf ?? null),
      rows.map(({ incident }) => incident.openedAt),
      rows.map(({ noticedAt }) => noticedAt),
      rows.map(({ dueAt }) => dueAt ?? null),
      rows.map(record => JSON.stringify(record)),
    ],
  )
}

function closedFirst({ incident }: IncidentRecord): number {
  return incident.state === 'closed' ? 0 : 1
}

function isShown({ pending }: IncidentRecord): boolean {
  return pending !== true
}

export async function insertTimeline(
  db: Queryable,
  org: string,
  entries: readonly TimelineEntry[],
  nowMs: number,
): Promise<void> {
  if (entries.length === 0) return
  await db.query(
    `insert into incident_events (org, incident_id, at, change, event_id, body)
     select $1, incident_id, $2::bigint, change, event_id, body::jsonb
     from unnest($3::text[], $4::text[], $5::text[], $6::text[]) with ordinality as t(incident_id, change, event_id, body, ord)
     order by ord`,
    [
      org,
      nowMs,
      entries.map(({ incidentId }) => incidentId),
      entries.map(({ change }) => change),
      entries.map(({ eventId }) => eventId ?? null),
      entries.map(entry => JSON.stringify(entry)),
    ],
  )
}

async function bodies(rows: Promise<Row[]>): Promise<IncidentRecord[]> {
  return (await rows).map(({ body }) => body)
}
