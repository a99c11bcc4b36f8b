import type { Registry } from 'prom-client'
import { PUBLIC } from '../access.ts'
import { publicProblems } from '../problem.ts'
import type { Api } from '../schema-checks.ts'

/** The state of one part; measures such as `connections` may stand beside. */
export interface PartHealth {
  readonly ok: boolean
  readonly detail?: string
  readonly [measure: string]: unknown
}

/** Asks every part how it is, by the part's name: `database`, `broker`, … */
export type HealthCheck = () => Promise<Record<string, PartHealth>>

/** A part that does not answer within this time is not well. */
const PATIENCE_MS = 5_000

const Parts = {
  type: 'object',
  additionalProperties: {
    type: 'object',
    required: ['ok'],
    properties: { ok: { type: 'boolean' }, detail: { type: 'string' } },
  },
}
const Health = {
  type: 'object',
  required: ['status', 'live', 'ready', 'parts'],
  properties: {
    status: { enum: ['ok', 'degraded'] },
    live: { type: 'boolean' },
    ready: { type: 'boolean' },
    version: { type: 'string' },
    parts: Parts,
  },
}
const Realtime = {
  type: 'object',
  required: ['status'],
  properties: {
    status: { enum: ['ok', 'degraded'] },
    connections: { type: 'integer', description: 'MQTT connections' },
    sessions: { type: 'integer', description: 'Sessions that outlive their connections, connected or not' },
    subscriptions: { type: 'integer', description: 'Filters that are held' },
    retained: { type: 'integer', description: 'Retained messages' },
    overloaded: { type: 'boolean', description: 'Senders with most in hand are not read for now' },
    detail: { type: 'string' },
  },
}

/** For load balancers, orchestrators and Prometheus. */
export function healthRoutes(
  app: Api,
  { health, registry, version }: { health: HealthCheck; registry: Registry; version: string },
): void {
  app.get(
    '/health',
    {
      config: { access: PUBLIC },
      schema: {
        operationId: 'getHealth',
        summary: 'Whether the platform lives and is ready, and the state of each part',
        tags: ['operations'],
        security: [],
        response: {
          200: { ...Health, description: 'Ready' },
          ...publicProblems(),
          503: { ...Health, description: 'Alive, but a part is not ready' },
        },
      },
    },
    async (_request, reply) => {
      const parts = await partsWithin(health, PATIENCE_MS)
      const ready = Object.values(parts).every(part => part.ok)
      return reply
        .code(ready ? 200 : 503)
        .send({ status: ready ? 'ok' : 'degraded', live: true, ready, version, parts })
    },
  )

  app.get(
    '/health/realtime',
    {
      config: { access: PUBLIC },
      schema: {
        operationId: 'getRealtimeHealth',
        summary: 'The state of the broker: connections and what else it measures',
        tags: ['operations'],
        security: [],
        response: {
          200: { ...Realtime, description: 'The broker is well' },
          ...publicProblems(),
          503: { ...Realtime, description: 'The broker is not well' },
        },
      },
    },
    async (_request, reply) => {
      const { broker = { ok: false, detail: 'no broker runs here' } } = await partsWithin(health, PATIENCE_MS)
      const { ok, ...measures } = broker
      return reply.code(ok ? 200 : 503).send({ status: ok ? 'ok' : 'degraded', ...measures })
    },
  )

  app.get(
    '/metrics',
    {
      config: { access: PUBLIC },
      schema: {
        operationId: 'getMetrics',
        summary: 'Metrics in the Prometheus text format',
        tags: ['operations'],
        security: [],
        response: {
          200: { description: 'Metrics', content: { 'text/plain': { schema: { type: 'string' } } } },
          ...publicProblems(),
        },
      },
    },
    async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()),
  )
}

async function partsWithin(health: HealthCheck, patienceMs: number): Promise<Record<string, PartHealth>> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Record<string, PartHealth>>(resolve => {
    timer = setTimeout(() => resolve({ health: { ok: false, detail: `no answer in ${patienceMs} ms` } }), patienceMs)
  })
  try {
    return await Promise.race([health(), late])
  } catch {
    return { health: { ok: false, detail: 'the check failed; the log has the details' } }
  } finally {
    clearTimeout(timer)
  }
}
