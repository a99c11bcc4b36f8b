import type { SosEvent, SosOutcome } from '../../../contract/index.ts'
import type { Queryable } from '../database.ts'

export interface SosAlertRow {
  readonly alert_id: string
  readonly device_id: string
  readonly state: 'open' | 'acknowledged' | 'resolved' | 'cancelled'
  readonly opened_at: number
  readonly closed_at: number | null
  /** When the escalation takes its next step. */
  readonly due_at: number | null
  readonly body: SosAlertBody
  /** Its newest event as announced. */
  readonly newest: SosEvent | null
}

/** What the lists show of an alert as the engine keeps it. */
export interface SosAlertBody {
  readonly receivedAt?: number
  readonly late?: true
  readonly drill?: true
  readonly outcome?: SosOutcome
  readonly acknowledgedBy?: string
  readonly acknowledgedAt?: number
  readonly escalation?: { readonly tier: number }
}

export type SosFilter = 'open' | 'closed' | 'all'

const COLUMNS = `a.alert_id, a.device_id, a.state, a.opened_at, a.closed_at, a.due_at, a.body,
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
  /** Who sent it, by its token; `platform` for what the clock did. */
  readonly principal: string | null
  readonly receipts: readonly SosReceiptView[]
}

export interface SosReceiptView {
  readonly channel: string
  readonly target: string
  readonly status: string
  readonly receivedAt: number
}

/** Everything that happened to an alert, oldest first. */
export function listSosEvents(db: Queryable, org: string, alertId: string): Promise<SosEventRow[]> {
  return db.query<SosEventRow>(
    `select e.body, e.stored_at, e.principal,
       coalesce((select jsonb_agg(jsonb_build_object('channel', r.channel, 'target', r.target, 'status', r.status,
           'receivedAt', r.received_at) order by r.received_at, r.channel, r.target)
         from sos_receipts r where r.org = e.org and r.event_id = e.id), '[]') as receipts
     from sos_events e where e.org = $1 and e.alert_id = $2 order by e.seq limit 5000`,
    [org, alertId],
  )
}

export interface SosRequestRow {
  readonly requestId: string
  readonly receivedAt: number | null
  readonly request: object | null
}

/** The triggers that opened and joined an alert, in the order of their arrival. */
export function listSosRequests(db: Queryable, org: string, alertId: string): Promise<SosRequestRow[]> {
  return db.query<SosRequestRow>(
    `select request_id as "requestId", received_at as "receivedAt", request from sos_requests
     where org = $1 and alert_id = $2 order by received_at, request_id limit 1000`,
    [org, alertId],
  )
}
