import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { PUBLIC } from './access.ts'
import { dashboardPolicy, sharePolicy } from './security-headers.ts'

/** Vite names files of this folder by their content, so they never change. */
const HASHED_FOLDER = /[\\/]assets[\\/]/

/** The page of a share link. */
const SHARE_PAGE = 'share.html'

/** Serves the built dashboard at `/`. */
export async function serveDashboard(
  app: FastifyInstance,
  { directory, mapTileUrl, secure }: { directory: string; mapTileUrl: string | undefined; secure: boolean },
): Promise<void> {
  const policyOfShares = sharePolicy(mapTileUrl)
  await app.register(async scope => {
    scope.addHook('onRoute', route => {
      route.config = { ...route.config, access: PUBLIC }
      route.schema = { ...route.schema, hide: true }
    })
    await scope.register(fastifyStatic, {
      root: directory,
      cacheControl: false,
      // The build has put `.br` and `.gz` beside what is worth it.
      preCompressed: true,
      decorateReply: true,
      setHeaders(reply, path) {
        reply.header(
          'cache-control',
          HASHED_FOLDER.test(path.slice(join(directory).length)) ? 'public, max-age=31536000, immutable' : 'no-cache',
        )
        // Scripts too: a worker is ruled by the policy of its own file, and the map's workers load tiles.
        reply.header('content-security-policy', dashboardPolicy(mapTileUrl, reply.request.headers.host, secure))
        if (!path.endsWith(SHARE_PAGE)) return
        reply.header('content-security-policy', policyOfShares)
        reply.header('referrer-policy', 'no-referrer')
        reply.header('x-robots-tag', 'noindex, nofollow')
      },
    })
    // The code of the link stands behind the #, which browsers keep to themselves.
    scope.get('/share', (_request, reply) => reply.sendFile(SHARE_PAGE))
    // The page that takes claim codes: they are in its fragment, so it is at one URL for all of them.
    scope.get('/claim', (_request, reply) => reply.sendFile('claim.html'))
  })
}

/** A person who opens a deep link of the dashboard gets its page; a script, an image or an API call that is missing stays a 404. */
export function isNavigation(request: FastifyRequest): boolean {
  if (request.method !== 'GET' && request.method !== 'HEAD') return false
  if (/^\/(api|health|metrics|mqtt|\.well-known|assets)(\/|\?|$)/.test(request.url)) return false
  return (request.headers.accept ?? '').includes('text/html')
}

export async function sendDashboardPage(reply: FastifyReply): Promise<FastifyReply> {
  return reply.sendFile('index.html')
}
