import type { Queryable } from './database.ts'

/** One row of sos_alerts; `body` is the geofence engine's own JSON of the alert. */
export interface SosAlertRow {
  readonly org: string
  readonly alertId: string
  readonly deviceId: string
  readonly state: 'open' | 'acknowledged' | 'resolved' | 'cancelled'
  readonly openedAt: number
  readonly closedAt: number | null
  /** When it asks for its next step; null when nothing until somebody does something. */
  readonly dueAt: number | null
  readonly version: number
  readonly body: unknown
}

const COLUMNS = `org, alert_id as "alertId", device_id as "deviceId", state, opened_at as "openedAt", closed_at as "closedAt",
  due_at as "dueAt", version, body`
const IS_OPEN = `state in ('open', 'acknowledged')`

/** Every alert that is not closed. */
export function loadOpenAlerts(db: Queryable): Promise<SosAlertRow[]> {
  return db.query<SosAlertRow>(`select ${COLUMNS} from sos_alerts where ${IS_OPEN}`)
}

/** An alert by its id, open or closed, locked until the transaction ends. */
export async function lockAlert(db: Queryable, org: string, alertId: string): Promise<SosAlertRow | undefined> {
  const [row] = await db.query<SosAlertRow>(
    `select ${COLUMNS} from sos_alerts where org = $1 and alert_id = $2 for update`,
    [org, alertId],
  )
  return row
}

/** Alerts that wait for their next step, the longest waiting first. */
export function findDueAlerts(
  db: Queryable,
  nowMs: number,
  limit: number,
): Promise<{ org: string; alertId: string }[]> {
  return db.query(
    'select org, alert_id as "alertId" from sos_alerts where due_at <= $1 order by due_at, alert_id limit $2',
    [nowMs, limit],
  )
}

/** The next steps of an organisation's open alerts are to be computed anew. */
export async function expireDueTimes(db: Queryable, org: string): Promise<void> {
  await db.query(`update sos_alerts set due_at = 0 where org = $1 and ${IS_OPEN}`, [org])
}
