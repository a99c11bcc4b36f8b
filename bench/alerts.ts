/**
 * How long an alert takes: from the PUBLISH of the fix that crosses a fence to the notification at a subscriber over WebSocket, while
 * the platform stores a steady stream of fixes and knows thousands of fences. The platform is a process of its own; it has committed
 * the fix, its event and its outbox before the notification goes out.
 *
 *   npm run bench:alerts -- [--rate 5000] [--fences 10000] [--devices 1000] [--seconds 20] [--seed 1]
 *
 * DATABASE_URL measures on a PostgreSQL server, otherwise the embedded database is measured.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import mqtt from 'mqtt'
import {
  buildFilter,
  buildTopic,
  type FenceFeature,
  type GeofenceEvent,
  type LocationUpdate,
} from '../contract/index.ts'
import { connect, publish } from '../test/support/mqtt-bytes.ts'
import { type RunningPlatform, startTestPlatform } from '../test/support/platform.ts'
import { openScope, type TestScope } from '../test/support/scope.ts'
import { randomOf } from '../test/support/seeded-random.ts'
import { figuresOf } from './load/process-figures.ts'
import { openRawConnection, type RawConnection } from './load/raw-connection.ts'
import { ON_A_SERVER, readOptions } from './load/read-options.ts'
import { answer } from './load/run-traffic.ts'

const ORG = 'demo'
const WARM_UP_SECONDS = 10
const TICK_MS = 2
const DRAIN_MS = 5_000
/** The limit it is held against, in milliseconds. */
const LIMIT_P99_MS = 50
const [CONNACK, PUBACK] = [2, 4]

/** Squares of half the distance between their centres: who drives straight on is inside half of the time. */
const CENTRE = { lat: 41.15, lng: -8.61 }
const SPACING_DEGREES = 0.004
const METERS_PER_FIX = 14
const METERS_PER_DEGREE = 111_320

const values = readOptions(
  'bench:alerts',
  {
    rate: '5000',
    fences: '10000',
    devices: '1000',
    seconds: '20',
    seed: '1',
  },
  [ON_A_SERVER],
)
const rate = Number(values.rate)
const seconds = Number(values.seconds)
const random = randomOf(Number(values.seed))
/** Fences in a row, and rows. */
const side = Math.ceil(Math.sqrt(Number(values.fences)))
const extent = side * SPACING_DEGREES

interface Vehicle {
  readonly id: string
  readonly topic: string
  readonly connection: RawConnection
  readonly heading: number
  lat: number
  lng: number
  timestamp: number
  packetId: number
  /** When its unanswered fixes were sent, the oldest first. */
  readonly unanswered: number[]
  /** When the fix of a time was sent. */
  readonly sentAt: Map<number, number>
}

const scope = openScope()
try {
  const { DATABASE_URL } = process.env
  const environment = { TRACKWIRE_LIMITS: 'off', ...(DATABASE_URL === undefined ? {} : { DATABASE_URL }) }
  const platform = await startTestPlatform(scope, { environment })
  await importFences(platform)
  const alertsMs: number[] = []
  const acknowledgedMs: number[] = []
  const vehicles = await startFleet(platform, acknowledgedMs)
  await watch(scope, platform, vehicles, alertsMs)
  const drive = startDriving(vehicles)
  await delay(WARM_UP_SECONDS * 1_000)

  const before = { alerts: alertsMs.length, acknowledged: acknowledgedMs.length, sent: drive.sent() }
  const cpuBefore = figuresOf(platform.pid).cpuMicros
  const ownDelay = monitorEventLoopDelay({ resolution: 1 })
  ownDelay.enable()
  await delay(seconds * 1_000)
  ownDelay.disable()
  const cpu = figuresOf(platform.pid).cpuMicros - cpuBefore
  const acknowledged = acknowledgedMs.slice(before.acknowledged)
  const alerts = alertsMs.slice(before.alerts)
  const sent = drive.sent() - before.sent
  drive.stop()
  await delay(DRAIN_MS)

  console.log(
    `fixes sent/s, acknowledged/s  ${Math.round(sent / seconds)}, ${Math.round(acknowledged.length / seconds)}`,
  )
  console.log(`PUBLISH to PUBACK (ms)        ${percentiles(acknowledged)}`)
  console.log(`alerts/s                      ${Math.round(alerts.length / seconds)}`)
  console.log(`PUBLISH to notification (ms)  ${percentiles(alerts)}; p99 against ${LIMIT_P99_MS}: ${share(alerts)}`)
  console.log(`platform, CPU µs a fix        ${Math.round(cpu / sent)}`)
  console.log(`generator's own delay (ms)    p99 ${(ownDelay.percentile(99) / 1e6).toFixed(1)}`)
  await platform.stop()
} finally {
  await scope.release()
}

async function importFences(platform: RunningPlatform): Promise<void> {
  const features = Array.from({ length: Number(values.fences) }, (_, i) => square(i))
  const body = { type: 'FeatureCollection', features }
  const response = await platform.request('/api/v1/fences/import', { role: 'admin', sub: 'bench', body })
  if (!response.ok) throw new Error(`the fences were not taken: ${await response.text()}`)
}

function square(i: number): FenceFeature {
  const west = CENTRE.lng - extent / 2 + (i % side) * SPACING_DEGREES
  const south = CENTRE.lat - extent / 2 + Math.floor(i / side) * SPACING_DEGREES
  const [east, north] = [west + SPACING_DEGREES / 2, south + SPACING_DEGREES / 2]
  const ring = [
    [west, south],
    [east, south],
    [east, north],
    [west, north],
    [west, south],
  ]
  return { type: 'Feature', id: `square-${i}`, properties: {}, geometry: { type: 'Polygon', coordinates: [ring] } }
}

function startFleet(platform: RunningPlatform, acknowledgedMs: number[]): Promise<Vehicle[]> {
  const port = Number(new URL(platform.mqttUrl).port)
  return Promise.all(
    Array.from({ length: Number(values.devices) }, async (_, i): Promise<Vehicle> => {
      const id = `bench-${i}`
      const connection = await openRawConnection(port, 'tcp')
      const password = await platform.token({ role: 'device', sub: id })
      await answer(connection, CONNACK, connect({ clientId: id, password, keepAlive: 0 }))
      const vehicle: Vehicle = {
        id,
        topic: buildTopic('location', { org: ORG, deviceId: id }),
        connection,
        heading: random() * 2 * Math.PI,
        lat: CENTRE.lat + (random() - 0.5) * extent,
        lng: CENTRE.lng + (random() - 0.5) * extent,
        timestamp: 0,
        packetId: 0,
        unanswered: [],
        sentAt: new Map(),
      }
      connection.heard = {
        onPublish: () => {},
        onOther: type => {
          if (type === PUBACK) acknowledgedMs.push(performance.now() - vehicle.unanswered.shift()!)
        },
      }
      return vehicle
    }),
  )
}

/** One dispatcher over WebSocket that reads all alerts of fences. */
async function watch(
  t: TestScope,
  platform: RunningPlatform,
  vehicles: readonly Vehicle[],
  alertsMs: number[],
): Promise<void> {
  const byId = new Map(vehicles.map(vehicle => [vehicle.id, vehicle]))
  const password = await platform.token({ role: 'dispatcher', sub: 'bench-watch' })
  const url = `${platform.httpUrl.replace('http', 'ws')}/mqtt`
  const client = await mqtt.connectAsync(url, { username: 'any', password, reconnectPeriod: 0 })
  t.after(() => void client.end(true))
  client.on('message', (_topic, payload) => {
    const { deviceId, timestamp } = JSON.parse(payload.toString()) as GeofenceEvent
    const sentAt = byId.get(deviceId)?.sentAt.get(timestamp)
    if (sentAt === undefined) throw new Error(`an alert of ${deviceId} at ${timestamp}, which it did not send`)
    alertsMs.push(performance.now() - sentAt)
  })
  await client.subscribeAsync(buildFilter('geofenceNotification', { org: ORG }), { qos: 1 })
}

/** As many fixes as the clock says are due, the devices in turn. */
function startDriving(vehicles: readonly Vehicle[]): { sent(): number; stop(): void } {
  const startedAt = performance.now()
  let sent = 0
  const timer = setInterval(() => {
    const due = ((performance.now() - startedAt) / 1_000) * rate
    for (; sent < due; sent += 1) send(vehicles[sent % vehicles.length]!)
  }, TICK_MS)
  return { sent: () => sent, stop: () => clearInterval(timer) }
}

function send(vehicle: Vehicle): void {
  const fix = drive(vehicle)
  vehicle.packetId = (vehicle.packetId % 65_535) + 1
  const now = performance.now()
  vehicle.unanswered.push(now)
  vehicle.sentAt.set(fix.timestamp, now)
  vehicle.connection.send(publish(2, vehicle.topic, vehicle.packetId, JSON.stringify(fix)))
}

/** Straight on; at the edge of the fences it comes in again at the other side, which is a crossing or none as any other. */
function drive(vehicle: Vehicle): LocationUpdate {
  const step = METERS_PER_FIX / METERS_PER_DEGREE
  vehicle.lat = within(vehicle.lat + Math.cos(vehicle.heading) * step, CENTRE.lat)
  vehicle.lng = within(vehicle.lng + Math.sin(vehicle.heading) * step, CENTRE.lng)
  vehicle.timestamp = Math.max(Date.now(), vehicle.timestamp + 1)
  const heading = (vehicle.heading * 180) / Math.PI
  return {
    timestamp: vehicle.timestamp,
    location: { lat: vehicle.lat, lng: vehicle.lng, accuracy: 5, speed: METERS_PER_FIX, heading },
    metadata: { battery: 80, network: 'lte' },
  }
}

function within(degrees: number, centre: number): number {
  const half = extent / 2
  return degrees > centre + half ? degrees - extent : degrees < centre - half ? degrees + extent : degrees
}

function percentileOf(valuesMs: readonly number[], share: number): number {
  const sorted = [...valuesMs].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

function percentiles(valuesMs: readonly number[]): string {
  return `p50 ${percentileOf(valuesMs, 0.5).toFixed(1)}, p99 ${percentileOf(valuesMs, 0.99).toFixed(1)}, maximum ${percentileOf(valuesMs, 1).toFixed(1)}`
}

function share(valuesMs: readonly number[]): string {
  return (percentileOf(valuesMs, 0.99) / LIMIT_P99_MS).toFixed(2)
}
