import type { SosEvent } from '../../contract/index.ts'
import type { Queryable } from './database.ts'

/**
 * Stores one event of an alert.
 * @param principal who sent what caused it, beside the `by` that the event shows
 * @returns false when it was stored before: then it is not announced again
 */
export async function insertSosEvent(
  db: Queryable,
  { org, event, principal }: { org: string; event: SosEvent; principal: string },
  nowMs: number,
): Promise<boolean> {
  const rows = await db.query(
    `insert into sos_events (org, id, alert_id, event, event_time, stored_at, principal, body)
     values ($1, $2, $3, $4, $5, $6, $7, $8::jsonb) on conflict do nothing returning 1`,
    [org, event.id, event.alertId, event.event, event.timestamp, nowMs, principal, JSON.stringify(event)],
  )
  return rows.length > 0
}

/** A stored event of an alert by its id. */
export async function findSosEvent(db: Queryable, org: string, id: string): Promise<SosEvent | undefined> {
  const [row] = await db.query<{ body: SosEvent }>('select body from sos_events where org = $1 and id = $2', [org, id])
  return row?.body
}
