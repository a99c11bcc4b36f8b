import { Counter, Gauge, type Registry } from 'prom-client'
import type { RateLimits } from './rate-limits.ts'

export type LimitMetrics = ReturnType<typeof limitMetrics>

/** What the limits count. No ids in labels: their number has no bound. */
export function limitMetrics(registry: Registry, rates: RateLimits) {
  new Gauge({
    name: 'trackwire_limit_owners',
    help: 'Principals and addresses whose token buckets are remembered',
    registers: [registry],
    collect() {
      this.set(rates.owners)
    },
  })
  return {
    limited: new Counter({
      name: 'trackwire_limited_total',
      help: 'Messages and requests over a limit, by limit: dropped (QoS 0), held (QoS 1 and 2, handled later) or refused (HTTP)',
      labelNames: ['class', 'transport', 'outcome'],
      registers: [registry],
    }),
    disconnected: new Counter({
      name: 'trackwire_limit_disconnects_total',
      help: 'Connections closed because their principal kept on sending over the limit',
      registers: [registry],
    }),
    connectionsRefused: new Counter({
      name: 'trackwire_connections_refused_total',
      help: 'Connections refused by a limit: total, address_rate, address_connecting, principal',
      labelNames: ['reason', 'transport'],
      registers: [registry],
    }),
    queueDrops: new Counter({
      name: 'trackwire_session_queue_drops_total',
      help: 'Messages that a full session queue gave up, by kind: position, notification, sos',
      labelNames: ['kind'],
      registers: [registry],
    }),
    sessionsDropped: new Counter({
      name: 'trackwire_sessions_dropped_total',
      help: 'Stored sessions that made room for a newer one of the same principal',
      registers: [registry],
    }),
  }
}
