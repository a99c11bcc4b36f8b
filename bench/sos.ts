/**
 * How long an SOS takes from its trigger to the `triggered` that a dispatcher receives, while the platform stores fixes.
 * The platform is a process of its own; the load is a thread of its own, so that it does not delay what is measured.
 *
 *   node dist/bench/sos.js [--rate 5000] [--connections 200] [--triggers 200] [--database pglite|postgres|both] [--seed 1]
 *
 * Half of the triggers are sent over MQTT, half over HTTP, at seeded moments.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { buildFilter, buildTopic, type SosEvent } from '../contract/index.ts'
import { withPostgresUrl } from '../test/support/databases.ts'
import { type RunningPlatform, startTestPlatform } from '../test/support/platform.ts'
import { openScope } from '../test/support/scope.ts'
import { randomOf } from '../test/support/seeded-random.ts'
import { SQUARE } from '../test/support/square-walk.ts'
import { readOptions } from './load/read-options.ts'
import type { LoadOrder, LoadReport } from './sos-load.ts'

const ORG = 'demo'
const WARM_UP_MS = 5_000
const SECONDS_BETWEEN_TRIGGERS = 0.1
const PATIENCE_MS = 30_000
/** The limit it is held against, in milliseconds. */
const LIMIT_P99_MS = 100

const values = readOptions('bench:sos', {
  rate: '5000',
  connections: '200',
  triggers: '200',
  database: 'both',
  seed: '1',
})
const triggers = Number(values.triggers)
const random = randomOf(Number(values.seed))

async function measure(name: string, environment: Record<string, string>): Promise<void> {
  const scope = openScope()
  try {
    const platform = await startTestPlatform(scope, { environment: { TRACKWIRE_LIMITS: 'off', ...environment } })
    await platform.request('/api/v1/fences', { role: 'admin', sub: 'bench', body: SQUARE })
    const load = await startLoad(platform)
    const { overMqtt, overHttp } = await triggerAll(platform)
    const { acknowledged, refusedToSend } = await load.stop()
    console.log(
      `${name}: ${acknowledged} fixes/s acknowledged of ${values.rate} asked for, ${refusedToSend}/s not sent: too many unanswered`,
    )
    report(`${name}, MQTT`, overMqtt)
    report(`${name}, HTTP`, overHttp)
    report(`${name}, all `, [...overMqtt, ...overHttp])
    await platform.stop()
  } finally {
    await scope.release()
  }
}

async function startLoad(platform: RunningPlatform): Promise<{ stop(): Promise<LoadReport> }> {
  const devices = Array.from({ length: Number(values.connections) }, (_, i) => `bench-${i}`)
  const tokens = await Promise.all(devices.map(sub => platform.token({ role: 'device', sub })))
  const order: LoadOrder = {
    mqttUrl: platform.mqttUrl,
    devices: devices.map((id, i) => ({ id, token: tokens[i]! })),
    rate: Number(values.rate),
  }
  const worker = new Worker(new URL('./sos-load.js', import.meta.url), { workerData: order })
  const message = () => new Promise<unknown>((resolve, reject) => worker.once('message', resolve).once('error', reject))
  await message()
  await delay(WARM_UP_MS)
  worker.postMessage('measure')
  return {
    async stop() {
      const answer = message()
      worker.postMessage('stop')
      return (await answer) as LoadReport
    },
  }
}

async function triggerAll(platform: RunningPlatform): Promise<{ overMqtt: number[]; overHttp: number[] }> {
  const desk = await platform.connect({ role: 'dispatcher', sub: 'desk' })
  const waiting = new Map<string, (atMs: number) => void>()
  desk.on('message', (_topic, payload) => {
    const event = JSON.parse(payload.toString()) as SosEvent
    if (event.event === 'triggered') waiting.get(event.deviceId)?.(performance.now())
  })
  await desk.subscribeAsync(buildFilter('sosNotification', { org: ORG }), { qos: 1 })
  const phones = await Promise.all(
    Array.from({ length: triggers }, async (_, i) => {
      const sub = `phone-${i}`
      const who = { role: 'device', sub } as const
      return i % 2 === 0 ? { sub, client: await platform.connect(who) } : { sub, token: await platform.token(who) }
    }),
  )
  const latencies = { overMqtt: [] as number[], overHttp: [] as number[] }
  await Promise.all(
    phones.map(async ({ sub, client, token }, i) => {
      await delay((i + random()) * SECONDS_BETWEEN_TRIGGERS * 1_000)
      const heard = new Promise<number>((resolve, reject) => {
        waiting.set(sub, resolve)
        setTimeout(() => reject(new Error(`${sub} was not heard within ${PATIENCE_MS} ms`)), PATIENCE_MS).unref()
      })
      const body = JSON.stringify({ action: 'trigger', id: 'press', timestamp: Date.now() })
      const sentAt = performance.now()
      if (client !== undefined) client.publish(buildTopic('sos', { org: ORG, deviceId: sub }), body, { qos: 1 })
      else {
        const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
        void fetch(`${platform.httpUrl}/api/v1/devices/${sub}/sos`, { method: 'POST', headers, body })
      }
      ;(client === undefined ? latencies.overHttp : latencies.overMqtt).push((await heard) - sentAt)
    }),
  )
  return latencies
}

function report(name: string, latenciesMs: readonly number[]): void {
  const sorted = [...latenciesMs].sort((a, b) => a - b)
  const at = (share: number) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(1)
  console.log(
    `${name}: ${sorted.length} triggers, to \`triggered\` in ms: p50 ${at(0.5)}, p99 ${at(0.99)}, max ${at(1)}; p99 against ${LIMIT_P99_MS} ms: ${(Number(at(0.99)) / LIMIT_P99_MS).toFixed(2)}`,
  )
}

console.log(
  `${values.rate} fixes/s over ${values.connections} connections with QoS 1, seed ${values.seed}, Node ${process.version}`,
)
if (values.database !== 'postgres') await measure('embedded', {})
if (values.database !== 'pglite') {
  const scope = openScope()
  try {
    const url = await withPostgresUrl(scope)
    if (url === undefined) console.log('PostgreSQL: no server to be had')
    else await measure('PostgreSQL', { DATABASE_URL: url })
  } finally {
    await scope.release()
  }
}
process.exit()
