import Type from 'typebox'
import { TrackwireError } from '../../../contract/index.ts'
import type { Account, Accounts, Session } from '../../auth/accounts.ts'
import type { SigningKeys } from '../../auth/signing-keys.ts'
import type { Tokens } from '../../auth/tokens.ts'
import { recordAudit } from '../../store/audit.ts'
import type { Database } from '../../store/database.ts'
import { ANYONE, PUBLIC, principalOf } from '../access.ts'
import { problems, publicProblems } from '../problem.ts'
import type { Api } from '../schema-checks.ts'

const ACCESS_TTL_SECONDS = 15 * 60
const SOCKET_TTL_SECONDS = 24 * 3_600
/** Marks a token that was made for a socket: it gets no successor of itself, or a stolen one would live for ever. */
const SOCKET_JTI = 'socket'

const Login = Type.Object(
  { username: Type.String({ maxLength: 256 }), password: Type.String({ maxLength: 1_024 }) },
  { additionalProperties: false },
)
const RefreshToken = Type.Object(
  { refreshToken: Type.String({ maxLength: 256, description: 'Good for one use, within 7 days' }) },
  { additionalProperties: false },
)
const SessionView = {
  ...Type.Object({
    accessToken: Type.String({ description: 'JWT for the Authorization header' }),
    refreshToken: Type.String({ description: 'Good for one use, within 7 days' }),
    tokenType: Type.Literal('Bearer'),
    expiresIn: Type.Integer({ description: 'Seconds until the access token expires' }),
    user: Type.Object({ sub: Type.String(), org: Type.String(), role: Type.String() }),
  }),
  description: 'A session',
}
const SocketToken = {
  ...Type.Object({
    token: Type.String({ description: 'JWT for the password of an MQTT CONNECT' }),
    tokenType: Type.Literal('Bearer'),
    expiresIn: Type.Integer({ description: 'Seconds' }),
  }),
  description: 'A token of the same principal for MQTT',
}

/** Logging in and out, and the public keys. */
export function authRoutes(
  app: Api,
  { db, accounts, tokens, keys }: { db: Database; accounts: Accounts; tokens: Tokens; keys: SigningKeys },
): void {
  const recordSession = (action: string, { org, sub }: Pick<Account, 'org' | 'sub'>, address: string): Promise<void> =>
    recordAudit(db, { org, actor: sub, action, target: sub, address }, Date.now())

  async function sessionView({ account, refreshToken }: Session): Promise<object> {
    const { sub, org, role } = account
    const accessToken = await tokens.mint({ ...rightsOf(account), ttlSeconds: ACCESS_TTL_SECONDS })
    return { accessToken, refreshToken, tokenType: 'Bearer', expiresIn: ACCESS_TTL_SECONDS, user: { sub, org, role } }
  }

  app.post(
    '/api/v1/auth/login',
    {
      config: { access: PUBLIC },
      schema: {
        operationId: 'login',
        summary: 'Log in with a user name and a password',
        tags: ['auth'],
        security: [],
        body: Login,
        response: {
          200: SessionView,
          ...publicProblems(
            'credentials_wrong',
            'too_many_attempts',
            'rate_limited',
            'payload_not_json',
            'payload_invalid',
          ),
        },
      },
    },
    async request => {
      const { username, password } = request.body
      const session = await accounts.login({ username, password, address: request.ip })
      await recordSession('session.login', session.account, request.ip)
      return sessionView(session)
    },
  )

  app.post(
    '/api/v1/auth/refresh',
    {
      config: { access: PUBLIC },
      schema: {
        operationId: 'refreshSession',
        summary: 'Swap a refresh token for new tokens',
        description:
          'A refresh token is good for one use; using one twice revokes every token that followed from the same log-in.',
        tags: ['auth'],
        security: [],
        body: RefreshToken,
        response: {
          200: SessionView,
          ...publicProblems(
            'token_invalid',
            'token_expired',
            'refresh_reused',
            'rate_limited',
            'payload_not_json',
            'payload_invalid',
          ),
        },
      },
    },
    async request => sessionView(await accounts.refresh(request.body.refreshToken)),
  )

  app.post(
    '/api/v1/auth/logout',
    {
      config: { access: PUBLIC },
      schema: {
        operationId: 'logout',
        summary: 'Revoke a refresh token and all of its family',
        tags: ['auth'],
        security: [],
        body: RefreshToken,
        response: {
          204: { type: 'null', description: 'Logged out; also when the token was not known' },
          ...publicProblems('rate_limited', 'payload_not_json', 'payload_invalid'),
        },
      },
    },
    async (request, reply) => {
      const left = await accounts.logout(request.body.refreshToken)
      if (left !== undefined) await recordSession('session.logout', { org: left.org, sub: left.userId }, request.ip)
      return reply.code(204).send()
    },
  )

  app.post(
    '/api/v1/auth/socket-token',
    {
      config: { access: ANYONE },
      schema: {
        operationId: 'mintSocketToken',
        summary: 'A token of the same principal for MQTT, good for 24 h',
        tags: ['auth'],
        response: { 200: SocketToken, ...problems() },
      },
    },
    async request => {
      const { sub, org, role, devices, groups, acl, jti } = principalOf(request)
      if (jti === SOCKET_JTI) {
        throw new TrackwireError('forbidden', 'this is a socket token already; ask with the access token of the log-in')
      }
      const token = await tokens.mint({
        sub,
        org,
        role,
        ttlSeconds: SOCKET_TTL_SECONDS,
        jti: SOCKET_JTI,
        ...(devices.size > 0 && { devices: [...devices] }),
        ...(groups.length > 0 && { groups }),
        ...(acl.length > 0 && { acl: [...acl] }),
      })
      return { token, tokenType: 'Bearer', expiresIn: SOCKET_TTL_SECONDS }
    },
  )

  app.get(
    '/.well-known/jwks.json',
    {
      config: { access: PUBLIC },
      schema: {
        operationId: 'getJwks',
        summary: 'The public keys that tokens are verified with (RFC 7517)',
        tags: ['auth'],
        security: [],
        response: {
          200: {
            type: 'object',
            description: 'A JWK Set',
            required: ['keys'],
            properties: { keys: { type: 'array', items: { type: 'object' } } },
          },
          ...publicProblems(),
        },
      },
    },
    async (_request, reply) => {
      reply.header('cache-control', 'public, max-age=300')
      return keys.jwks()
    },
  )
}

function rightsOf({ sub, org, role, devices }: Account) {
  return { sub, org, role, ...(devices.length > 0 && { devices }) }
}
