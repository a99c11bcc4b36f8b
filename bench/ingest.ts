/**
 * How many fixes a second the pipeline stores, and how long the event loop waits meanwhile.
 *
 *   node dist/bench/ingest.js [--seconds 10] [--rate 2000] [--devices 2000] [--seed 1] [--database pglite|postgres|both]
 *
 * Two phases per database: paced (`--rate` fixes a second, each a message of its own), then as fast as it goes with every device
 * waiting for its acknowledgement. The event-loop delay is that of this thread, where the broker runs; it includes the load generator.
 */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import { Registry } from 'prom-client'
import { type Database, type Ingest, startIngest } from '../bridge/index.ts'
import type { FenceFeature, LocationUpdate } from '../contract/index.ts'
import { silent, withPglite, withPostgres } from '../test/support/databases.ts'
import { openScope } from '../test/support/scope.ts'
import { randomOf } from '../test/support/seeded-random.ts'
import { readOptions } from './load/read-options.ts'

const ORG = 'bench'
const FENCES = 200
const TICK_MS = 10
/** Metres per degree of latitude; the fleet drives around a city at the equator's scale. */
const METERS_PER_DEGREE = 111_320
const CENTRE = { lat: 52.52, lng: 13.405 }

const values = readOptions('bench:ingest', {
  seconds: '10',
  rate: '2000',
  devices: '2000',
  seed: '1',
  database: 'both',
})
const seconds = Number(values.seconds)
const rate = Number(values.rate)
const devices = Number(values.devices)
const random = randomOf(Number(values.seed))

interface Vehicle {
  readonly id: string
  lat: number
  lng: number
  heading: number
  timestamp: number
}

function drive(vehicle: Vehicle): LocationUpdate {
  vehicle.heading = (vehicle.heading + (random() - 0.5) * 30 + 360) % 360
  const degrees = 14 / METERS_PER_DEGREE
  vehicle.lat += Math.cos((vehicle.heading * Math.PI) / 180) * degrees
  vehicle.lng += Math.sin((vehicle.heading * Math.PI) / 180) * degrees
  vehicle.timestamp += 1_000
  return {
    timestamp: vehicle.timestamp,
    location: { lat: vehicle.lat, lng: vehicle.lng, accuracy: 5, speed: 14, heading: vehicle.heading },
    metadata: { battery: 80, network: 'lte' },
  }
}

function fleet(): Vehicle[] {
  return Array.from({ length: devices }, (_, i) => ({
    id: `vehicle-${i}`,
    lat: CENTRE.lat + (random() - 0.5) * 0.2,
    lng: CENTRE.lng + (random() - 0.5) * 0.3,
    heading: random() * 360,
    timestamp: Date.now() - 3_600_000,
  }))
}

function circles(): FenceFeature[] {
  return Array.from({ length: FENCES }, (_, i) => ({
    type: 'Feature',
    id: `circle-${i}`,
    properties: { radius: 100 + random() * 400 },
    geometry: {
      type: 'Point',
      coordinates: [CENTRE.lng + (random() - 0.5) * 0.3, CENTRE.lat + (random() - 0.5) * 0.2],
    },
  }))
}

function percentile(sorted: readonly number[], share: number): string {
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1)
}

interface Measured {
  stored: number
  readonly latencies: number[]
}

async function send(ingest: Ingest, vehicle: Vehicle, measured: Measured): Promise<void> {
  const receivedAt = Date.now()
  const started = performance.now()
  await ingest.fixes({ org: ORG, deviceId: vehicle.id, fixes: [drive(vehicle)], receivedAt, registers: true })
  measured.stored++
  measured.latencies.push(performance.now() - started)
}

async function paced(ingest: Ingest, vehicles: readonly Vehicle[], measured: Measured): Promise<void> {
  const open = new Set<Promise<void>>()
  const started = performance.now()
  let sent = 0
  await new Promise<void>(resolve => {
    const timer = setInterval(() => {
      const elapsed = performance.now() - started
      for (const due = Math.min(elapsed / 1_000, seconds) * rate; sent < due; sent++) {
        const sending = send(ingest, vehicles[sent % vehicles.length]!, measured)
        open.add(sending)
        void sending.finally(() => open.delete(sending))
      }
      if (elapsed < seconds * 1_000) return
      clearInterval(timer)
      resolve()
    }, TICK_MS)
  })
  await Promise.all(open)
}

async function flatOut(ingest: Ingest, vehicles: readonly Vehicle[], measured: Measured): Promise<void> {
  const until = performance.now() + seconds * 1_000
  await Promise.all(
    vehicles.map(async vehicle => {
      while (performance.now() < until) await send(ingest, vehicle, measured)
    }),
  )
}

async function measure(name: string, delay: IntervalHistogram, work: (measured: Measured) => Promise<void>) {
  const measured: Measured = { stored: 0, latencies: [] }
  delay.reset()
  const started = performance.now()
  await work(measured)
  const elapsed = (performance.now() - started) / 1_000
  const sorted = measured.latencies.sort((a, b) => a - b)
  const loop = (ns: number): string => (ns / 1e6).toFixed(1)
  console.log(
    `${name}: ${Math.round(measured.stored / elapsed)} fixes/s; ack ms p50 ${percentile(sorted, 0.5)} p99 ${percentile(sorted, 0.99)}; ` +
      `loop ms p50 ${loop(delay.percentile(50))} p99 ${loop(delay.percentile(99))} max ${loop(delay.max)}; ` +
      `RSS ${Math.round(process.memoryUsage.rss() / 1e6)} MB`,
  )
}

async function run(db: Database): Promise<void> {
  const registry = new Registry()
  const ingest = await startIngest({ db, logger: silent, registry, retentionRawDays: 30 })
  let published = 0
  await ingest.announce(async () => {
    published++
  })
  await ingest.importFences(ORG, circles())
  const vehicles = fleet()
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  // The first fix of each device registers it and compiles the code: not what is measured.
  await Promise.all(vehicles.map(vehicle => send(ingest, vehicle, { stored: 0, latencies: [] })))
  await measure(`${db.kind} paced`, delay, measured => paced(ingest, vehicles, measured))
  await measure(`${db.kind} flat out`, delay, measured => flatOut(ingest, vehicles, measured))
  delay.disable()
  const [{ events } = { events: 0 }] = await db.query<{ events: number }>('select count(*)::int as events from events')
  await ingest.close()
  console.log(`${db.kind}: ${events} events stored, ${published} messages published`)
  const [groups] = (await registry.getMetricsAsJSON()).filter(
    ({ name }) => name === 'trackwire_ingest_group_size_fixes',
  )
  const samples = (groups?.values ?? []) as { metricName?: string; value: number }[]
  const sample = (suffix: string): number => samples.find(({ metricName }) => metricName?.endsWith(suffix))?.value ?? 0
  const perGroup = (sample('_sum') / sample('_count')).toFixed(1)
  console.log(`${db.kind}: ${sample('_count')} transactions, ${perGroup} fixes each`)
}

const scope = openScope()
console.log(`${seconds} s a phase, ${devices} devices, ${FENCES} fences, seed ${values.seed}, Node ${process.version}`)
try {
  if (values.database !== 'postgres') await run(await withPglite(scope))
  const server = values.database === 'pglite' ? undefined : await withPostgres(scope)
  if (server !== undefined) await run(server)
} finally {
  await scope.release()
}
