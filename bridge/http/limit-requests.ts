import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type BucketOwner, bucketOwner, type Principal, TrackwireError } from '../../contract/index.ts'

/** What became of one request, and how its token bucket stands; null where there is no limit. */
export interface RequestVerdict {
  /** 0 = granted. */
  readonly waitMs: number
  readonly bucket: {
    readonly capacity: number
    readonly windowMs: number
    readonly remaining: number
    readonly resetMs: number
  } | null
}

/** The token buckets, shared with the broker: a position costs the same whichever way it comes. */
export interface RequestLimits {
  ofPrincipal(owner: BucketOwner, rateClass: 'location' | 'http'): RequestVerdict
  ofAddress(address: string): RequestVerdict
  /** A request that was not let in; apart from log-ins, which would mend it. */
  ofRefused(address: string): RequestVerdict
}

/**
 * What a request draws from: `location` and `http` by principal, `public` by address. `none` is for SOS, and for what is read
 * by machines that nobody should keep waiting (health, metrics, pages).
 */
export type RequestClass = 'location' | 'http' | 'public' | 'none'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Left out: `http` behind a token; of public routes `public` where something is posted, else `none`. */
    rateClass?: RequestClass
  }
}

/** Refuses requests over the limit with 429 before their bodies are read. Call it after `guardRoutes`. Errors: `rate_limited`. */
export function limitRequests(app: FastifyInstance, limits: RequestLimits | undefined): void {
  if (limits === undefined) return
  app.addHook('onRequest', async (request, reply) => {
    const rateClass = classOf(request)
    const { principal } = request
    if (rateClass === 'public') return judge(limits.ofAddress(request.ip), reply)
    if (rateClass === 'none' || principal === null || namesDevice(rateClass, principal)) return
    judge(limits.ofPrincipal(principal, rateClass), reply)
  })
  // A gateway speaks for many devices; for which one, the body says.
  app.addHook('preHandler', async (request, reply) => {
    const { principal, body } = request
    if (principal === null || classOf(request) !== 'location' || !namesDevice('location', principal)) return
    const { deviceId } = (body ?? {}) as { deviceId?: unknown }
    judge(
      limits.ofPrincipal(bucketOwner(principal, typeof deviceId === 'string' ? deviceId : undefined), 'location'),
      reply,
    )
  })
}

/**
 * Counts a request that was not let in: by its principal where the token was good, else by address as a stranger's. Errors:
 * `rate_limited`.
 */
export function limitRefused(
  limits: RequestLimits | undefined,
): (request: FastifyRequest, reply: FastifyReply) => void {
  return ({ principal, ip }, reply) => {
    if (limits !== undefined)
      judge(principal === null ? limits.ofRefused(ip) : limits.ofPrincipal(principal, 'http'), reply)
  }
}

function classOf({ is404, method, routeOptions }: FastifyRequest): RequestClass {
  if (is404) return 'none'
  const { access, rateClass } = routeOptions.config
  if (rateClass !== undefined) return rateClass
  if (access !== 'public') return 'http'
  return method === 'GET' || method === 'HEAD' ? 'none' : 'public'
}

function namesDevice(rateClass: RequestClass, { role }: Principal): boolean {
  return rateClass === 'location' && role === 'service'
}

/**
 * For routes of the class `none` that know by themselves what a request counts for: a fix of `owner`, or of nobody (null), which
 * counts for the address. Errors: `rate_limited`.
 */
export function limitFix(limits: RequestLimits | undefined, owner: BucketOwner | null, reply: FastifyReply): void {
  if (limits === undefined) return
  judge(owner === null ? limits.ofAddress(reply.request.ip) : limits.ofPrincipal(owner, 'location'), reply)
}

/** Says in the headers how the bucket stands (draft-ietf-httpapi-ratelimit-headers-06). */
function judge({ waitMs, bucket }: RequestVerdict, reply: FastifyReply): void {
  if (bucket !== null) {
    const { capacity, windowMs, remaining, resetMs } = bucket
    reply.header('ratelimit-limit', String(capacity))
    reply.header('ratelimit-remaining', String(waitMs > 0 ? 0 : remaining))
    reply.header('ratelimit-reset', String(Math.ceil(resetMs / 1_000)))
    reply.header('ratelimit-policy', `${capacity};w=${windowMs / 1_000}`)
  }
  if (waitMs === 0) return
  throw new TrackwireError('rate_limited', 'too many requests; wait as long as Retry-After says, and send fewer', {
    details: { retryAfterSeconds: Math.ceil(waitMs / 1_000), retryAfterMs: Math.ceil(waitMs) },
  })
}
