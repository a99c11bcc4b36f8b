import assert from 'node:assert/strict'
import { describe } from 'node:test'
import fc from 'fast-check'
import type { Database, OutgoingMessage } from '../../bridge/index.ts'
import { canonicalJson } from '../../bridge/ingest/canonical-json.ts'
import { buildTopic, type FenceFeature, type GeofenceEvent, type LocationUpdate } from '../../contract/index.ts'
import type { Decision } from '../../geofence-engine/index.ts'
import { onDatabase } from '../support/database-suite.ts'
import { FENCE, fixAt, INSIDE, OUTSIDE, Recorder, START, shortGeofence, withIngest } from '../support/ingest.ts'
import { isLong } from '../support/long.ts'
import type { TestScope } from '../support/scope.ts'
import { confirmedEvents, consume, standingEvents, standingIds } from '../support/standing.ts'

/** Tracks of a run of the property test; `TRACKWIRE_TEST_RUNS` asks for more. */
const RUNS = Number(process.env.TRACKWIRE_TEST_RUNS ?? (isLong ? 30 : 6))
/** A clock that stands still after every fix: nothing is due but by fixes. */
const NOW = START + 500_000
const now = (): number => NOW

/** One message of a device, or a node that dies after its commits, with what it had not announced. */
export type Step = { readonly send: readonly LocationUpdate[] } | 'crash' | 'restart'

/**
 * Sends fixes of one device in this order to one node after the other.
 * @returns everything announced, in order
 */
export async function deliver(
  t: TestScope,
  db: Database,
  org: string,
  fences: readonly FenceFeature[],
  steps: readonly Step[],
): Promise<OutgoingMessage[]> {
  const recorder = new Recorder()
  const startNode = (announces: boolean) => withIngest(t, db, org, { now, announces, recorder })
  // A node that is to crash never announces: what it commits is found by the next one.
  const announcesUntil = (from: number): boolean => steps.slice(from).find(step => typeof step === 'string') !== 'crash'
  let node = await startNode(announcesUntil(0))
  if (fences.length > 0) await node.ingest.importFences(org, fences)
  for (const [i, step] of steps.entries()) {
    if (typeof step === 'string') {
      await node.ingest.close()
      node = await startNode(announcesUntil(i + 1))
    } else await node.send('truck', ...step.send)
  }
  await node.ingest.close()
  return recorder.messages
}

/** Late fixes, corrections and restarts, whatever database is below. */
export function eventTimeSuite(name: string, openDatabase: (t: TestScope) => Promise<Database | undefined>): void {
  describe(`event time on ${name}`, async () => {
    let db: Database
    const {
      it,
      newOrg,
      org: latestOrg,
    } = onDatabase(name, openDatabase, {
      orgs: 'time',
      use: opened => {
        db = opened
      },
    })

    const notified = (messages: readonly OutgoingMessage[]): string[] =>
      messages
        .filter(({ topic }) => topic.startsWith(`${latestOrg()}/notifications/`))
        .map(({ payload }) => {
          const event = JSON.parse(payload) as GeofenceEvent
          const of = event.retractedEvent === undefined ? '' : ` of ${event.retractedEvent}`
          return `${shortGeofence(event)}${of}${event.late ? ' late' : ''}`
        })

    it('a late fix that contradicts an event takes it back by name, and its own take its place', async (t, org) => {
      const messages = await deliver(
        t,
        db,
        org,
        [FENCE],
        [{ send: [fixAt(1, OUTSIDE)] }, { send: [fixAt(10, INSIDE)] }, { send: [fixAt(5, INSIDE)] }],
      )
      assert.deepEqual(notified(messages), ['enter 10', 'correction 10 of enter', 'enter 5 late'])
      const [enter, correction] = messages
        .filter(({ topic }) => topic.includes('/notifications/'))
        .map(({ payload }) => JSON.parse(payload) as GeofenceEvent)
      assert.equal(correction!.retracts, enter!.id)
      const topic = buildTopic('geofenceNotification', { org, event: 'correction', deviceId: 'truck' })
      assert.ok(messages.some(message => message.topic === topic))
    })

    it('an event that comes back has an id of its own', async (t, org) => {
      const slow = { ...FENCE, properties: { minFixes: 2 } }
      const messages = await deliver(
        t,
        db,
        org,
        [slow],
        [
          { send: [fixAt(1, OUTSIDE), fixAt(10, INSIDE), fixAt(20, INSIDE)] },
          // Not twice in a row any more.
          { send: [fixAt(15, OUTSIDE)] },
          // Twice again, before it.
          { send: [fixAt(12, INSIDE)] },
        ],
      )
      assert.deepEqual(notified(messages), ['enter 10', 'correction 10 of enter', 'enter 10 late'])
      assert.deepEqual(consume(messages, org), await standingIds(db, org))
      const [id] = await standingIds(db, org)
      assert.match(id!, /\.r1$/)
    })

    it('amends a detail silently', async (t, org) => {
      const messages = await deliver(
        t,
        db,
        org,
        [FENCE],
        [{ send: [fixAt(10, INSIDE)] }, { send: [fixAt(5, OUTSIDE)] }],
      )
      assert.deepEqual(notified(messages), ['enter 10 initial'])
      const [row] = await db.query<{ body: GeofenceEvent }>('select body from events where org = $1', [org])
      assert.equal(row!.body.initial, undefined)
    })

    it('of two fixes of one time the first to arrive counts', async (t, org) => {
      const messages = await deliver(
        t,
        db,
        org,
        [FENCE],
        [
          { send: [fixAt(1, OUTSIDE), fixAt(5, OUTSIDE), fixAt(9, OUTSIDE)] },
          { send: [fixAt(5, INSIDE), fixAt(1, INSIDE)] },
        ],
      )
      assert.deepEqual(notified(messages), [])
    })

    it('what came of a fence before it was changed or deleted stays', async (t, org) => {
      const { ingest, recorder, send } = await withIngest(t, db, org, { now })
      await ingest.importFences(org, [FENCE, { ...FENCE, id: 'twin' }])
      await send('truck', fixAt(1, OUTSIDE), fixAt(10, INSIDE), fixAt(20, OUTSIDE))
      const before = await standingEvents(db, org)
      assert.equal(before.length, 4)
      await ingest.putFence(org, { ...FENCE, properties: { name: 'Renamed' } })
      await ingest.deleteFence(org, 'twin')
      await send('truck', fixAt(5, INSIDE), fixAt(15, OUTSIDE))
      assert.deepEqual(await standingEvents(db, org), before, 'settled')
      await send('truck', fixAt(40, OUTSIDE))
      await send('truck', fixAt(30, INSIDE))
      await ingest.close()
      const later = (await standingEvents(db, org)).filter(line => !before.includes(line))
      assert.deepEqual(
        later.map(line => line.split(' ').slice(1, 3).join(' ')),
        [`${START + 30_000} enter`, `${START + 40_000} exit`],
        'after the change the fence counts, for late fixes too',
      )
      assert.deepEqual(consume(recorder.messages, org), await standingIds(db, org))
    })

    it('a fence that was made around a device counts from there, also when fixes before it come late', async (t, org) => {
      const { ingest, recorder, send } = await withIngest(t, db, org, { now })
      await send('truck', fixAt(1, OUTSIDE), fixAt(10, INSIDE))
      await ingest.putFence(org, FENCE)
      await send('truck', fixAt(20, INSIDE), fixAt(30, OUTSIDE))
      await send('truck', fixAt(5, OUTSIDE), fixAt(15, OUTSIDE))
      await ingest.close()
      const stands = await standingEvents(db, org)
      assert.deepEqual(
        stands.map(line => line.split(' ').slice(1, 3).join(' ')),
        [`${START + 10_000} enter`, `${START + 15_000} exit`, `${START + 20_000} enter`, `${START + 30_000} exit`],
      )
      assert.deepEqual(consume(recorder.messages, org), await standingIds(db, org))
    })

    it('two nodes that get parts of one track at once agree with the track in order', async (t, org) => {
      const track = Array.from({ length: 90 }, (_, i) => fixAt(i, i % 7 < 3 ? INSIDE : OUTSIDE))
      await deliver(t, db, org, [FENCE], [{ send: track }])
      const other = newOrg()
      await deliver(t, db, other, [FENCE], [])
      const nodes = [await withIngest(t, db, other, { now }), await withIngest(t, db, other, { now })]
      for (let round = 0; round < 10; round++) {
        // Every tenth fix each time, to both nodes at once and in opposite order.
        const part = track.filter((_, i) => i % 10 === (round * 7) % 10)
        await Promise.all([
          nodes[0]!.send('truck', ...part),
          nodes[1]!.send('truck', ...[...part].reverse().slice(0, 5)),
        ])
      }
      for (const { ingest } of nodes) await ingest.close()
      assert.deepEqual(await standingEvents(db, other), await standingEvents(db, org))
    })

    it('any order, repetition and batching, with crashes in between, gives the standing events of the track in order', async t => {
      const seed = Number(process.env.TRACKWIRE_TEST_SEED ?? Date.now() % 1_000_000_000)
      console.log(`event time on ${name}: seed ${seed}`)
      await fc.assert(
        fc.asyncProperty(scenario, async ({ fences, track, steps }) => {
          const [inOrder, shuffled] = [newOrg(), newOrg()]
          consume(await deliver(t as unknown as TestScope, db, inOrder, fences, [{ send: track }]), inOrder)
          const messages = await deliver(t as unknown as TestScope, db, shuffled, fences, steps)
          assert.deepEqual(await confirmedEvents(db, shuffled), await confirmedEvents(db, inOrder))
          assert.deepEqual(
            consume(messages, shuffled),
            await standingIds(db, shuffled),
            'announced less retracted is what stands',
          )
          assert.deepEqual(await reasons(db, shuffled), await reasons(db, inOrder))
          assert.deepEqual(await db.query('select 1 from outbox where topic like $1', [`${shuffled}/%`]), [])
        }),
        {
          numRuns: RUNS,
          seed,
          interruptAfterTimeLimit: 120_000,
          markInterruptAsFailure: false,
          endOnFailure: process.env.TRACKWIRE_TEST_SHRINK === undefined,
        },
      )
    })
  })
}

/** Why fixes gave an event or none; the ids of events depend on the organisation. */
async function reasons(db: Database, org: string): Promise<string[]> {
  const rows = await db.query<{ body: Decision }>(
    'select body from decisions where org = $1 and cause_time is not null',
    [org],
  )
  return rows.map(({ body: { eventId: _, ...body } }) => canonicalJson(body)).sort()
}

const setting = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })

/** A fence of about the size of a few steps of the walk, with any settings that events may depend on. */
const fenceProperties = fc
  .record({
    minFixes: setting(fc.integer({ min: 1, max: 4 })),
    minSeconds: setting(fc.integer({ min: 0, max: 60 })),
    marginMeters: setting(fc.integer({ min: 0, max: 30 })),
    maxAccuracy: setting(fc.constant(40)),
    useAccuracy: setting(fc.boolean()),
    maxSpeed: setting(fc.integer({ min: 20, max: 60 })),
    filter: setting(fc.constantFrom('vehicle' as const, 'person' as const, 'none' as const)),
    cross: setting(fc.boolean()),
    dwellSeconds: setting(fc.integer({ min: 5, max: 90 })),
    repeatSeconds: setting(fc.integer({ min: 10, max: 60 })),
    maxStaySeconds: setting(fc.integer({ min: 30, max: 200 })),
  })
  .map(
    // What repeats has to have been announced first.
    ({ repeatSeconds, ...rest }) => (rest.dwellSeconds === undefined ? rest : { ...rest, repeatSeconds }),
  )
  .map(
    properties => Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined)) as object,
  )

const METERS = 1 / 111_320

const fence = (id: string) =>
  fc
    .record({
      x: fc.integer({ min: 0, max: 10 }),
      y: fc.integer({ min: 0, max: 10 }),
      radius: fc.integer({ min: 40, max: 400 }),
    })
    .chain(({ x, y, radius }) =>
      fenceProperties.map(
        (properties): FenceFeature => ({
          type: 'Feature',
          id,
          geometry: { type: 'Point', coordinates: [x * 100 * METERS + 0.1, y * 100 * METERS + 0.1] },
          properties: { radius, ...properties },
        }),
      ),
    )

/** A walk with pauses, jumps and fixes of any accuracy; times grow, by seconds or minutes. */
const walk = fc
  .array(
    fc.record({
      seconds: fc.oneof(
        { weight: 8, arbitrary: fc.integer({ min: 1, max: 10 }) },
        { weight: 1, arbitrary: fc.integer({ min: 11, max: 60 }) },
      ),
      dx: fc.integer({ min: -60, max: 60 }),
      dy: fc.integer({ min: -60, max: 60 }),
      jump: fc.integer({ min: 0, max: 30 }),
      accuracy: setting(fc.constantFrom(5, 20, 50, 200)),
      ignition: setting(fc.boolean()),
    }),
    { minLength: 3, maxLength: 260, size: 'max' },
  )
  .map(legs => {
    let [x, y, second] = [500, 500, 0]
    return legs.map(({ seconds, dx, dy, jump, accuracy, ignition }): LocationUpdate => {
      const factor = jump === 0 ? 8 : 1
      x = Math.min(1_000, Math.max(0, x + dx * factor))
      y = Math.min(1_000, Math.max(0, y + dy * factor))
      second += seconds
      return {
        // Long before now, whatever the length of the walk.
        timestamp: START - 7_200_000 + second * 1_000,
        location: {
          lng: x * METERS + 0.1,
          lat: y * METERS + 0.1,
          ...(accuracy !== undefined && { accuracy }),
        },
        ...(ignition !== undefined && { attributes: { ignition } }),
      }
    })
  })

const scenario = fc
  .record({ fences: fc.tuple(fence('a'), fence('b'), fence('c'), fence('d')), track: walk })
  .chain(({ fences, track }) =>
    fc
      .record({
        order: fc.oneof(
          fc.shuffledSubarray(track, { minLength: track.length }),
          fc.constant([...track].reverse()),
          // A backlog between live fixes.
          fc
            .integer({ min: 1, max: 5 })
            .map(every => [
              ...track.filter((_, i) => i % (every + 1) === 0),
              ...track.filter((_, i) => i % (every + 1) !== 0),
            ]),
        ),
        repeats: fc.subarray(track),
        sizes: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 }),
        breaks: fc.array(fc.tuple(fc.nat(), fc.constantFrom('crash' as const, 'restart' as const)), { maxLength: 3 }),
      })
      .map(({ order, repeats, sizes, breaks }) => {
        const all = [...order, ...repeats]
        const steps: Step[] = []
        for (let start = 0, n = 0; start < all.length; n++) {
          const size = sizes[n % sizes.length]!
          steps.push({ send: all.slice(start, start + size) })
          start += size
        }
        for (const [at, kind] of breaks) steps.splice(at % (steps.length + 1), 0, kind)
        return { fences, track, steps }
      }),
  )
