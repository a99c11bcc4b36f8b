import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import {
  type Action,
  buildTopic,
  type ChannelName,
  decideTopic,
  fillAcl,
  type Principal,
  ROLES,
  type Role,
  type TopicParams,
  TrackwireError,
} from '../../contract/index.ts'
import type { CurrentRights } from '../auth/rights.ts'
import type { Tokens } from '../auth/tokens.ts'

/**
 * Who may call a route: `public` needs no token; `shared` is for the tokens of share links, which may call nothing else; else
 * the roles that may. What they see inside is narrower still.
 */
export type Access = 'public' | 'shared' | readonly Role[]

export const PUBLIC: Access = 'public'
export const SHARED: Access = 'shared'
export const ANYONE: Access = ROLES
/** Those who read alerts and SOS on the notification channels; devices do not. */
export const ALERT_READERS: Access = ['driver', 'user', 'dispatcher', 'admin', 'service']
export const DISPATCHERS: Access = ['dispatcher', 'admin']
export const ADMINS: Access = ['admin']

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Routes that do not say are closed to everyone. */
    access?: Access
    /**
     * How apps on phones may send their token: `basic` = as the password of Basic too; `optional` = that, or none at all, which
     * leaves `principal` null. Left out: as Bearer alone.
     */
    credentials?: 'basic' | 'optional'
  }
  interface FastifyRequest {
    /** Who sent the request; null on public routes. Read it by `principalOf`. */
    principal: Principal | null
    /** The same as its token says, before the database had its say. Read it by `issuedOf`. */
    issued: Principal | null
  }
}

/**
 * Of every request to a route that is not public: its bearer token, what the database says of its principal now, its role.
 * Errors: `token_*`, `principal_banned`, `forbidden`.
 * @param refused hears of whoever is not let in, before they are told; what it throws is told in place
 */
export function guardRoutes(
  app: FastifyInstance,
  tokens: Tokens,
  rights: Pick<CurrentRights, 'current'>,
  refused: (request: FastifyRequest, reply: FastifyReply) => void = () => {},
): void {
  app.decorateRequest('principal', null)
  app.decorateRequest('issued', null)
  app.addHook('onRequest', async (request, reply) => {
    if (request.is404) return
    const { access = [], credentials } = request.routeOptions.config
    if (access === 'public') return
    if (credentials === 'optional' && request.headers.authorization === undefined) return
    try {
      const issued = await tokens.verify((credentials && basicCredentials(request)?.password) ?? bearerToken(request))
      const principal = namedBySub(rights.current(issued))
      request.principal = principal
      request.issued = issued
      checkAccess(access, principal)
    } catch (error) {
      refused(request, reply)
      throw error
    }
  })
}

/** The one place where a token meets the access of a route. Errors: `forbidden`. */
function checkAccess(access: Exclude<Access, 'public'>, { role, share }: Principal): void {
  if (access === 'shared') {
    if (share === undefined) throw new TrackwireError('forbidden', 'this is for the tokens of share links alone')
  } else if (share !== undefined) {
    throw new TrackwireError('forbidden', 'the token of a share link is for /api/v1/shared and for MQTT, nothing else')
  } else if (!access.includes(role)) {
    throw new TrackwireError('forbidden', `the role ${role} may not do this; it takes ${access.join(' or ')}`)
  }
}

/** RFC 6750 §2.1 */
function bearerToken(request: FastifyRequest): string {
  const header = request.headers.authorization
  if (header === undefined) {
    throw new TrackwireError('token_missing', 'no token was sent; send it as "Authorization: Bearer <token>"')
  }
  const match = /^Bearer +([^\s]+) *$/i.exec(header)
  if (match === null) throw new TrackwireError('token_invalid', 'the Authorization header is not "Bearer <token>"')
  return match[1]!
}

/** RFC 7617: the password is the token, as with MQTT; the user name is free. Null when the request has no Basic credentials. */
export function basicCredentials({ headers }: FastifyRequest): { user: string; password: string } | null {
  const match = /^Basic +([A-Za-z0-9+/=]+) *$/i.exec(headers.authorization ?? '')
  if (match === null) return null
  const [user, ...password] = Buffer.from(match[1]!, 'base64').toString('utf8').split(':')
  return { user: user!, password: password.join(':') }
}

/** Over HTTP there is no client id: both placeholders of the `acl` claim stand for the token's `sub`. */
export function namedBySub(principal: Principal): Principal {
  return fillAcl(principal, { clientId: principal.sub, username: principal.sub })
}

/** The principal of a route that is not public. */
export function principalOf(request: FastifyRequest): Principal {
  if (request.principal === null) throw new TypeError(`${request.routeOptions.url} is public and has no principal`)
  return request.principal
}

/** Who sent the request, and from where. */
export function originOf(request: FastifyRequest): { sub: string; role: Role; address: string } {
  const { sub, role } = principalOf(request)
  return { sub, role, address: request.ip }
}

/** What the token of the request says, for tokens that are made from it and for rights that are looked up again. */
export function issuedOf(request: FastifyRequest): Principal {
  if (request.issued === null) throw new TypeError(`${request.routeOptions.url} is public and has no principal`)
  return request.issued
}

/** Refuses unless the principal could publish the same over MQTT. Errors: `publish_forbidden`. */
export function mayPublish(principal: Principal, channel: ChannelName, params: Omit<TopicParams, 'org'>): void {
  const { allowed, reason } = decide(principal, 'publish', channel, params)
  if (!allowed) throw new TrackwireError('publish_forbidden', `the token does not allow this: ${reason}`)
}

/** Whether the principal could receive the channel over MQTT. */
export function mayRead(principal: Principal, channel: ChannelName, params: Omit<TopicParams, 'org'>): boolean {
  return decide(principal, 'subscribe', channel, params).allowed
}

function decide(principal: Principal, action: Action, channel: ChannelName, params: Omit<TopicParams, 'org'>) {
  return decideTopic(principal, action, buildTopic(channel, { ...params, org: principal.org }))
}
