import Type from 'typebox'
import { Id } from '../../../contract/index.ts'
import type { Database } from '../../store/database.ts'
import { listSetAside, type SetAsideKey } from '../../store/queries/set-aside.ts'
import { DISPATCHERS, principalOf } from '../access.ts'
import { problems } from '../problem.ts'
import { DEFAULT_LIMIT, listOf, pageOf, pageQuery, readCursor } from '../query.ts'
import type { Api } from '../schema-checks.ts'
import { readableDevices } from '../visibility.ts'

const SetAside = {
  type: 'object',
  required: ['deviceId', 'reason', 'timestamp', 'receivedAt', 'fix'],
  properties: {
    deviceId: { type: 'string' },
    reason: { type: 'string', description: 'The error code the sender was told' },
    timestamp: { type: 'integer', description: 'The fix’s own time, milliseconds' },
    receivedAt: { type: 'integer', description: 'When it arrived, milliseconds' },
    fix: { type: 'object', description: 'As it was sent' },
  },
}

/** Fixes that were set aside for a person to judge. */
export function setAsideRoutes(app: Api, { db }: { db: Database }): void {
  app.get(
    '/api/v1/set-aside',
    {
      config: { access: DISPATCHERS },
      schema: {
        operationId: 'listSetAside',
        summary: 'Fixes that were set aside for a person to judge, newest received first',
        tags: ['tracking'],
        querystring: pageQuery({ deviceId: Type.Optional(Id) }),
        response: { 200: listOf(SetAside, 'A page of fixes set aside'), ...problems('request_invalid') },
      },
    },
    async request => {
      const principal = principalOf(request)
      const { limit = DEFAULT_LIMIT, cursor, deviceId } = request.query
      const before = readCursor<SetAsideKey>(cursor, ['number', 'string', 'string', 'number'])
      const visible = await readableDevices(db, principal)
      const rows = await listSetAside(db, principal.org, { visible, deviceId, before, limit: limit + 1 })
      return pageOf(
        rows,
        limit,
        row => [row.received_at, row.device_id, row.reason, row.fix_time],
        row => ({
          deviceId: row.device_id,
          reason: row.reason,
          timestamp: row.fix_time,
          receivedAt: row.received_at,
          fix: row.fix,
        }),
      )
    },
  )
}
