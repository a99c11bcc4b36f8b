import type { FastifyInstance } from 'fastify'
import { guardRoutes } from './access.ts'
import type { HttpAppOptions } from './app.ts'
import { limitRefused, limitRequests } from './limit-requests.ts'
import { sendProblem } from './problem.ts'
import { recordRequests } from './request-log.ts'
import { osmandRoutes } from './routes/osmand.ts'
import { compileCheck } from './schema-checks.ts'
import { setSecurityHeaders } from './security-headers.ts'
import { createServer, refuseWhenClosing } from './server.ts'
import { refuseUnknownRoutes } from './unknown-routes.ts'

export type OsmandAppOptions = Pick<
  HttpAppOptions,
  | 'db'
  | 'ingest'
  | 'tokens'
  | 'rights'
  | 'logger'
  | 'registry'
  | 'limits'
  | 'platformOrg'
  | 'trustedProxies'
  | 'osmandByIdAlone'
>

/**
 * What is at `/osmand` on a port of its own, at `/` as well: where clients of Traccar look for it. Always plain HTTP, as they
 * expect it there; identity, limits and guards are those of the HTTP port.
 */
export async function createOsmandApp(options: OsmandAppOptions): Promise<FastifyInstance> {
  const app = createServer({ logger: options.logger, trustedProxies: options.trustedProxies })
  app.setErrorHandler(sendProblem)
  app.setValidatorCompiler(compileCheck)
  app.setSerializerCompiler(() => value => JSON.stringify(value))
  refuseUnknownRoutes(app, () => null)
  recordRequests(app, options.registry)
  setSecurityHeaders(app, { secure: false })
  refuseWhenClosing(app)
  guardRoutes(app, options.tokens, options.rights, limitRefused(options.limits))
  limitRequests(app, options.limits)
  for (const url of ['/', '/osmand']) await osmandRoutes(app, { ...options, url })
  await app.ready()
  return app
}
