import Type from 'typebox'
import {
  checkSchema,
  Id,
  type Incident,
  IncidentAnswer,
  IncidentKind,
  type IncidentKind as Kind,
  type Principal,
  TrackwireError,
} from '../../../contract/index.ts'
import type { Ingest } from '../../ingest/ingest.ts'
import type { Database } from '../../store/database.ts'
import { findIncident, listIncidents, listTimeline } from '../../store/queries/incidents.ts'
import { ALERT_READERS, DISPATCHERS, mayRead, principalOf } from '../access.ts'
import { problems } from '../problem.ts'
import { DEFAULT_LIMIT, listOf, pageOf, pageQuery, readCursor, readTimeRange, TimeText } from '../query.ts'
import { type Api, documented } from '../schema-checks.ts'
import { readableDevices } from '../visibility.ts'

const ById = Type.Object({ incidentId: Id }, { additionalProperties: false })
const StateFilter = Type.Union(
  ['open', 'acknowledged', 'closed', 'all'].map(state => Type.Literal(state)),
  { description: '`open`: nobody and nothing closed it yet, acknowledged or not. `open` when left out.' },
) as unknown as Type.TUnsafe<'open' | 'acknowledged' | 'closed' | 'all'>

const BulkAnswer = Type.Object(
  {
    ids: Type.Array(Id, { minItems: 1, maxItems: 1_000 }),
    by: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    note: Type.Optional(Type.String({ maxLength: 2_000 })),
  },
  { additionalProperties: false },
)

const Timeline = {
  type: 'array',
  description: 'Everything that happened to it, oldest first',
  items: {
    type: 'object',
    required: ['at', 'change'],
    properties: {
      at: { type: 'integer', description: 'By the platform’s clock, milliseconds' },
      change: { type: 'string', description: 'What happened' },
      eventId: { type: 'string', description: 'The event that caused it' },
      deviceId: { type: 'string' },
      memberId: { type: 'string', description: 'Storms: the incident that joined or left' },
      by: { type: 'string' },
      note: { type: 'string' },
      reason: { type: 'string' },
      timestamp: { type: 'integer', description: 'The event’s own time, milliseconds' },
    },
  },
}

/** Alerts as something that lasts: what is open, what happened, and people's answers. */
export function incidentRoutes(app: Api, { db, ingest }: { db: Database; ingest: Ingest }): void {
  app.get(
    '/api/v1/incidents',
    {
      config: { access: ALERT_READERS },
      schema: {
        operationId: 'listIncidents',
        summary: 'Incidents of the devices one may see, newest first',
        description:
          'Ordered by when they began; `closed.reason` says how one ended. Storms, and the incidents that are nobody else’s, are for those who see every device. What a storm speaks for is listed with `partOf`, or with `deviceId`.',
        tags: ['incidents'],
        querystring: pageQuery({
          state: Type.Optional(StateFilter),
          kind: Type.Optional(IncidentKind),
          deviceId: Type.Optional(Id),
          partOf: Type.Optional(Id),
          from: Type.Optional(TimeText),
          to: Type.Optional(TimeText),
        }),
        response: { 200: listOf({ $ref: 'Incident#' }, 'A page of incidents'), ...problems('request_invalid') },
      },
    },
    async request => {
      const principal = principalOf(request)
      const { limit = DEFAULT_LIMIT, cursor, state = 'open', kind, deviceId, partOf } = request.query
      const before = readCursor<[number, string]>(cursor, ['number', 'string'])
      const range = readTimeRange(request.query)
      const visible = await readableDevices(db, principal)
      const filter = { ...range, state, kind: kind as Kind | undefined, deviceId, partOf, visible, before }
      const rows = await listIncidents(db, principal.org, { ...filter, limit: limit + 1 })
      return pageOf(
        rows,
        limit,
        row => [row.opened_at, row.incident_id],
        row => row.incident,
      )
    },
  )

  app.get(
    '/api/v1/incidents/:incidentId',
    {
      config: { access: ALERT_READERS },
      schema: {
        operationId: 'getIncident',
        summary: 'One incident with everything that happened to it',
        tags: ['incidents'],
        params: ById,
        response: {
          200: {
            type: 'object',
            description: 'The incident and its timeline',
            required: ['incident', 'timeline'],
            properties: { incident: { $ref: 'Incident#' }, timeline: Timeline },
          },
          ...problems('incident_unknown', 'request_invalid'),
        },
      },
    },
    async request => {
      const principal = principalOf(request)
      const incident = await seenIncident(request.params.incidentId, principal)
      const timeline = await listTimeline(db, principal.org, incident.incidentId)
      return {
        incident,
        timeline: timeline.map(({ at, body: { incidentId: _, ...entry } }) => ({ at, ...entry })),
      }
    },
  )

  for (const action of ['acknowledge', 'close'] as const) {
    app.post(
      `/api/v1/incidents/:incidentId/${action}`,
      {
        config: { access: DISPATCHERS },
        schema: {
          operationId: `${action}Incident`,
          summary: action === 'acknowledge' ? 'Say that someone looks after it' : 'Close it, whatever its condition',
          description: 'The body may be left out. `by` is the token’s sub when left out.',
          tags: ['incidents'],
          params: ById,
          body: documented(IncidentAnswer),
          response: {
            200: { $ref: 'Incident#' },
            ...problems('incident_unknown', 'incident_closed', 'payload_invalid', 'request_invalid', 'shutting_down'),
          },
        },
      },
      async request => {
        const principal = principalOf(request)
        const { incidentId } = await seenIncident(request.params.incidentId, principal)
        const { by = principal.sub, note } = checkSchema(IncidentAnswer, request.body ?? {})
        const { org } = principal
        const [answered] = await ingest.answerIncidents({ org, incidentIds: [incidentId], action, by, note })
        if (answered!.error !== undefined) throw answered!.error
        return answered!.incident
      },
    )
  }

  app.post(
    '/api/v1/incidents/acknowledge',
    {
      config: { access: DISPATCHERS },
      schema: {
        operationId: 'acknowledgeIncidents',
        summary: 'Acknowledge several; each counts for itself',
        tags: ['incidents'],
        body: BulkAnswer,
        response: {
          200: {
            type: 'object',
            description: 'The incidents as they are now, and those that were not acknowledged with the reason',
            required: ['items', 'refused'],
            properties: {
              items: { type: 'array', items: { $ref: 'Incident#' } },
              refused: {
                type: 'array',
                items: {
                  type: 'object',
                  required: ['id', 'code', 'message'],
                  properties: { id: { type: 'string' }, code: { type: 'string' }, message: { type: 'string' } },
                },
              },
            },
          },
          ...problems('payload_invalid', 'shutting_down'),
        },
      },
    },
    async request => {
      const principal = principalOf(request)
      const { ids, by = principal.sub, note } = request.body
      const { org } = principal
      const answered = await ingest.answerIncidents({ org, incidentIds: ids, action: 'acknowledge', by, note })
      return {
        items: answered.flatMap(({ incident }) => incident ?? []),
        refused: answered.flatMap(({ incidentId, error }) =>
          error === undefined ? [] : [{ id: incidentId, code: error.code, message: error.message }],
        ),
      }
    },
  )

  /** One may see an incident of a device that one may see; one of many devices takes the right to see all. */
  async function seenIncident(incidentId: string, principal: Principal): Promise<Incident> {
    const incident = await findIncident(db, principal.org, incidentId)
    if (incident !== undefined && maySee(incident, principal)) return incident
    throw new TrackwireError('incident_unknown', `there is no incident ${incidentId}, or this token may not see it`)
  }

  function maySee({ incidentId, deviceId, otherDeviceId }: Incident, principal: Principal): boolean {
    const devices = [deviceId, otherDeviceId].filter(id => id !== undefined)
    if (devices.length === 0) return mayRead(principal, 'incident', { incidentId })
    return devices.some(id => mayRead(principal, 'last', { deviceId: id }))
  }
}
