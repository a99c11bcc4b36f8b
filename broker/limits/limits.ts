import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import type { LimitSettings } from '../../contract/index.ts'
import { ConnectionLimits } from './connection-limits.ts'
import { type LimitMetrics, limitMetrics } from './limit-metrics.ts'
import { createRateLimits, type RateLimits, ratesOf } from './rate-limits.ts'
import { RequestLimits } from './request-limits.ts'

/** Everything that is limited, for MQTT and HTTP together: a principal has one bucket of a class, whichever way it sends. */
export interface Limits {
  readonly settings: LimitSettings
  readonly rates: RateLimits
  readonly connections: ConnectionLimits
  readonly requests: RequestLimits
  readonly metrics: LimitMetrics
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number
}

export function openLimits(options: {
  settings: LimitSettings
  registry: Registry
  logger: Logger
  /** Addresses and ranges of proxies whose `X-Forwarded-For` is believed. */
  trustedProxies?: readonly string[]
  now?: () => number
}): Limits {
  const { settings, registry, logger, trustedProxies = [], now = () => performance.now() } = options
  const rates = createRateLimits(ratesOf(settings), now)
  const metrics = limitMetrics(registry, rates)
  const connections = new ConnectionLimits({ ...settings, trustedProxies, now, metrics, logger })
  return { settings, rates, connections, requests: new RequestLimits(settings, rates, metrics), metrics, now }
}
