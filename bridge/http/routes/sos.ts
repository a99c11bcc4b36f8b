import Type from 'typebox'
import {
  checkSchema,
  checkSosPolicy,
  Id,
  type Principal,
  SosAnswer,
  SosPolicy,
  TrackwireError,
} from '../../../contract/index.ts'
import type { Ingest } from '../../ingest/ingest.ts'
import { TRAIL_LEAD_MS } from '../../ingest/sos-trail.ts'
import type { Database } from '../../store/database.ts'
import { type FixRow, listFixes } from '../../store/queries/history.ts'
import {
  findSosAlert,
  listSosAlerts,
  listSosEvents,
  listSosRequests,
  type SosAlertRow,
} from '../../store/queries/sos.ts'
import { loadSosPolicy } from '../../store/sos-policies.ts'
import { ADMINS, ALERT_READERS, DISPATCHERS, mayPublish, mayRead, principalOf } from '../access.ts'
import { actOf } from '../act.ts'
import { GEOJSON_TYPE } from '../geojson.ts'
import { problems } from '../problem.ts'
import { DEFAULT_LIMIT, listOf, pageOf, pageQuery, readCursor, readTimeRange, TimeText } from '../query.ts'
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
    receivedAt: Type.Union([Type.Integer(), Type.Null()], { description: 'When its trigger arrived' }),
    late: Type.Boolean({ description: 'It arrived long after it happened' }),
    drill: Type.Boolean({ description: 'An exercise' }),
    tier: Type.Integer({ description: 'How far it was escalated; 0 = not' }),
    dueAt: Type.Union([Type.Integer(), Type.Null()], { description: 'When the escalation takes its next step' }),
    acknowledgedBy: Type.Union([Type.String(), Type.Null()]),
    acknowledgedAt: Type.Union([Type.Integer(), Type.Null()]),
    outcome: Type.Union([Type.Literal('resolved'), Type.Literal('false-alarm'), Type.Null()]),
    newest: Type.Unsafe<object | null>({
      anyOf: [{ $ref: 'SosEvent#' }, { type: 'null' }],
      description: 'The newest event of the alert, as announced',
    }),
  },
  { description: 'An SOS alert' },
)

function alertView(row: SosAlertRow): object {
  const { receivedAt, late, drill, outcome, acknowledgedBy, acknowledgedAt, escalation } = row.body
  return {
    alertId: row.alert_id,
    deviceId: row.device_id,
    state: row.state,
    openedAt: row.opened_at,
    closedAt: row.closed_at,
    receivedAt: receivedAt ?? null,
    late: late === true,
    drill: drill === true,
    tier: escalation?.tier ?? 0,
    dueAt: row.due_at,
    acknowledgedBy: acknowledgedBy ?? null,
    acknowledgedAt: acknowledgedAt ?? null,
    outcome: outcome ?? null,
    newest: row.newest,
  }
}

const Receipt = {
  type: 'object',
  required: ['channel', 'target', 'status', 'receivedAt'],
  properties: {
    channel: { type: 'string', description: '`mqtt`: the broker' },
    target: { type: 'string' },
    status: { type: 'string', description: '`announced`: the broker took it' },
    receivedAt: { type: 'integer', description: 'Milliseconds since the Unix epoch' },
  },
}

const SosCallForMore = Type.Object({ by: SosAnswer.properties.by, note: SosAnswer.properties.note })

/** Positions in one answer at the most; a day at one a second takes nine answers. */
const MAX_TRAIL = 10_000

const Trail = {
  type: 'object',
  required: ['type', 'geometry', 'properties'],
  properties: {
    type: { const: 'Feature' },
    geometry: { anyOf: [{ type: 'object' }, { type: 'null' }] },
    properties: {
      type: 'object',
      required: ['alertId', 'deviceId', 'openedAt', 'closedAt', 'times', 'next'],
      properties: {
        alertId: { type: 'string' },
        deviceId: { type: 'string' },
        openedAt: { type: 'integer' },
        closedAt: { anyOf: [{ type: 'integer' }, { type: 'null' }] },
        times: { type: 'array', items: { type: 'integer' }, description: 'Of each position, milliseconds' },
        next: { anyOf: [{ type: 'integer' }, { type: 'null' }] },
      },
    },
  },
}

/** @param fixes one more than fits means that there are more */
function trailFeature(alert: SosAlertRow, fixes: readonly FixRow[]): object {
  const shown = fixes.slice(0, MAX_TRAIL)
  const positions = shown.map(({ lng, lat }) => [lng, lat])
  const line = { type: 'LineString', coordinates: positions }
  const point = positions.length === 0 ? null : { type: 'Point', coordinates: positions[0] }
  return {
    type: 'Feature',
    geometry: positions.length > 1 ? line : point,
    properties: {
      alertId: alert.alert_id,
      deviceId: alert.device_id,
      openedAt: alert.opened_at,
      closedAt: alert.closed_at,
      times: shown.map(({ fix_time }) => fix_time),
      next: fixes[MAX_TRAIL]?.fix_time ?? null,
    },
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
            required: ['alert', 'timeline', 'requests'],
            properties: {
              alert: { $ref: 'SosAlert#' },
              timeline: {
                type: 'array',
                items: {
                  type: 'object',
                  required: ['event', 'storedAt', 'principal', 'receipts'],
                  properties: {
                    event: { $ref: 'SosEvent#' },
                    storedAt: { type: 'integer', description: 'Milliseconds since the Unix epoch' },
                    principal: {
                      anyOf: [{ type: 'string' }, { type: 'null' }],
                      description: 'The sub of the token that sent it; `platform` for what the clock did',
                    },
                    receipts: { type: 'array', items: Receipt, description: 'What became of it on each channel' },
                  },
                },
              },
              requests: {
                type: 'array',
                description: 'The triggers that opened and joined the alert, as they were understood',
                items: {
                  type: 'object',
                  required: ['requestId', 'receivedAt', 'request'],
                  properties: {
                    requestId: { type: 'string' },
                    receivedAt: { anyOf: [{ type: 'integer' }, { type: 'null' }] },
                    request: { anyOf: [{ type: 'object' }, { type: 'null' }] },
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
        timeline: timeline.map(({ body, stored_at, principal, receipts }) => ({
          event: body,
          storedAt: stored_at,
          principal,
          receipts,
        })),
        requests: await listSosRequests(db, principal.org, alert.alert_id),
      }
    },
  )

  app.get(
    '/api/v1/sos/:alertId/trail',
    {
      config: { access: ALERT_READERS },
      schema: {
        operationId: 'getSosTrail',
        summary: 'Where the device was, from 5 minutes before the alert until it was closed',
        description:
          'A GeoJSON Feature: LineString (Point for one fix, no geometry for none), with the time of each position in `properties.times`. `properties.next` is the `from` of the rest, or null.',
        tags: ['sos'],
        params: ById,
        querystring: Type.Object({ from: Type.Optional(TimeText) }, { additionalProperties: false }),
        response: {
          200: { description: 'The trail', content: { [GEOJSON_TYPE]: { schema: Trail } } },
          ...problems('alert_unknown', 'request_invalid'),
        },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request)
      const alert = await seenAlert(request.params.alertId, principal)
      const { from = Number.NEGATIVE_INFINITY } = readTimeRange(request.query)
      const fixes = await listFixes(db, principal.org, alert.device_id, {
        from: Math.max(from, alert.opened_at - TRAIL_LEAD_MS),
        to: alert.closed_at === null ? undefined : alert.closed_at + 1,
        limit: MAX_TRAIL + 1,
      })
      return reply.type(GEOJSON_TYPE).send(trailFeature(alert, fixes))
    },
  )

  app.get(
    '/api/v1/sos/policy',
    {
      config: { access: DISPATCHERS },
      schema: {
        operationId: 'getSosPolicy',
        summary: 'Who is told when nobody acknowledges an SOS',
        tags: ['sos'],
        response: { 200: { $ref: 'SosPolicy#' }, ...problems('forbidden') },
      },
    },
    request => loadSosPolicy(db, principalOf(request).org),
  )

  app.put(
    '/api/v1/sos/policy',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'putSosPolicy',
        summary: 'Say who is told when nobody acknowledges an SOS',
        description: 'Open alerts go by it from now on: tiers whose time has passed are told at once.',
        tags: ['sos'],
        body: documented(SosPolicy),
        response: { 200: { $ref: 'SosPolicy#' }, ...problems('forbidden', 'payload_invalid', 'shutting_down') },
      },
    },
    async request => {
      const { org, sub } = principalOf(request)
      const policy = checkSosPolicy(request.body, Date.now())
      const act = actOf(request, 'sos-policy.put', 'sos-policy', { policy })
      await ingest.putSosPolicy({ org, policy, principal: sub }, act)
      return policy
    },
  )

  app.post(
    '/api/v1/sos/:alertId/escalate',
    {
      config: { access: DISPATCHERS, rateClass: 'none' },
      schema: {
        operationId: 'escalateSos',
        summary: 'Tell the next tier now; after the last one, tell it again',
        description: 'The body may be left out. An acknowledged alert stays acknowledged.',
        tags: ['sos'],
        params: ById,
        body: documented(SosCallForMore),
        response: {
          200: { $ref: 'SosEvent#' },
          ...problems('alert_unknown', 'alert_closed', 'publish_forbidden', 'payload_invalid', 'shutting_down'),
        },
      },
    },
    async request => {
      const principal = principalOf(request)
      const { alertId } = request.params
      mayPublish(principal, 'sosAnswer', { alertId, action: 'acknowledge' })
      const { by = principal.sub, note } = checkSchema(SosCallForMore, request.body ?? {})
      const said = { by, principal: principal.sub, receivedAt: Date.now(), ...(note !== undefined && { note }) }
      return ingest.escalateSos({ org: principal.org, alertId, ...said })
    },
  )

  for (const action of ['acknowledge', 'resolve'] as const) {
    app.post(
      `/api/v1/sos/:alertId/${action}`,
      {
        config: { access: DISPATCHERS, rateClass: 'none' },
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
        const { by = principal.sub, note, outcome } = checkSchema(SosAnswer, request.body ?? {})
        return ingest.answerSos({
          org: principal.org,
          alertId,
          action,
          by,
          ...(note !== undefined && { note }),
          ...(outcome !== undefined && { outcome }),
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
