import Type from 'typebox'
import { Id, ROLES, TrackwireError } from '../../../contract/index.ts'
import { recordAudit } from '../../store/audit.ts'
import type { Database } from '../../store/database.ts'
import { ADMINS, principalOf } from '../access.ts'
import { actOf } from '../act.ts'
import { problems } from '../problem.ts'
import { DEFAULT_LIMIT, listOf, pageOf, pageQuery, readCursor } from '../query.ts'
import type { Api } from '../schema-checks.ts'

const ConnectionId = Type.String({ pattern: '^[0-9a-z-]{1,64}$' })

/** One MQTT connection. Times in milliseconds since the Unix epoch. */
const Connection = Type.Object(
  {
    id: Type.String(),
    sub: Id,
    role: Type.Union(ROLES.map(role => Type.Literal(role))),
    clientId: Type.String({ description: 'As the client sent it; empty when it left it to the platform' }),
    transport: Type.Union([Type.Literal('tcp'), Type.Literal('tls'), Type.Literal('websocket')]),
    address: Type.Union([Type.String(), Type.Null()], { description: 'IP address of the peer' }),
    since: Type.Integer(),
    tokenExpiresAt: Type.Integer(),
    cleanSession: Type.Boolean(),
    subscriptions: Type.Array(Type.String(), { description: 'Topic filters' }),
    queuedBytes: Type.Integer({ description: 'Bytes that wait for the client to read them' }),
  },
  { description: 'An MQTT connection' },
)
type ConnectionView = Readonly<Omit<Type.Static<typeof Connection>, 'role' | 'subscriptions'>> & {
  readonly role: string
  readonly subscriptions: readonly string[]
}

/** What the broker offers to an administrator. No organisation sees another's connections. */
export interface ConnectionDesk {
  /** The oldest first. */
  list(org: string, page: { readonly after?: string | undefined; readonly limit: number }): ConnectionView[]
  find(org: string, id: string): ConnectionView | undefined
  /** Whether it stood. */
  disconnect(org: string, id: string): boolean
  /** How many stood. */
  disconnectPrincipal(org: string, sub: string): number
}

/** Who is connected to the broker, and how an administrator ends it. */
export function connectionRoutes(app: Api, { connections, db }: { connections: ConnectionDesk; db: Database }): void {
  app.get(
    '/api/v1/admin/connections',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'listConnections',
        summary: 'The MQTT connections of the organisation, the oldest first',
        tags: ['operations'],
        querystring: pageQuery({}),
        response: { 200: listOf(Connection, 'A page of connections'), ...problems('request_invalid') },
      },
    },
    async request => {
      const { org } = principalOf(request)
      const { limit = DEFAULT_LIMIT, cursor } = request.query
      const [after] = readCursor<[string]>(cursor, ['string']) ?? []
      const found = connections.list(org, { after, limit: limit + 1 })
      return pageOf(
        found,
        limit,
        ({ id }) => [id],
        connection => connection,
      )
    },
  )

  app.delete(
    '/api/v1/admin/connections/:connectionId',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'endConnection',
        summary: 'End one connection; its client may come back',
        description:
          'Its principal is told `kicked` on its errors topic, and its will is published. A session that is stored stays.',
        tags: ['operations'],
        params: Type.Object({ connectionId: ConnectionId }, { additionalProperties: false }),
        response: {
          204: { type: 'null', description: 'Ended' },
          ...problems('connection_unknown', 'request_invalid'),
        },
      },
    },
    async (request, reply) => {
      const { connectionId } = request.params
      const { org } = principalOf(request)
      const found = connections.find(org, connectionId)
      if (found === undefined) {
        throw new TrackwireError('connection_unknown', `no connection ${connectionId} stands in the organisation`)
      }
      const { sub, clientId, transport, address } = found
      // First: an end that nobody wrote down is worse than one written down that the client was quicker than.
      const about = { connectionId, clientId, transport, address }
      await recordAudit(db, actOf(request, 'connection.end', sub, about), Date.now())
      connections.disconnect(org, connectionId)
      return reply.code(204).send()
    },
  )

  app.post(
    '/api/v1/admin/kick',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'kick',
        summary: 'End all connections of one user or device; they may come back',
        tags: ['operations'],
        body: Type.Object({ sub: Id }, { additionalProperties: false }),
        response: {
          200: {
            type: 'object',
            description: 'How many connections were ended',
            required: ['disconnected'],
            properties: { disconnected: { type: 'integer' } },
          },
          ...problems('payload_not_json', 'payload_invalid', 'request_invalid'),
        },
      },
    },
    async request => {
      const { sub } = request.body
      await recordAudit(db, actOf(request, 'connection.kick', sub), Date.now())
      return { disconnected: connections.disconnectPrincipal(principalOf(request).org, sub) }
    },
  )
}
