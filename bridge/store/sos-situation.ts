import { DEFAULT_SOS_POLICY, type SosPolicy } from '../../contract/index.ts'
import type { Queryable } from './database.ts'
import type { SosAlertRow } from './sos-alerts.ts'

/** Everything that decides what a request of a device means. */
export interface SosSituation {
  /** The alert that the request's id belongs to; undefined when it was never met. */
  readonly metBefore: string | undefined
  /** That alert, or the device's open one, locked until the transaction ends. */
  readonly row: SosAlertRow | undefined
  readonly policy: SosPolicy
}

/** One statement: under load each way to the database costs an SOS some milliseconds. */
export async function lockSosSituation(
  tx: Queryable,
  request: { readonly org: string; readonly deviceId: string; readonly requestId: string },
): Promise<SosSituation> {
  const [found] = await tx.query<{ metBefore: string | null; policy: SosPolicy | null; alert: SosAlertRow | null }>(
    `with met as (
       select alert_id from sos_requests where org = $1 and device_id = $2 and request_id = $3
     ), alert as (
       select alert_id, device_id, state, opened_at, closed_at, due_at, version, body from sos_alerts
       where org = $1 and device_id = $2
         and (alert_id = (select alert_id from met) or (not exists (select from met) and state in ('open', 'acknowledged')))
       for update
     )
     select (select alert_id from met) as "metBefore", (select policy from sos_policies where org = $1) as policy,
       (select jsonb_build_object('org', $1::text, 'alertId', alert_id, 'deviceId', device_id, 'state', state,
          'openedAt', opened_at, 'closedAt', closed_at, 'dueAt', due_at, 'version', version, 'body', body)
        from alert) as alert`,
    [request.org, request.deviceId, request.requestId],
  )
  const { metBefore, policy, alert } = found!
  return { metBefore: metBefore ?? undefined, row: alert ?? undefined, policy: policy ?? DEFAULT_SOS_POLICY }
}
