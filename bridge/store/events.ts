import type { DeviceEvent, GeofenceEvent } from '../../contract/index.ts'
import { bigintColumn, integerColumn, textColumn } from './columns.ts'
import type { Queryable } from './database.ts'
import type { DeviceKey } from './device-states.ts'

/** A row of events. It stands as long as it is not retracted; a correction (`retracts`) is not an event that stands or falls. */
export interface StoredEvent {
  readonly org: string
  /** Its id is the one it was announced with. */
  readonly event: GeofenceEvent | DeviceEvent
  /** The engine's id: the same for every revision. */
  readonly baseId: string
  /** How often it had been retracted before. */
  readonly revision: number
  /** The time of the fix, or of the clock, that decided it; null: no late fix can contradict it. Milliseconds. */
  readonly causeTime: number | null
}

export interface EventRow extends StoredEvent {
  /** A correction: the id of the event that does not stand. */
  readonly retracts: string | null
}

/** A stored event, standing or retracted. */
export interface FoundEvent extends StoredEvent {
  readonly retractedAt: number | null
}

const COLUMNS = 'e.org, e.body as event, e.base_id as "baseId", e.revision, e.cause_time as "causeTime"'

/** Stores events in order; one whose id is there already stays as it is. @returns `org/id` of the new ones */
export async function insertEvents(db: Queryable, rows: readonly EventRow[], nowMs: number): Promise<Set<string>> {
  if (rows.length === 0) return new Set()
  const inserted = await db.query<{ key: string }>(
    `insert into events (org, id, event, device_id, fence_id, event_time, stored_at, body, base_id, revision, cause_time, retracts)
     select org, id, event, device_id, fence_id, event_time, $12::bigint, body::jsonb, base_id, revision, cause_time, retracts
     from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[], $9::int[],
       $10::bigint[], $11::text[]) with ordinality
       as t(org, id, event, device_id, fence_id, event_time, body, base_id, revision, cause_time, retracts, ord) order by ord
     on conflict do nothing returning org || '/' || id as key`,
    [
      textColumn(rows, ({ org }) => org),
      textColumn(rows, ({ event }) => event.id),
      textColumn(rows, ({ event }) => event.event),
      textColumn(rows, ({ event }) => event.deviceId),
      textColumn(rows, ({ event }) => event.fenceId ?? null),
      bigintColumn(rows, ({ event }) => event.timestamp),
      textColumn(rows, ({ event }) => JSON.stringify(event)),
      textColumn(rows, ({ baseId }) => baseId),
      integerColumn(rows, ({ revision }) => revision),
      bigintColumn(rows, ({ causeTime }) => causeTime),
      textColumn(rows, ({ retracts }) => retracts),
      nowMs,
    ],
  )
  return new Set(inserted.map(({ key }) => key))
}

/** Every revision of these events, by their base ids. */
export function findByBase(
  db: Queryable,
  events: readonly { readonly org: string; readonly baseId: string }[],
): Promise<FoundEvent[]> {
  return db.query<FoundEvent>(
    `with wanted as materialized (select distinct * from unnest($1::text[], $2::text[]) as t(org, base_id))
     select ${COLUMNS}, e.retracted_at as "retractedAt" from wanted w join events e on e.org = w.org and e.id = w.base_id
     union all
     select ${COLUMNS}, e.retracted_at as "retractedAt" from wanted w join events e on e.org = w.org and e.base_id = w.base_id
     where e.revision > 0`,
    [events.map(({ org }) => org), events.map(({ baseId }) => baseId)],
  )
}

/** The standing events of each device that were decided from one time to another, both inclusive. */
export function listStanding(
  db: Queryable,
  stretches: readonly (DeviceKey & { readonly from: number; readonly to: number })[],
): Promise<StoredEvent[]> {
  return db.query<StoredEvent>(
    `select ${COLUMNS} from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) as t(org, device_id, first, last)
     join events e on e.org = t.org and e.device_id = t.device_id and e.cause_time >= t.first and e.cause_time <= t.last
     where e.retracted_at is null and e.retracts is null
     order by e.cause_time, e.seq`,
    [
      stretches.map(({ org }) => org),
      stretches.map(({ deviceId }) => deviceId),
      stretches.map(({ from }) => from),
      stretches.map(({ to }) => to),
    ],
  )
}

/** These events do not stand any more. @returns `org/id` of those that stood until now */
export async function retractEvents(
  db: Queryable,
  events: readonly StoredEvent[],
  nowMs: number,
): Promise<Set<string>> {
  if (events.length === 0) return new Set()
  const rows = await db.query<{ key: string }>(
    `update events e set retracted_at = $3 from unnest($1::text[], $2::text[]) as t(org, id)
     where e.org = t.org and e.id = t.id and e.retracted_at is null returning e.org || '/' || e.id as key`,
    [events.map(({ org }) => org), events.map(({ event }) => event.id), nowMs],
  )
  return new Set(rows.map(({ key }) => key))
}

/** Gives stored events another body and cause; ids stay. */
export async function amendEvents(db: Queryable, events: readonly StoredEvent[]): Promise<void> {
  if (events.length === 0) return
  await db.query(
    `update events e set body = t.body::jsonb, cause_time = t.cause_time
     from unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) as t(org, id, body, cause_time)
     where e.org = t.org and e.id = t.id`,
    [
      events.map(({ org }) => org),
      events.map(({ event }) => event.id),
      events.map(({ event }) => JSON.stringify(event)),
      events.map(({ causeTime }) => causeTime),
    ],
  )
}
