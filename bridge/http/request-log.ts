import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { Histogram, type Registry } from 'prom-client'

const REQUEST_ID = /^[A-Za-z0-9._:-]{1,64}$/

/** The caller's `X-Request-Id` when it is an id, so that its log and ours can be joined; else a new one. */
export function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID()
}

/** One log line and one measurement a request: by the route's pattern, never the URL (which holds ids), no headers, no bodies. */
export function recordRequests(app: FastifyInstance, registry: Registry): void {
  const duration = durationIn(registry)
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
  })
  app.addHook('onResponse', async (request, reply) => {
    const route = request.is404 ? 'none' : (request.routeOptions.url ?? 'none')
    duration.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1_000)
    request.log.info(
      { method: request.method, route, status: reply.statusCode, ms: Math.round(reply.elapsedTime * 10) / 10 },
      'request',
    )
  })
}

const DURATION = 'trackwire_http_request_duration_seconds'

/** One for all HTTP ports of the process. */
function durationIn(registry: Registry): Histogram<'method' | 'route' | 'status'> {
  const known = registry.getSingleMetric(DURATION)
  if (known !== undefined) return known as Histogram<'method' | 'route' | 'status'>
  return new Histogram({
    name: DURATION,
    help: 'Duration of HTTP requests by method, route pattern and status',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [registry],
  })
}
