import Type from 'typebox'
import { DeviceEventKind, GeofenceEventKind, Id } from '../../../contract/index.ts'
import type { Database } from '../../store/database.ts'
import { listAlerts } from '../../store/queries/alerts.ts'
import { ALERT_READERS, principalOf } from '../access.ts'
import { problems } from '../problem.ts'
import { DEFAULT_LIMIT, listOf, pageOf, pageQuery, readCursor, readTimeRange, TimeText } from '../query.ts'
import type { Api } from '../schema-checks.ts'
import { readableDevices } from '../visibility.ts'

/** The stored events of fences and rules, as they were announced. */
export function alertRoutes(app: Api, { db }: { db: Database }): void {
  app.get(
    '/api/v1/alerts',
    {
      config: { access: ALERT_READERS },
      schema: {
        operationId: 'listAlerts',
        summary: 'Events of fences and rules as announced, newest first, of the devices one may see',
        description:
          'Ordered by the time of the fix, then by the order of storing, both descending. `from` is inclusive, `to` exclusive, both of the time of the fix. What a correction took back stays in the list as it was announced; the correction names its id in `retracts`. `event=correction` gives the corrections of fences and of rules.',
        tags: ['alerts'],
        querystring: pageQuery({
          deviceId: Type.Optional(Id),
          fenceId: Type.Optional(Id),
          event: Type.Optional(Type.Union([...GeofenceEventKind.anyOf, ...DeviceEventKind.anyOf])),
          from: Type.Optional(TimeText),
          to: Type.Optional(TimeText),
          standing: Type.Optional(
            Type.Boolean({ description: 'true: only what stands, neither corrections nor what they took back' }),
          ),
        }),
        response: {
          200: listOf({ anyOf: [{ $ref: 'GeofenceEvent#' }, { $ref: 'DeviceEvent#' }] }, 'A page of events'),
          ...problems('request_invalid'),
        },
      },
    },
    async request => {
      const principal = principalOf(request)
      const { limit = DEFAULT_LIMIT, cursor, deviceId, fenceId, event, standing } = request.query
      const before = readCursor<[number, number]>(cursor, ['number', 'number'])
      const range = readTimeRange(request.query)
      const visible = await readableDevices(db, principal)
      const filter = { ...range, visible, deviceId, fenceId, event, standing, before, limit: limit + 1 }
      const rows = await listAlerts(db, principal.org, filter)
      return pageOf(
        rows,
        limit,
        row => [row.event_time, row.seq],
        row => row.body,
      )
    },
  )
}
