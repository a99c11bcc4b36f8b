import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { TrackwireError } from '../../contract/index.ts'

/**
 * Answers what no route takes: 405 with `Allow` when the URL exists with other methods (RFC 9110 §15.5.6), else 404.
 * Call it before the routes are added, because it listens for them.
 */
export function refuseUnknownRoutes(
  app: FastifyInstance,
  page?: (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply> | null,
): void {
  const methodsByPattern = new Map<string, { matches: RegExp; methods: Set<string> }>()
  app.addHook('onRoute', ({ url, method }) => {
    if (url.includes('*')) return
    const known = methodsByPattern.get(url) ?? { matches: patternOf(url), methods: new Set() }
    for (const one of [method].flat()) known.methods.add(one)
    methodsByPattern.set(url, known)
  })

  app.setNotFoundHandler(async (request, reply) => {
    const path = request.url.split('?', 1)[0]!
    const allowed = new Set<string>()
    for (const { matches, methods } of methodsByPattern.values()) {
      if (matches.test(path)) for (const method of methods) allowed.add(method)
    }
    if (allowed.size > 0 && !allowed.has(request.method)) {
      reply.header('allow', [...allowed].sort().join(', '))
      throw new TrackwireError(
        'method_not_allowed',
        `this URL does not take ${request.method}; it takes ${[...allowed].join(', ')}`,
      )
    }
    const answer = page?.(request, reply) ?? null
    if (answer !== null) return answer
    throw new TrackwireError('not_found', 'there is nothing at this URL; the API is described at /api/docs')
  })
}

function patternOf(url: string): RegExp {
  const escaped = url.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${escaped.replace(/:[A-Za-z]+/g, '[^/]+')}$`)
}
