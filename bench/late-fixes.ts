/**
 * What a late fix costs: a track sent in random order, one fix a message, each waiting for its acknowledgement; then the same in order.
 *
 *   node dist/bench/late-fixes.js [--fixes 5000] [--seed 1] [--database pglite|postgres|both]
 */
import { Registry } from 'prom-client'
import { type Database, startIngest } from '../bridge/index.ts'
import type { FenceFeature, LocationUpdate } from '../contract/index.ts'
import { silent, withPglite, withPostgres } from '../test/support/databases.ts'
import { openScope } from '../test/support/scope.ts'
import { randomOf } from '../test/support/seeded-random.ts'
import { standingEvents } from '../test/support/standing.ts'
import { readOptions } from './load/read-options.ts'

const FENCES = 50
const DEGREE_METERS = 111_320

const values = readOptions('bench:late', {
  fixes: '5000',
  seed: '1',
  database: 'both',
})
const random = randomOf(Number(values.seed))

/** A drive through a few kilometres, a fix a second at 14 m/s. */
function drive(fixes: number): LocationUpdate[] {
  let [x, y, heading] = [2_500, 2_500, 0]
  const start = Date.now() - (fixes + 60) * 1_000
  return Array.from({ length: fixes }, (_, i) => {
    heading += (random() - 0.5) / 2
    x = Math.abs(x + Math.cos(heading) * 14) % 5_000
    y = Math.abs(y + Math.sin(heading) * 14) % 5_000
    return { timestamp: start + i * 1_000, location: { lat: y / DEGREE_METERS, lng: x / DEGREE_METERS, accuracy: 5 } }
  })
}

function circles(properties: object): FenceFeature[] {
  return Array.from({ length: FENCES }, (_, i) => ({
    type: 'Feature',
    id: `circle-${i}`,
    properties: { radius: 100 + random() * 300, ...properties },
    geometry: {
      type: 'Point',
      coordinates: [(random() * 5_000) / DEGREE_METERS, (random() * 5_000) / DEGREE_METERS],
    },
  }))
}

async function measure(db: Database, org: string, what: string, fences: FenceFeature[], fixes: LocationUpdate[]) {
  const ingest = await startIngest({ db, logger: silent, registry: new Registry(), retentionRawDays: 30 })
  await ingest.announce(async () => {})
  await ingest.importFences(org, fences)
  const latencies: number[] = []
  const started = performance.now()
  for (const fix of fixes) {
    const sent = performance.now()
    await ingest.fixes({ org, deviceId: 'truck', fixes: [fix], receivedAt: Date.now(), registers: true })
    latencies.push(performance.now() - sent)
  }
  const seconds = (performance.now() - started) / 1_000
  await ingest.close()
  latencies.sort((a, b) => a - b)
  const at = (share: number): string => latencies[Math.floor((latencies.length - 1) * share)]!.toFixed(1)
  const events = await standingEvents(db, org)
  console.log(
    `${db.kind} ${what}: ${((1_000 * seconds) / fixes.length).toFixed(2)} ms a fix, p50 ${at(0.5)} p99 ${at(0.99)} max ${at(1)}; ` +
      `${events.length} events stand`,
  )
  return events
}

async function run(db: Database): Promise<void> {
  const track = drive(Number(values.fixes))
  const shuffled = [...track].sort(() => random() - 0.5)
  for (const [name, properties] of [
    ['plain', {}],
    ['vehicle', { filter: 'vehicle', dwellSeconds: 60 }],
  ] as const) {
    const fences = circles(properties)
    const inOrder = await measure(db, `${name}-in-order`, `${name}, in order`, fences, track)
    const disorder = await measure(db, `${name}-disorder`, `${name}, random order`, fences, shuffled)
    console.log(inOrder.join() === disorder.join() ? 'the same events stand' : 'DIFFERENT EVENTS STAND')
  }
}

const scope = openScope()
try {
  if (values.database !== 'postgres') await run(await withPglite(scope))
  const server = values.database === 'pglite' ? undefined : await withPostgres(scope)
  if (server !== undefined) await run(server)
} finally {
  await scope.release()
}
