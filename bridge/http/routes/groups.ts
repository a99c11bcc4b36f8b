import Type from 'typebox'
import { Id } from '../../../contract/index.ts'
import type { Database } from '../../store/database.ts'
import { listGroups } from '../../store/queries/groups.ts'
import { DISPATCHERS, principalOf } from '../access.ts'
import { problems } from '../problem.ts'
import { DEFAULT_LIMIT, listOf, pageOf, pageQuery, readCursor } from '../query.ts'
import type { Api } from '../schema-checks.ts'

const Group = Type.Object({
  id: Id,
  devices: Type.Integer({ description: 'How many devices are in it' }),
  users: Type.Integer({ description: 'To how many users it is granted' }),
})

/** Groups of devices. They are made by naming them: of a device, of a user. */
export function groupRoutes(app: Api, { db }: { db: Database }): void {
  app.get(
    '/api/v1/groups',
    {
      config: { access: DISPATCHERS },
      schema: {
        operationId: 'listGroups',
        summary: 'The groups of devices, in order of their id',
        description: 'A group is there while a device is in it or a user is granted it.',
        tags: ['devices'],
        querystring: pageQuery({}),
        response: { 200: listOf(Group, 'A page of groups'), ...problems('request_invalid') },
      },
    },
    async request => {
      const { limit = DEFAULT_LIMIT, cursor } = request.query
      const after = readCursor<[string]>(cursor, ['string'])?.[0]
      const rows = await listGroups(db, principalOf(request).org, { after, limit: limit + 1 })
      return pageOf(
        rows,
        limit,
        row => [row.id],
        row => row,
      )
    },
  )
}
