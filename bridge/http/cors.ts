import type { FastifyInstance } from 'fastify'
import { TrackwireError } from '../../contract/index.ts'

const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE'
const HEADERS = 'authorization, content-type, accept, last-event-id, x-request-id'
const EXPOSED =
  'location, ratelimit-limit, ratelimit-policy, ratelimit-remaining, ratelimit-reset, retry-after, www-authenticate, x-request-id'
const PREFLIGHT_SECONDS = '600'

/** Lets pages of the listed origins call the API (Fetch Standard, CORS protocol). Everyone else stays with the browser's same-origin rule. */
export function allowOrigins(app: FastifyInstance, allowedOrigins: readonly string[]): void {
  const allowed = new Set(allowedOrigins.map(origin => origin.toLowerCase().replace(/\/$/, '')))
  app.addHook('onRequest', async (request, reply) => {
    const { origin } = request.headers
    if (origin === undefined) return
    reply.header('vary', 'origin')
    const isAllowed = allowed.has(origin.toLowerCase())
    if (isAllowed) {
      reply.header('access-control-allow-origin', origin)
      reply.header('access-control-allow-credentials', 'true')
      reply.header('access-control-expose-headers', EXPOSED)
    }
    const isPreflight = request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined
    if (!isPreflight) return
    if (!isAllowed) {
      throw new TrackwireError(
        'forbidden',
        `pages of ${origin.slice(0, 200)} may not call this API; add it to the allowed origins`,
      )
    }
    reply.header('access-control-allow-methods', METHODS)
    reply.header('access-control-allow-headers', HEADERS)
    reply.header('access-control-max-age', PREFLIGHT_SECONDS)
    return reply.code(204).send()
  })
}
