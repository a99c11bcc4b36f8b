import Type from 'typebox'
import { checkSchema, Id, type Principal, SosAnswer, TrackwireError } from '../../../contract/index.ts'
import type { Ingest } from '../../ingest/ingest.ts'
import type { Database } from '../../store/database.ts'
import { findSosAlert, listSosAlerts, listSosEvents, type SosAlertRow } from '../../store/queries/sos.ts'
import { ALERT_READERS, DISPATCHERS, mayPublish, mayRead, principalOf } from '../access.ts'
import { problems } from '../problem.ts'
import { DEFAULT_LIMIT, listOf, pageOf, pageQuery, readCursor } from '../query.ts'
import { type Api, documented } from '../schema-checks.ts'
import { readableDevices } from '../visibility.ts'

const ById = Type.Object({ alertId: Id }, { additionalProperties: false })
const StateFilter = Type.Union([Type.Literal('open'), Type.Literal('closed'), Type.Literal('all')], {
  description: '`open`: nobody closed it yet, acknowledged or not. `open` when left out.',
})

/** An SOS alert as the API shows it. */
export const SosAlert = Type.Object(
  {
    alertId: Id,
    deviceId: Id,
    state: Type.Union(['open', 'acknowledged', 'resolved', 'cancelled'].map(state => Type.Literal(state))),
    openedAt: Type.Integer({ description: 'Milliseconds since the Unix epoch' }),
    closedAt: Type.Union([Type.Integer(), Type.Null()]),
    newest: Type.Unsafe<object | null>({
      anyOf: [{ $ref: 'SosEvent#' }, { type: 'null' }],
      description: 'The newest event of the alert, as announced',
    }),
  },
  { description: 'An SOS alert' },
)

function alertView(row: SosAlertRow): object {
  return {
    alertId: row.alert_id,
    deviceId: row.device_id,
    state: row.state,
    openedAt: row.opened_at,
    closedAt: row.closed_at,
    newest: row.newest,
  }
}

/** SOS alerts: what is open, what happened, and a dispatcher's answers. */
export function sosRoutes(app: Api, { db, ingest }: { db: Database; ingest: Ingest }): void {
  app.get(
    '/api/v1/sos',
    {
      config: { access: ALERT_READERS },
      schema: {
        operationId: 'listSosAlerts',
        summary: 'SOS alerts of the devices one may see, newest first',
        tags: ['sos'],
        querystring: pageQuery({ state: Type.Optional(StateFilter) }),
        response: { 200: listOf({ $ref: 'SosAlert#' }, 'A page of alerts'), ...problems('request_invalid') },
      },
    },
    async request => {
      const principal = principalOf(request)
      const { limit = DEFAULT_LIMIT, cursor, state = 'open' } = request.query
      const before = readCursor<[number, string]>(cursor, ['number', 'string'])
      const visible = await readableDevices(db, principal)
      const rows = await listSosAlerts(db, principal.org, { state, visible, before, limit: limit + 1 })
      return pageOf(rows, limit, row => [row.opened_at, row.alert_id], alertView)
    },
  )

  app.get(
    '/api/v1/sos/:alertId',
    {
      config: { access: ALERT_READERS },
      schema: {
        operationId: 'getSosAlert',
        summary: 'One alert with everything that happened to it',
        tags: ['sos'],
        params: ById,
        response: {
          200: {
            type: 'object',
            description: 'The alert and its timeline, oldest first',
            required: ['alert', 'timeline'],
            properties: {
              alert: { $ref: 'SosAlert#' },
              timeline: {
                type: 'array',
                items: {
                  type: 'object',
                  required: ['event', 'storedAt', 'principal'],
                  properties: {
                    event: { $ref: 'SosEvent#' },
                    storedAt: { type: 'integer', description: 'Milliseconds since the Unix epoch' },
                    principal: {
                      anyOf: [{ type: 'string' }, { type: 'null' }],
                      description: 'The sub of the token that sent it',
                    },
                  },
                },
              },
            },
          },
          ...problems('alert_unknown', 'request_invalid'),
        },
      },
    },
    async request => {
      const principal = principalOf(request)
      const alert = await seenAlert(request.params.alertId, principal)
      const timeline = await listSosEvents(db, principal.org, alert.alert_id)
      return {
        alert: alertView(alert),
        timeline: timeline.map(row => ({ event: row.body, storedAt: row.stored_at, principal: row.principal })),
      }
    },
  )

  for (const action of ['acknowledge', 'resolve'] as const) {
    app.post(
      `/api/v1/sos/:alertId/${action}`,
      {
        config: { access: DISPATCHERS },
        schema: {
          operationId: `${action}Sos`,
          summary: action === 'acknowledge' ? 'Say that someone looks after the alert' : 'Close the alert',
          description: 'The body may be left out. `by` is shown with the event; the token’s sub is kept beside it.',
          tags: ['sos'],
          params: ById,
          body: documented(SosAnswer),
          response: {
            200: { $ref: 'SosEvent#' },
            ...problems(
              'alert_unknown',
              'alert_closed',
              'publish_forbidden',
              'payload_invalid',
              'request_invalid',
              'shutting_down',
            ),
          },
        },
      },
      async request => {
        const principal = principalOf(request)
        const { alertId } = request.params
        mayPublish(principal, 'sosAnswer', { alertId, action })
        const { by = principal.sub, note } = checkSchema(SosAnswer, request.body ?? {})
        return ingest.answerSos({
          org: principal.org,
          alertId,
          action,
          by,
          ...(note !== undefined && { note }),
          principal: principal.sub,
          receivedAt: Date.now(),
        })
      },
    )
  }

  async function seenAlert(alertId: string, principal: Principal): Promise<SosAlertRow> {
    const alert = await findSosAlert(db, principal.org, alertId)
    if (alert === undefined || !mayRead(principal, 'sosOpen', { deviceId: alert.device_id })) {
      throw new TrackwireError('alert_unknown', `there is no alert ${alertId}, or this token may not see it`)
    }
    return alert
  }
}
