import type { FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { TrackwireError } from '../../contract/index.ts'

/** No script of any page can read it, and no other route ever sees it. */
const PATH = '/api/v1/auth'
const PREFIX = 'trackwire-refresh-'
const LIFETIME_SECONDS = 7 * 86_400
/** A browser that keeps on logging in shall not fill its request headers; the oldest log-ins are dropped. */
const MOST_SESSIONS = 16

/** Names a log-in of a browser: every tab has its own refresh token, in a cookie of its own. No secret. */
export const SessionName = Type.String({
  pattern: '^[A-Za-z0-9.-]{8,80}$',
  description: 'For browsers: a name of the page’s own making; the refresh token is kept in a cookie of that name',
})

export interface RefreshCookies {
  /** The refresh token of a session. Errors: `forbidden` from a page of another site, `token_invalid` when there is none. */
  read(request: FastifyRequest, session: string): string
  write(request: FastifyRequest, reply: FastifyReply, session: string, refreshToken: string): void
  clear(request: FastifyRequest, reply: FastifyReply, session: string): void
  /** A cookie comes along whoever made the page that asks: only our own pages, and those of allowed origins, may. Errors: `forbidden`. */
  checkOrigin(request: FastifyRequest): void
}

/** Refresh tokens in cookies, RFC 6265bis: HttpOnly, SameSite=Strict, Secure with TLS, for the routes of logging in alone. */
export function createRefreshCookies(options: {
  /** We speak TLS ourselves. */
  readonly secure: boolean
  readonly allowedOrigins: readonly string[]
}): RefreshCookies {
  const allowed = new Set(options.allowedOrigins.map(origin => origin.toLowerCase().replace(/\/$/, '')))

  /** Behind a proxy that speaks TLS too; whoever lies about it only harms herself. */
  const isSecure = (request: FastifyRequest): boolean =>
    options.secure || String(request.headers['x-forwarded-proto']).split(',', 1)[0]!.trim() === 'https'
  const prefixOf = (request: FastifyRequest): string => `${isSecure(request) ? '__Secure-' : ''}${PREFIX}`
  const attributesOf = (request: FastifyRequest, maxAge: number): string =>
    `Path=${PATH}; HttpOnly; SameSite=Strict; Max-Age=${maxAge}${isSecure(request) ? '; Secure' : ''}`

  function checkOrigin(request: FastifyRequest): void {
    const { origin, host, 'sec-fetch-site': site } = request.headers
    const isOwn = origin !== undefined && URL.canParse(origin) && new URL(origin).host === host
    // No page can forge Sec-Fetch-Site; plain HTTP comes without it. A proxy may have changed the host.
    if (site === 'same-origin' || (site === undefined && isOwn)) return
    if (origin !== undefined && allowed.has(origin.toLowerCase())) return
    throw new TrackwireError(
      'forbidden',
      'sessions in cookies are for our own pages (the Origin header tells); from elsewhere send and keep the refreshToken',
    )
  }

  return {
    checkOrigin,
    read(request, session) {
      checkOrigin(request)
      const token = cookiesOf(request).get(prefixOf(request) + session)
      if (token === undefined) {
        throw new TrackwireError('token_invalid', 'this browser holds no session of that name; log in again')
      }
      return token
    },
    write(request, reply, session, refreshToken) {
      const prefix = prefixOf(request)
      const name = prefix + session
      // Browsers send the oldest first, RFC 6265 §5.4.
      const others = [...cookiesOf(request).keys()].filter(other => other.startsWith(prefix) && other !== name)
      const surplus = others.slice(0, Math.max(0, others.length - MOST_SESSIONS + 1))
      reply.header('set-cookie', [
        `${name}=${refreshToken}; ${attributesOf(request, LIFETIME_SECONDS)}`,
        ...surplus.map(other => `${other}=; ${attributesOf(request, 0)}`),
      ])
    },
    clear(request, reply, session) {
      reply.header('set-cookie', `${prefixOf(request)}${session}=; ${attributesOf(request, 0)}`)
    },
  }
}

/** RFC 6265 §4.2.1; of a name that is there twice the first one counts. */
function cookiesOf({ headers }: FastifyRequest): Map<string, string> {
  const cookies = new Map<string, string>()
  for (const pair of (headers.cookie ?? '').split(';')) {
    const at = pair.indexOf('=')
    if (at === -1) continue
    const name = pair.slice(0, at).trim()
    const value = pair.slice(at + 1).trim()
    if (value !== '' && !cookies.has(name)) cookies.set(name, value)
  }
  return cookies
}
