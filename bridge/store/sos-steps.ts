import type { SosEvent } from '../../contract/index.ts'
import type { Queryable } from './database.ts'
import type { OutboxRow, OutgoingMessage } from './outbox.ts'
import type { SosAlertRow } from './sos-alerts.ts'

export interface SosStep {
  /** As it is from now on; its row is locked or new (`version` 1). */
  readonly alert: SosAlertRow
  /** What happened, in order, each with how it is announced if it is new. */
  readonly events: readonly { readonly event: SosEvent; readonly message: OutgoingMessage }[]
  /** Who sent what caused it, beside the `by` that an event shows. */
  readonly principal: string
  /** Further messages, in order: those of `whenNew` only if one of the events is new. */
  readonly messages: readonly { readonly message: OutgoingMessage; readonly whenNew: boolean }[]
  /** A trigger met for the first time: remembered, so that a repeat of it is known for ever. `body` is what it said. */
  readonly request?: {
    readonly deviceId: string
    readonly requestId: string
    readonly receivedAt: number
    readonly body: object
  }
}

/**
 * Stores one step of an alert with what is to be announced of it, in one statement: under load each way to the database costs an
 * SOS some milliseconds. An event stored before is not announced again. A second open alert of a device fails with 23505.
 * @returns the ids of the events that are new, and the rows of the outbox in order
 */
export async function storeSosStep(
  tx: Queryable,
  { alert, events, principal, messages, request }: SosStep,
  nowMs: number,
): Promise<{ newIds: readonly string[]; outbox: readonly OutboxRow[] }> {
  const outgoing = [
    ...events.map(({ event, message }) => ({ eventId: event.id, whenNew: true, message })),
    ...messages.map(({ message, whenNew }) => ({ eventId: null, whenNew, message })),
  ]
  const [stored] = await tx.query<{ newIds: string[]; outbox: OutboxRow[] }>(
    `with saved as (
       insert into sos_alerts (org, alert_id, device_id, state, opened_at, closed_at, due_at, version, body)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb)
       on conflict (org, alert_id) do update set state = excluded.state, closed_at = excluded.closed_at,
         due_at = excluded.due_at, version = excluded.version, body = excluded.body
     ), met as (
       insert into sos_requests (org, device_id, request_id, alert_id, received_at, request)
       select $1, $10::text, $11::text, $2, $12::bigint, $13::jsonb where $11::text is not null
       on conflict do nothing
     ), told as (
       insert into sos_events (org, id, alert_id, event, event_time, stored_at, principal, body)
       select $1, id, $2, event, event_time, $14::bigint, $15, body::jsonb
       from unnest($16::text[], $17::text[], $18::bigint[], $19::text[]) with ordinality as t(id, event, event_time, body, ord)
       order by ord on conflict do nothing returning id
     ), announced as (
       insert into outbox (topic, payload, qos, retain, created_at)
       select topic, payload, qos, retain, $14::bigint
       from unnest($20::text[], $21::boolean[], $22::text[], $23::text[], $24::smallint[], $25::boolean[]) with ordinality
         as t(event_id, when_new, topic, payload, qos, retain, ord)
       where case when event_id is not null then event_id in (select id from told)
         else not when_new or exists (select from told) end
       order by ord returning id, topic, payload, qos, retain
     )
     select (select coalesce(jsonb_agg(id), '[]') from told) as "newIds",
       (select coalesce(jsonb_agg(to_jsonb(announced) order by id), '[]') from announced) as outbox`,
    [
      alert.org,
      alert.alertId,
      alert.deviceId,
      alert.state,
      alert.openedAt,
      alert.closedAt,
      alert.dueAt,
      alert.version,
      JSON.stringify(alert.body),
      request?.deviceId ?? null,
      request?.requestId ?? null,
      request?.receivedAt ?? null,
      request === undefined ? null : JSON.stringify(request.body),
      nowMs,
      principal,
      events.map(({ event }) => event.id),
      events.map(({ event }) => event.event),
      events.map(({ event }) => event.timestamp),
      events.map(({ event }) => JSON.stringify(event)),
      outgoing.map(({ eventId }) => eventId),
      outgoing.map(({ whenNew }) => whenNew),
      outgoing.map(({ message }) => message.topic),
      outgoing.map(({ message }) => message.payload),
      outgoing.map(({ message }) => message.qos),
      outgoing.map(({ message }) => message.retain),
    ],
  )
  return stored!
}
