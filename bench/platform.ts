/**
 * The whole platform as it is run, under a steady load: how long its event loop waits while fixes are stored, how long a PUBACK
 * takes, what memory it holds. The platform is a process of its own; the load comes from here over MQTT with QoS 1.
 *
 *   node dist/bench/platform.js [--rate 2000] [--devices 200] [--seconds 20]
 *
 * DATABASE_URL measures on a PostgreSQL server, otherwise the embedded database is measured.
 */
import type { MqttClient } from 'mqtt'
import { buildTopic } from '../contract/index.ts'
import { type RunningPlatform, startTestPlatform } from '../test/support/platform.ts'
import { openScope } from '../test/support/scope.ts'
import { SQUARE, walkFix } from '../test/support/square-walk.ts'
import { ON_A_SERVER, readOptions } from './load/read-options.ts'

const TICK_MS = 10
const WARM_UP_SECONDS = 5
/** The limit it is held against, in milliseconds. */
const LIMIT_P99_MS = 20

const values = readOptions(
  'bench:platform',
  {
    rate: '2000',
    devices: '200',
    seconds: '20',
  },
  [ON_A_SERVER],
)
const rate = Number(values.rate)
const seconds = Number(values.seconds)

const scope = openScope()
try {
  const { DATABASE_URL } = process.env
  const environment = { TRACKWIRE_LIMITS: 'off', ...(DATABASE_URL === undefined ? {} : { DATABASE_URL }) }
  const platform = await startTestPlatform(scope, { environment })
  await platform.request('/api/v1/fences', { role: 'admin', sub: 'bench', body: SQUARE })
  const ids = Array.from({ length: Number(values.devices) }, (_, i) => `bench-${i}`)
  const clients = await Promise.all(ids.map(sub => platform.connect({ role: 'device', sub })))
  const load = startLoad(ids, clients)
  await load.run(WARM_UP_SECONDS)
  await scrape(platform)
  load.latenciesMs.length = 0
  await load.run(seconds)
  report(await scrape(platform), load.latenciesMs)
  await platform.stop()
} finally {
  await scope.release()
}

function startLoad(ids: readonly string[], clients: readonly MqttClient[]) {
  const startMs = Date.now() - 3_600_000
  const topics = ids.map(deviceId => buildTopic('location', { org: 'demo', deviceId }))
  const latenciesMs: number[] = []
  let sent = 0
  const send = () => {
    const device = sent % ids.length
    const fix = walkFix(Math.floor(sent / ids.length), startMs)
    const sentAt = performance.now()
    sent += 1
    clients[device]!.publish(topics[device]!, JSON.stringify(fix), { qos: 1 }, error => {
      if (!error) latenciesMs.push(performance.now() - sentAt)
    })
  }
  /** As many as the clock says are due, so that a late timer does not lower the rate. */
  const run = (forSeconds: number) =>
    new Promise<void>(resolve => {
      const startedAt = performance.now()
      let due = 0
      const timer = setInterval(() => {
        const elapsed = Math.min((performance.now() - startedAt) / 1_000, forSeconds)
        for (; due < elapsed * rate; due++) send()
        if (elapsed < forSeconds) return
        clearInterval(timer)
        resolve()
      }, TICK_MS)
    })
  return { latenciesMs, run }
}

/** The platform's own metrics; reading them begins a new interval of the event-loop delay. */
async function scrape({ httpUrl }: RunningPlatform): Promise<Map<string, number>> {
  const text = await (await fetch(`${httpUrl}/metrics`)).text()
  const lines = text.split('\n').filter(line => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map(line => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )
}

function report(metrics: ReadonlyMap<string, number>, latenciesMs: number[]): void {
  latenciesMs.sort((a, b) => a - b)
  const latency = (share: number) => (latenciesMs[Math.floor(latenciesMs.length * share)] ?? Number.NaN).toFixed(1)
  const lagMs = (name: string) =>
    ((metrics.get(`nodejs_eventloop_lag_${name}_seconds`) ?? Number.NaN) * 1_000).toFixed(1)
  const p99 = Number(lagMs('p99'))
  console.log(`fixes acknowledged/s    ${Math.round(latenciesMs.length / seconds)} of ${rate} sent`)
  console.log(
    `event-loop delay (ms)   p50 ${lagMs('p50')}, p99 ${lagMs('p99')}, max ${lagMs('max')}; it is sampled every 10 ms, so 10 is none`,
  )
  console.log(`p99 against ${LIMIT_P99_MS} ms        ${(p99 / LIMIT_P99_MS).toFixed(2)}`)
  console.log(`publish to PUBACK (ms)  p50 ${latency(0.5)}, p99 ${latency(0.99)}`)
  console.log(`resident memory (MB)    ${Math.round((metrics.get('process_resident_memory_bytes') ?? 0) / 1e6)}`)
}
