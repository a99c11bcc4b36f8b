import type { DeviceEvent, GeofenceEvent } from '../../contract/index.ts'
import type { Queryable } from './database.ts'
import type { OutboxRow, OutgoingMessage } from './outbox.ts'

export interface EventRow {
  readonly org: string
  readonly event: GeofenceEvent | DeviceEvent
  /** How it is announced if it is new. */
  readonly message: OutgoingMessage
}

/**
 * Stores events in order, each with its outbox row; an event whose id is there already is neither stored nor announced again.
 * @returns the outbox rows of the new ones, in order
 */
export function insertEvents(db: Queryable, rows: readonly EventRow[], nowMs: number): Promise<OutboxRow[]> {
  return db.query<OutboxRow>(
    `with input as materialized (
       select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[],
         $9::smallint[], $10::boolean[]) with ordinality
         as t(org, id, event, device_id, fence_id, event_time, payload, topic, qos, retain, ord)
     ), inserted as (
       insert into events (org, id, event, device_id, fence_id, event_time, stored_at, body)
       select org, id, event, device_id, fence_id, event_time, $11::bigint, payload::jsonb from input order by ord
       on conflict do nothing returning org, id
     )
     insert into outbox (topic, payload, qos, retain, created_at)
     select topic, payload, qos, retain, $11::bigint from input where (org, id) in (select org, id from inserted) order by ord
     returning id, topic, payload, qos, retain`,
    [
      rows.map(({ org }) => org),
      rows.map(({ event }) => event.id),
      rows.map(({ event }) => event.event),
      rows.map(({ event }) => event.deviceId),
      rows.map(({ event }) => event.fenceId ?? null),
      rows.map(({ event }) => event.timestamp),
      rows.map(({ message }) => message.payload),
      rows.map(({ message }) => message.topic),
      rows.map(({ message }) => message.qos),
      rows.map(({ message }) => message.retain),
      nowMs,
    ],
  )
}
