import Type from 'typebox'
import { Id, type Principal, ROLES, type Role, TrackwireError } from '../../../contract/index.ts'
import { explainAccess, explainAccessOf } from '../../auth/explain-access.ts'
import type { CurrentRights } from '../../auth/rights.ts'
import type { Tokens } from '../../auth/tokens.ts'
import type { Database } from '../../store/database.ts'
import { ADMINS, principalOf } from '../access.ts'
import { problems } from '../problem.ts'
import type { Api } from '../schema-checks.ts'

const Name = Type.String({ maxLength: 512 })
const QUESTION = {
  action: Type.Union([Type.Literal('publish'), Type.Literal('subscribe')]),
  topic: Type.String({ minLength: 1, maxLength: 1_024, description: 'A topic, or a filter that is to be subscribed' }),
  clientId: Type.Optional(Name),
  username: Type.Optional(Name),
  qos: Type.Optional(
    Type.Unsafe<0 | 1 | 2>(Type.Integer({ minimum: 0, maximum: 2, description: 'At any QoS when left out' })),
  ),
  retain: Type.Optional(Type.Boolean({ description: 'Published with the retain flag; false when left out' })),
}
const AskAbout = Type.Object(
  {
    principal: Type.Unsafe<string>({ ...Id, description: 'The sub of an account, a device, or of anybody else' }),
    ...QUESTION,
    role: Type.Optional(
      Type.Unsafe<Role>(
        Type.Union(
          ROLES.map(role => Type.Literal(role)),
          { description: 'Of a principal that is no account' },
        ),
      ),
    ),
  },
  { additionalProperties: false },
)
const AskWithToken = Type.Object(
  { token: Type.String({ maxLength: 16_384, description: 'A JWT of the organisation' }), ...QUESTION },
  { additionalProperties: false },
)

const Answer = {
  type: 'object',
  description: 'Whether it is allowed, and what led to it',
  required: ['allowed', 'reason', 'text', 'considered', 'principal', 'note'],
  properties: {
    allowed: { type: 'boolean' },
    reason: { type: 'string', description: 'Which rule decided, in one clause' },
    text: { type: 'string', description: 'The answer in one sentence' },
    considered: {
      type: 'array',
      description: 'What was looked at, in order; the last one decided',
      items: {
        type: 'object',
        required: ['text', 'decided'],
        properties: { text: { type: 'string' }, decided: { type: 'boolean' } },
      },
    },
    principal: {
      type: 'object',
      required: ['sub', 'org', 'role', 'source', 'devices', 'groups', 'acl'],
      properties: {
        sub: { type: 'string' },
        org: { type: 'string' },
        role: { enum: [...ROLES] },
        source: { enum: ['account', 'device', 'role', 'token'], description: 'Where its rights are known from' },
        devices: { type: ['integer', 'null'], description: 'How many it sees; null = all of the organisation' },
        groups: { type: 'array', items: { type: 'string' } },
        acl: { type: 'array', items: { type: 'object' }, description: 'Its rules, placeholders filled in' },
      },
    },
    note: { type: ['string', 'null'], description: 'What the answer does not know of' },
  },
}

/** Why somebody may do something, or may not. */
export function adminAccessRoutes(
  app: Api,
  { db, tokens, rights }: { db: Database; tokens: Tokens; rights: CurrentRights },
): void {
  app.get(
    '/api/v1/admin/access',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'explainAccess',
        summary: 'Why an account or a device may publish or subscribe a topic, or may not',
        description:
          'Decided as the broker decides. `clientId` and `username` fill in the placeholders of an acl claim; the principal’s id when left out. A filter with wildcards is asked about as a subscription: what it delivers is decided topic by topic.',
        tags: ['auth'],
        querystring: AskAbout,
        response: { 200: Answer, ...problems('not_found', 'request_invalid') },
      },
    },
    request => explainAccess(db, rights, principalOf(request).org, request.query),
  )

  app.post(
    '/api/v1/admin/access',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'explainAccessOfToken',
        summary: 'Why the holder of a token may publish or subscribe a topic, or may not',
        description: 'With its acl claim and its devices. The token is sent in the body, so that no log has it.',
        tags: ['auth'],
        body: AskWithToken,
        response: { 200: Answer, ...problems('payload_invalid', 'payload_not_json') },
      },
    },
    async request => {
      const { token, ...question } = request.body
      const holder = await readToken(token)
      // No word on what the token of another organisation may do.
      if (holder.org !== principalOf(request).org) throw unreadable('it is of another organisation')
      return explainAccessOf(holder, rights, question)
    },
  )

  async function readToken(token: string): Promise<Principal> {
    try {
      return await tokens.verify(token)
    } catch (error) {
      // The caller's own token is fine: 401 would send it to log in again.
      if (error instanceof TrackwireError && error.status === 401) throw unreadable(error.message, error)
      throw error
    }
  }
}

function unreadable(why: string, cause?: unknown): TrackwireError {
  return new TrackwireError('payload_invalid', `/token cannot be asked about: ${why}`, {
    cause,
    details: { path: '/token' },
  })
}
