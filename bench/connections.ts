/**
 * Many connections at once on the platform as it is run: all of them connect, each publishes a fix every ten seconds, meanwhile a device walks
 * through a fence and its alerts are timed; then all are cut at the same moment and come back, while that walk goes on. The
 * fleet runs in processes of its own, from several loopback addresses.
 *
 *   npm run bench:connections -- [--connections 50000] [--seconds 60] [--qos 0] [--every 10] [--processes 2] [--json FILE]
 *
 * DATABASE_URL has the platform store in a PostgreSQL server.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import mqtt, { type MqttClient } from 'mqtt'
import { mostOpenFiles } from '../cli/open-files.ts'
import { buildTopic } from '../contract/index.ts'
import { type RunningPlatform, startTestPlatform } from '../test/support/platform.ts'
import { openScope } from '../test/support/scope.ts'
import { FIXES_PER_SIDE, SQUARE, walkFix } from '../test/support/square-walk.ts'
import type { FleetOptions, FleetOrder, FleetReport } from './connection-fleet.ts'
import { figuresOf } from './load/process-figures.ts'
import { ON_A_SERVER, readOptions } from './load/read-options.ts'

const values = readOptions(
  'bench:connections',
  {
    connections: '50000',
    seconds: '60',
    qos: '0',
    every: '10',
    processes: '2',
    json: 'bench-connections.json',
  },
  [ON_A_SERVER],
)
const connections = within('connections', 100, 200_000)
const seconds = within('seconds', 5, 600)
const everySeconds = within('every', 1, 300)
const processes = within('processes', 1, 16)
const qos = within('qos', 0, 1) as 0 | 1

/** The database, its files, and whatever else a process opens. */
const OTHER_FILES = 512
const WALK_EVERY_MS = 200
const SETTLE_MS = 5_000

const most = mostOpenFiles()
const needed = connections + OTHER_FILES
if (most !== undefined && most < needed) {
  console.error(
    `${connections} connections need ${needed} open files in one process, and here it may have ${most}: ` +
      `raise the limit before (ulimit -n ${needed}, where the hard limit allows it), or ask for --connections ${most - OTHER_FILES}`,
  )
  process.exit(1)
}

const results: Record<string, Record<string, number>> = {}
const scope = openScope()
try {
  const { DATABASE_URL } = process.env
  const environment = { TRACKWIRE_LIMITS: 'off', ...(DATABASE_URL === undefined ? {} : { DATABASE_URL }) }
  const platform = await startTestPlatform(scope, { environment })
  await platform.request('/api/v1/fences', { role: 'admin', sub: 'bench', body: SQUARE })
  const walk = await startWalk(platform)
  const fleet = await startFleet(platform)
  const empty = figuresOf(platform.pid).residentKb
  await phase(platform, walk, 'connect', () => fleet('connect'))
  await phase(platform, walk, 'idle', () => pause(SETTLE_MS).then(() => []))
  say('memory', { 'kB per connection': (figuresOf(platform.pid).residentKb - empty) / connections })
  await phase(platform, walk, 'publish', async () => {
    await fleet('publish')
    await pause(seconds * 1_000)
    return fleet('stop')
  })
  await phase(platform, walk, 'cut and back', async () => {
    await fleet('cut')
    return fleet('connect')
  })
  await phase(platform, walk, 'after', () => pause(SETTLE_MS).then(() => []))
  await walk.stop()
} finally {
  await scope.release()
}
writeFileSync(
  values.json,
  `${JSON.stringify({ node: process.version, cores: cpus().length, load: loadavg()[0], connections, seconds, qos, results }, null, 2)}\n`,
)

/** What the platform's process did, and how the walk fared, while something was done. */
async function phase(
  platform: RunningPlatform,
  walk: Walk,
  name: string,
  work: () => Promise<readonly FleetReport[]>,
): Promise<void> {
  await scrape(platform)
  walk.forget()
  const from = { atMs: performance.now(), ...figuresOf(platform.pid) }
  const reports = await work()
  const took = performance.now() - from.atMs
  const to = figuresOf(platform.pid)
  const metrics = await scrape(platform)
  const lagMs = (which: string) => (metrics.get(`nodejs_eventloop_lag_${which}_seconds`) ?? Number.NaN) * 1_000
  say(name, {
    seconds: took / 1_000,
    cores: (to.cpuMicros - from.cpuMicros) / 1_000 / took,
    'resident MB': to.residentKb / 1_024,
    'event loop p50 ms': lagMs('p50'),
    'event loop p99 ms': lagMs('p99'),
    'event loop max ms': lagMs('max'),
    ...walk.figures(),
    ...(reports.length > 0 && {
      connected: sumOf(reports, 'connected'),
      'tried again': sumOf(reports, 'failed'),
      lost: sumOf(reports, 'lost'),
      sent: sumOf(reports, 'sent'),
      acknowledged: sumOf(reports, 'acknowledged'),
    }),
  })
}

interface Walk {
  forget(): void
  figures(): Record<string, number>
  stop(): Promise<void>
}

/** A device that goes in and out of a fence, one who hears of it over TCP and one over WebSocket. */
async function startWalk(platform: RunningPlatform): Promise<Walk> {
  const device = await platform.connect({ role: 'device', sub: 'walker' }, { keepalive: 30 })
  const watcher = { role: 'dispatcher', sub: 'watcher' } as const
  const overTcp = await platform.connect(watcher)
  const overWebSocket = await mqtt.connectAsync(`${platform.httpUrl.replace('http', 'ws')}/mqtt`, {
    username: 'any',
    password: await platform.token({ ...watcher, sub: 'watcher-on-the-web' }),
    reconnectPeriod: 0,
  })
  const heard = { alertsMs: [] as number[], acknowledgedMs: [] as number[] }
  /** When the fix of a crossing was sent, by its time. */
  const crossed = new Map<number, number>()
  const listen = async (client: MqttClient) => {
    client.on('message', (_topic, payload) => {
      const sentAt = crossed.get((JSON.parse(payload.toString()) as { timestamp: number }).timestamp)
      if (sentAt !== undefined) heard.alertsMs.push(performance.now() - sentAt)
    })
    await client.subscribeAsync('demo/notifications/geofence/+/walker', { qos: 1 })
  }
  await Promise.all([overTcp, overWebSocket].map(listen))

  const topic = buildTopic('location', { org: 'demo', deviceId: 'walker' })
  const startMs = Date.now() - 3_600_000
  let n = 0
  const step = setInterval(() => {
    const fix = walkFix(n, startMs)
    const sentAt = performance.now()
    if (n > 0 && n % FIXES_PER_SIDE === 0) crossed.set(fix.timestamp, sentAt)
    n += 1
    device.publish(topic, JSON.stringify(fix), { qos: 1 }, error => {
      if (!error) heard.acknowledgedMs.push(performance.now() - sentAt)
    })
  }, WALK_EVERY_MS)
  return {
    forget() {
      heard.alertsMs = []
      heard.acknowledgedMs = []
    },
    figures: () => ({
      alerts: heard.alertsMs.length,
      ...inOrder('alert', heard.alertsMs),
      ...inOrder('PUBACK', heard.acknowledgedMs),
    }),
    async stop() {
      clearInterval(step)
      for (const client of [device, overTcp, overWebSocket]) await client.endAsync(true)
    },
  }
}

/** @returns gives all processes of the fleet an order; settles when each has done it */
async function startFleet({ mqttUrl, dataDirectory }: RunningPlatform) {
  const port = Number(new URL(mqttUrl).port)
  const share = Math.ceil(connections / processes)
  const children: ChildProcess[] = []
  for (let first = 0; first < connections; first += share) {
    const count = Math.min(share, connections - first)
    const part: FleetOptions = { dataDirectory, port, first, count, qos, everySeconds }
    const child = fork(fileURLToPath(new URL('./connection-fleet.js', import.meta.url)), [JSON.stringify(part)])
    scope.after(async () => {
      child.kill('SIGKILL')
    })
    children.push(child)
  }
  const answers = () =>
    Promise.all(
      children.map(async child => {
        const [report] = (await Promise.race([once(child, 'message'), failed(child)])) as [FleetReport]
        return report
      }),
    )
  // Their tokens are made beforehand.
  await answers()
  return async (order: FleetOrder): Promise<readonly FleetReport[]> => {
    const all = answers()
    for (const child of children) child.send(order)
    return all
  }
}

async function failed(child: ChildProcess): Promise<never> {
  const [code] = await once(child, 'exit')
  throw new Error(`a process of the fleet ended with ${code}`)
}

/** The platform's own metrics; reading them begins a new interval of the event-loop delay. */
async function scrape({ httpUrl }: RunningPlatform): Promise<Map<string, number>> {
  const text = await (await fetch(`${httpUrl}/metrics`)).text()
  const lines = text.split('\n').filter(line => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map(line => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )
}

function say(name: string, figures: Record<string, number>): void {
  results[name] = figures
  const said = Object.entries(figures).map(([what, value]) => `${what} ${Number(value.toFixed(value < 10 ? 2 : 0))}`)
  console.log(`${name}: ${said.join(', ')}`)
}

function inOrder(what: string, valuesMs: readonly number[]): Record<string, number> {
  const sorted = valuesMs.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? Number.NaN
  return { [`${what} p50 ms`]: at(0.5), [`${what} p99 ms`]: at(0.99), [`${what} max ms`]: at(1) }
}

function sumOf(reports: readonly FleetReport[], figure: 'connected' | 'failed' | 'lost' | 'sent' | 'acknowledged') {
  return reports.reduce((sum, report) => sum + report[figure], 0)
}

function within(option: keyof typeof values, least: number, greatest: number): number {
  const value = Number(values[option])
  if (Number.isInteger(value) && value >= least && value <= greatest) return value
  console.error(`--${option} is a whole number from ${least} to ${greatest}`)
  process.exit(1)
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
