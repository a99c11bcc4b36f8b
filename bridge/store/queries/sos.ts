import type { SosEvent } from '../../../contract/index.ts'
import type { Queryable } from '../database.ts'

export interface SosAlertRow {
  readonly alert_id: string
  readonly device_id: string
  readonly state: 'open' | 'acknowledged' | 'resolved' | 'cancelled'
  readonly opened_at: number
  readonly closed_at: number | null
  /** Its newest event as announced. */
  readonly newest: SosEvent | null
}

export type SosFilter = 'open' | 'closed' | 'all'

const COLUMNS = `a.alert_id, a.device_id, a.state, a.opened_at, a.closed_at,
  (select e.body from sos_events e where e.org = a.org and e.alert_id = a.alert_id order by e.seq desc limit 1) as newest`

/** SOS alerts, newest first by their opening. `open` are those nobody has closed, acknowledged or not. */
export function listSosAlerts(
  db: Queryable,
  org: string,
  filter: {
    state: SosFilter
    visible: readonly string[] | null
    /** `[opened_at, alert_id]` of the last alert of the page before. */
    before?: readonly [number, string] | undefined
    limit: number
  },
): Promise<SosAlertRow[]> {
  const [beforeTime, beforeId] = filter.before ?? [null, null]
  return db.query<SosAlertRow>(
    `select ${COLUMNS} from sos_alerts a
     where a.org = $1 and ($2 = 'all' or (a.state in ('open', 'acknowledged')) = ($2 = 'open'))
       and ($3::text[] is null or a.device_id = any($3))
       and ($4::bigint is null or (a.opened_at, a.alert_id) < ($4::bigint, $5::text))
     order by a.opened_at desc, a.alert_id desc limit $6`,
    [org, filter.state, filter.visible, beforeTime, beforeId, filter.limit],
  )
}

export async function findSosAlert(db: Queryable, org: string, alertId: string): Promise<SosAlertRow | undefined> {
  const rows = await db.query<SosAlertRow>(`select ${COLUMNS} from sos_alerts a where a.org = $1 and a.alert_id = $2`, [
    org,
    alertId,
  ])
  return rows[0]
}

export interface SosEventRow {
  readonly body: SosEvent
  readonly stored_at: number
  /** Who sent it, by its token. */
  readonly principal: string | null
}

/** Everything that happened to an alert, oldest first. */
export function listSosEvents(db: Queryable, org: string, alertId: string): Promise<SosEventRow[]> {
  return db.query<SosEventRow>(
    'select body, stored_at, principal from sos_events where org = $1 and alert_id = $2 order by seq limit 1000',
    [org, alertId],
  )
}
