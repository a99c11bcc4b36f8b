import Type from 'typebox'
import { type AuditKey, type AuditRow, listAudit } from '../../store/audit.ts'
import type { Database } from '../../store/database.ts'
import { ADMINS, principalOf } from '../access.ts'
import { problems } from '../problem.ts'
import { DEFAULT_LIMIT, listOf, pageOf, pageQuery, readCursor, readTimeRange, TimeText } from '../query.ts'
import type { Api } from '../schema-checks.ts'

const Nullable = (schema: object): object => ({ anyOf: [schema, { type: 'null' }] })

/** One line of the audit log as the API shows it. */
const AuditEntry = {
  type: 'object',
  description: 'Something that somebody did',
  required: ['id', 'at', 'actor', 'action', 'target', 'detail', 'address'],
  properties: {
    id: { type: 'integer', description: 'Grows with every entry' },
    at: { type: 'integer', description: 'Milliseconds since the Unix epoch' },
    actor: { type: 'string', description: 'The `sub` of whoever did it' },
    action: { type: 'string', description: 'What was done: `device.register`, `fence.put`, `key.rotate`, …' },
    target: { type: 'string', description: 'Id of what it was done to' },
    detail: Nullable({ type: 'object', description: 'What was asked for, without secrets' }),
    address: Nullable({ type: 'string', description: 'Where the request came from' }),
  },
}

const Text = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: 128, description }))

/** What was done in the organisation and by whom; administrators read it, nobody changes it. */
export function auditRoutes(app: Api, { db }: { db: Database }): void {
  app.get(
    '/api/v1/admin/audit',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'listAudit',
        summary: 'Who changed what, when and from where, newest first',
        description: 'Entries are added, and never changed or removed. `from` is inclusive, `to` exclusive.',
        tags: ['administration'],
        querystring: pageQuery({
          actor: Text('The `sub` of whoever did it'),
          action: Text('A whole action, or its beginning up to a dot: `device` is all that was done to devices'),
          target: Text('Id of what it was done to'),
          from: Type.Optional(TimeText),
          to: Type.Optional(TimeText),
        }),
        response: { 200: listOf(AuditEntry, 'A page of the audit log'), ...problems('request_invalid') },
      },
    },
    async request => {
      const { limit = DEFAULT_LIMIT, cursor, actor, action, target } = request.query
      const before = readCursor<AuditKey>(cursor, ['number', 'number'])
      const filter = { ...readTimeRange(request.query), actor, action, target, before, limit: limit + 1 }
      const rows = await listAudit(db, principalOf(request).org, filter)
      return pageOf(rows, limit, row => [row.at, row.seq], entryOf)
    },
  )
}

function entryOf({ seq, ...entry }: AuditRow): object {
  return { id: seq, ...entry }
}
