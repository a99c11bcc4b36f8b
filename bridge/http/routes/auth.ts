import type { FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { TrackwireError } from '../../../contract/index.ts'
import type { Account, Accounts, Session } from '../../auth/accounts.ts'
import { ACCESS_TTL_SECONDS, SOCKET_TTL_SECONDS } from '../../auth/lifetimes.ts'
import { JWKS_MAX_AGE_SECONDS, type SigningKeys } from '../../auth/signing-keys.ts'
import type { Tokens } from '../../auth/tokens.ts'
import { recordAudit } from '../../store/audit.ts'
import type { Database } from '../../store/database.ts'
import { ANYONE, issuedOf, PUBLIC, principalOf } from '../access.ts'
import { problems, publicProblems } from '../problem.ts'
import { type RefreshCookies, SessionName } from '../refresh-cookie.ts'
import type { Api } from '../schema-checks.ts'

const Login = Type.Object(
  {
    username: Type.String({ maxLength: 256 }),
    password: Type.String({ maxLength: 1_024 }),
    session: Type.Optional(SessionName),
  },
  { additionalProperties: false },
)
const RefreshToken = Type.Object(
  {
    refreshToken: Type.Optional(Type.String({ maxLength: 256, description: 'Good for one use, within 7 days' })),
    session: Type.Optional(SessionName),
  },
  { additionalProperties: false, minProperties: 1, maxProperties: 1 },
)
type RefreshBody = Type.Static<typeof RefreshToken>
const SessionView = {
  ...Type.Object({
    accessToken: Type.String({ description: 'JWT for the Authorization header' }),
    refreshToken: Type.Optional(
      Type.String({ description: 'Good for one use, within 7 days; missing where a cookie keeps it' }),
    ),
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
  {
    db,
    accounts,
    tokens,
    keys,
    cookies,
  }: { db: Database; accounts: Accounts; tokens: Tokens; keys: SigningKeys; cookies: RefreshCookies },
): void {
  const recordSession = (action: string, { org, sub }: Pick<Account, 'org' | 'sub'>, address: string): Promise<void> =>
    recordAudit(db, { org, actor: sub, action, target: sub, address }, Date.now())

  const refreshTokenOf = (request: FastifyRequest, { refreshToken, session }: RefreshBody): string =>
    refreshToken ?? cookies.read(request, session!)

  async function sessionView({
    account,
    sid,
    refreshToken,
  }: Pick<Session, 'account' | 'sid'> & Partial<Session>): Promise<object> {
    // Devices and groups of the account are not in it: they are looked up live, so what is taken away is gone at once.
    const accessToken = await tokens.mint({ ...account, sid, ttlSeconds: ACCESS_TTL_SECONDS })
    return {
      accessToken,
      ...(refreshToken !== undefined && { refreshToken }),
      tokenType: 'Bearer',
      expiresIn: ACCESS_TTL_SECONDS,
      user: account,
    }
  }

  /** A browser gets the refresh token as a cookie, everyone else in the body. */
  async function answer(
    request: FastifyRequest,
    reply: FastifyReply,
    session: string | undefined,
    { account, sid, refreshToken }: Session,
  ): Promise<object> {
    if (session === undefined) return sessionView({ account, sid, refreshToken })
    cookies.write(request, reply, session, refreshToken)
    return sessionView({ account, sid })
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
            'forbidden',
            'account_disabled',
            'principal_banned',
            'payload_not_json',
            'payload_invalid',
          ),
        },
      },
    },
    async (request, reply) => {
      const { username, password, session: name } = request.body
      if (name !== undefined) cookies.checkOrigin(request)
      const session = await accounts.login({ username, password, address: request.ip })
      await recordSession('session.login', session.account, request.ip)
      return answer(request, reply, name, session)
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
          'Send the refreshToken, or, where a cookie keeps it, the `session` that the log-in was given. A refresh token is good for one use; using one twice revokes every token that followed from the same log-in.',
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
            'forbidden',
            'account_disabled',
            'principal_banned',
            'payload_not_json',
            'payload_invalid',
          ),
        },
      },
    },
    async (request, reply) => {
      const { session } = request.body
      try {
        const refreshToken = refreshTokenOf(request, request.body)
        return await answer(request, reply, session, await accounts.refresh(refreshToken))
      } catch (error) {
        const isOver = error instanceof TrackwireError && error.status === 401
        if (session !== undefined && isOver) cookies.clear(request, reply, session)
        throw error
      }
    },
  )

  app.post(
    '/api/v1/auth/logout',
    {
      config: { access: PUBLIC },
      schema: {
        operationId: 'logout',
        summary: 'End a log-in: its refresh token, its access and socket tokens, its live connections',
        tags: ['auth'],
        security: [],
        body: RefreshToken,
        response: {
          204: { type: 'null', description: 'Logged out; also when the token was not known' },
          ...publicProblems('token_invalid', 'forbidden', 'rate_limited', 'payload_not_json', 'payload_invalid'),
        },
      },
    },
    async (request, reply) => {
      const { session } = request.body
      const left = await accounts.logout(refreshTokenOf(request, request.body))
      if (session !== undefined) cookies.clear(request, reply, session)
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
        description:
          'It ends with the log-in, or the token, that it was made from. For a token of an outside identity provider it is good no longer than that one.',
        tags: ['auth'],
        response: { 200: SocketToken, ...problems() },
      },
    },
    async request => {
      const { sub, org, devices, groups, acl, jti, sid, use, issuer, expiresAtMs } = issuedOf(request)
      if (use === 'socket') {
        throw new TrackwireError('forbidden', 'this is a socket token already; ask with the access token of the log-in')
      }
      // Whom the identity provider lets go must not stay for a day.
      const left = issuer === undefined ? SOCKET_TTL_SECONDS : Math.floor((expiresAtMs - Date.now()) / 1_000)
      const ttlSeconds = Math.max(0, Math.min(SOCKET_TTL_SECONDS, left))
      const token = await tokens.mint({
        sub,
        org,
        // The token it comes of may be older than a change of the role; this one is not.
        role: principalOf(request).role,
        ttlSeconds,
        use: 'socket',
        // Whoever revokes the one means the other too.
        sid: sid ?? jti,
        ...(devices.size > 0 && { devices: [...devices] }),
        ...(groups.length > 0 && { groups }),
        ...(acl.length > 0 && { acl: [...acl] }),
      })
      return { token, tokenType: 'Bearer', expiresIn: ttlSeconds }
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
      reply.header('cache-control', `public, max-age=${JWKS_MAX_AGE_SECONDS}`)
      return keys.jwks()
    },
  )
}
