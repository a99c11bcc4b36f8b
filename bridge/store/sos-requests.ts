import type { Queryable } from './database.ts'

/** The alert that a request id of a device belongs to, or undefined when the request was never met. */
export async function findSosRequest(
  db: Queryable,
  org: string,
  deviceId: string,
  requestId: string,
): Promise<string | undefined> {
  const [row] = await db.query<{ alertId: string }>(
    'select alert_id as "alertId" from sos_requests where org = $1 and device_id = $2 and request_id = $3',
    [org, deviceId, requestId],
  )
  return row?.alertId
}

/** Remembers a request, so that a repeat of it is known for ever. `body` is what it said. */
export async function insertSosRequest(
  db: Queryable,
  request: { org: string; deviceId: string; requestId: string; alertId: string; receivedAt: number; body: object },
): Promise<void> {
  await db.query(
    `insert into sos_requests (org, device_id, request_id, alert_id, received_at, request)
     values ($1, $2, $3, $4, $5, $6::jsonb) on conflict do nothing`,
    [
      request.org,
      request.deviceId,
      request.requestId,
      request.alertId,
      request.receivedAt,
      JSON.stringify(request.body),
    ],
  )
}
