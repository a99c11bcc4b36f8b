import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Database } from '../../bridge/index.ts'
import type { FenceFeature, GeofenceEvent, LocationUpdate } from '../../contract/index.ts'
import { withPglite, withPostgres } from '../support/databases.ts'
import { CITIES, type City, type CityTruth, loadCity, readLines, scoreCity } from '../support/geofence-truth.ts'
import { withIngest } from '../support/ingest.ts'
import { isLong } from '../support/long.ts'
import type { TestScope } from '../support/scope.ts'
import { randomOf } from '../support/seeded-random.ts'
import { consume, describeEvent, standingIds } from '../support/standing.ts'

const dataDir = process.env.TRACKWIRE_TEST_DATA
const skip = dataDir === undefined && 'TRACKWIRE_TEST_DATA does not say where the real traces are'
/** After every fix of the traces: nothing is due by the clock, nothing is of the future. */
const NOW = Date.UTC(2026, 0, 1)
const now = (): number => NOW
/** Fixes of a device that are sent, from its first on. A late fix is evaluated with all that follow it, so the time goes with its square. */
const MOST_FIXES = isLong ? 150 : 60
/** Of cities where a fix is in many fences one device is as much as two elsewhere. */
const DEVICES_OF: Readonly<Record<City, number>> = {
  'chicago-shuttle': 1,
  'porto-taxi': 2,
  'helsinki-phones': 2,
  'aracaju-gotrack': 2,
  'austin-buses': 1,
}
const UPLOADS_AT_ONCE = 10
/** Uploads of one kind and city that are compared. */
const MOST_UPLOADS = isLong ? Number.POSITIVE_INFINITY : 1

type Order = (fixes: readonly LocationUpdate[], random: () => number) => LocationUpdate[][]

const ORDERS: Readonly<Record<string, Order>> = {
  'one by one in random order, some twice': (fixes, random) =>
    shuffled([...fixes, ...fixes.filter(() => random() < 0.1)], random).map(fix => [fix]),
  'in reverse, in batches': fixes => batches([...fixes].reverse(), 100),
  'a backlog interleaved with live fixes': (fixes, random) => {
    const live = fixes.slice(fixes.length >> 1).map(fix => [fix])
    const backlog = batches(shuffled(fixes.slice(0, fixes.length >> 1), random), 50)
    return live.flatMap((message, i) => (i % 10 === 0 ? [message, ...backlog.splice(0, 1)] : [message])).concat(backlog)
  },
}

/** Noise settings on top of the fences as they are; the truth knows only crossings without them. */
const SETTINGS = { minFixes: 2, cross: true, dwellSeconds: 120, maxAccuracy: 100 }

for (const city of CITIES) {
  test(`${city} in any order: the standing events of the track in order, and PostGIS's truth`, { skip }, async t => {
    const db = await withPostgres(t)
    if (db === undefined) return
    const seed = Number(process.env.TRACKWIRE_TEST_SEED ?? Date.now() % 1_000_000)
    console.log(`${city}: seed ${seed}`)
    const truth = someOf(loadCity(dataDir!, city), DEVICES_OF[city])
    const strictly = truth.fences.map(fence => ({ ...fence, properties: { ...fence.properties, ...SETTINGS } }))
    const plain = await openOrg(t, db, `${city}-plain`, truth.fences)
    const strict = await openOrg(t, db, `${city}-strict`, strictly)
    const inOrder = await strict.deliver(messagesOf(truth, fixes => batches(fixes, 200), seed))
    assert.ok(inOrder.lines.length > 0)
    const delivered = await Promise.all(
      Object.entries(ORDERS).map(async ([name, order], i) => {
        const messages = messagesOf(truth, order, seed + i)
        const [{ stands }, { lines }] = await Promise.all([plain.deliver(messages), strict.deliver(messages)])
        return { name, stands, lines }
      }),
    )
    for (const { name, stands, lines } of delivered) {
      const { matched, missing, extra, samples } = scoreCity(truth, stands)
      assert.deepEqual({ missing, extra }, { missing: 0, extra: 0 }, `${name}: ${samples.join('\n')}`)
      assert.ok(matched > 0, 'some crossings were compared')
      assert.deepEqual(lines, inOrder.lines, name)
    }
    await plain.close()
    await strict.close()
  })
}

test('tricky uploads that come in disorder give the standing events of the track in order', { skip }, async t => {
  const db = await withPglite(t)
  const disorderly = new Set([
    'buffered-out-of-order',
    'interleaved-live-and-backlog',
    'reverse-order-batch',
    'batch-resent',
    'stale-repeat',
  ])
  const orgs = new Map<string, Awaited<ReturnType<typeof openOrg>>>()
  for (const city of CITIES) orgs.set(city, await openOrg(t, db, city, loadCity(dataDir!, city).fences))
  const uploads = readLines(`${dataDir}/tricky/derived-uploads.jsonl.gz`)
    .map(line => JSON.parse(line) as Recorded)
    .filter(recorded => disorderly.has(recorded.case))
    .filter(isOneOfTheFirst)
  for (const part of batches([...uploads.entries()], UPLOADS_AT_ONCE)) {
    await Promise.all(
      part.map(async ([i, recorded]) => {
        const sent = recorded.uploads.map(({ fixes }) =>
          fixes.map(({ t: timestamp, lat, lon }): LocationUpdate => ({ timestamp, location: { lat, lng: lon } })),
        )
        const first = new Map<number, LocationUpdate>()
        for (const fix of sent.flat()) if (!first.has(fix.timestamp)) first.set(fix.timestamp, fix)
        const track = [...first.values()].sort((a, b) => a.timestamp - b.timestamp)
        const org = orgs.get(recorded.source)!
        const [asSent, inOrder] = await Promise.all([
          org.deliver(new Map([[`truck-${i}`, sent]])),
          org.deliver(new Map([[`truck-${i}`, [track]]])),
        ])
        assert.deepEqual(asSent.lines, inOrder.lines, `${recorded.case} of ${recorded.device}`)
      }),
    )
  }
  for (const org of orgs.values()) await org.close()
  assert.ok(uploads.length >= disorderly.size * 3, `${uploads.length} uploads were compared`)
})

/** Of its kind and its city. */
function isOneOfTheFirst(recorded: Recorded, i: number, all: readonly Recorded[]): boolean {
  const before = all
    .slice(0, i)
    .filter(({ case: kind, source }) => kind === recorded.case && source === recorded.source)
  return before.length < MOST_UPLOADS
}

interface Recorded {
  readonly case: string
  readonly source: string
  readonly device: string
  readonly uploads: readonly { readonly fixes: readonly { t: number; lat: number; lon: number }[] }[]
}

/** The beginning of the tracks of the devices with the most crossings, and the truth about it. */
function someOf(truth: CityTruth, count: number): CityTruth {
  const crossings = (device: string): number => beginningOf(truth, device).transitions.length
  const devices = [...truth.tracks.keys()].sort((a, b) => crossings(b) - crossings(a)).slice(0, count)
  const parts = devices.map(device => ({ device, ...beginningOf(truth, device) }))
  return {
    ...truth,
    tracks: new Map(parts.map(({ device, fixes }) => [device, fixes])),
    transitions: parts.flatMap(({ transitions }) => transitions),
  }
}

function beginningOf(truth: CityTruth, device: string) {
  const fixes = truth.tracks.get(device)!.slice(0, MOST_FIXES)
  const end = fixes.at(-1)!.timestamp
  return {
    fixes,
    transitions: truth.transitions.filter(of => of.device === device && of.timestamp <= end),
  }
}

type Messages = ReadonlyMap<string, readonly (readonly LocationUpdate[])[]>

function messagesOf(truth: CityTruth, order: Order, seed: number): Messages {
  const random = randomOf(seed)
  const messages = new Map<string, LocationUpdate[][]>()
  for (const [device, fixes] of truth.tracks) {
    // Of several rows of one time the first is the fix, in whatever order they are sent.
    const first = fixes.filter((fix, i) => fix.timestamp !== fixes[i - 1]?.timestamp)
    const sent = first.map(({ timestamp, location }) => ({ timestamp, location }))
    messages.set(device, order(sent, random))
  }
  return messages
}

/** An organisation with these fences. Each delivery is made by devices of its own; its events bear the names that were given. */
async function openOrg(t: TestScope, db: Database, org: string, fences: readonly FenceFeature[]) {
  const { ingest, recorder, send } = await withIngest(t, db, org, { now })
  await ingest.importFences(org, fences)
  let deliveries = 0
  return {
    async deliver(messages: Messages): Promise<{ lines: string[]; stands: GeofenceEvent[] }> {
      const suffix = `-d${++deliveries}`
      await Promise.all(
        [...messages].map(async ([device, batches]) => {
          for (const batch of batches) await send(`${device}${suffix}`, ...batch)
        }),
      )
      const stands = (await standing(db, org)).filter(({ deviceId }) => deviceId.endsWith(suffix))
      const renamed = stands.map(event => ({ ...event, deviceId: event.deviceId.slice(0, -suffix.length) }))
      return { lines: renamed.map(describeEvent).sort(), stands: renamed }
    },
    async close(): Promise<void> {
      await ingest.close()
      assert.deepEqual(
        consume(recorder.messages, org),
        await standingIds(db, org),
        'announced less retracted is what stands',
      )
    },
  }
}

/** What stands and was given by fixes, not by the clock alone. */
async function standing(db: Database, org: string): Promise<GeofenceEvent[]> {
  const rows = await db.query<{ body: GeofenceEvent }>(
    `select body from events e where org = $1 and retracted_at is null and retracts is null and not exists (
       select 1 from device_state s cross join lateral json_array_elements(s.provisional) p
       where s.org = e.org and s.device_id = e.device_id and p->>'baseId' = e.base_id)`,
    [org],
  )
  return rows.map(({ body }) => body)
}

function batches<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size))
}

function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  const rest = [...items]
  for (let i = rest.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[rest[i], rest[j]] = [rest[j]!, rest[i]!]
  }
  return rest
}
