import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import fc from 'fast-check'
import type { Database } from '../../../bridge/index.ts'
import type { DeviceEvent, FenceFeature, LocationUpdate, RuleSettings } from '../../../contract/index.ts'
import { withPglite } from '../../support/databases.ts'
import { fixAt, START, withIngest } from '../../support/ingest.ts'
import { isLong } from '../../support/long.ts'
import { openScope, type TestScope } from '../../support/scope.ts'
import { consume, standingEvents, standingIds } from '../../support/standing.ts'

const scope = openScope()
let db: Database
before(async () => {
  db = await withPglite(scope)
})
test.after(() => scope.release())

let orgs = 0
const newOrg = (): string => `rules-${++orgs}`
/** A clock that stands still: nothing is due but by fixes. */
const now = (): number => START + 500_000
const OVERSPEED: RuleSettings = { overspeed: { limit: 20 } }
/** What flaps is news again at once, so that what is announced can be held against what stands. */
async function open(t: unknown, org: string) {
  const opened = await withIngest(t as TestScope, db, org, { now })
  await opened.ingest.setIncidentSettings(org, { cooldownSeconds: { overspeed: 0, 'off-route': 0 } })
  return opened
}
const organisation = (org: string) => ({ org, scope: 'organisation', subject: '' }) as const

const at = (second: number, speed: number): LocationUpdate =>
  fixAt(second, { lat: 0.5, lng: 0.5 + second / 1_000, speed })

async function shown(org: string): Promise<string[]> {
  const rows = await db.query<{ body: DeviceEvent }>('select body from events where org = $1 order by seq', [org])
  return rows.map(({ body }) => {
    const { event, phase, timestamp, late } = body
    return `${event} ${phase} ${(timestamp - START) / 1_000}${late === true ? ' late' : ''}`
  })
}

test('late fixes reveal an episode, and end one that was thought to go on', async t => {
  const org = newOrg()
  const { ingest, recorder, send } = await open(t, org)
  await ingest.setRules(organisation(org), OVERSPEED)
  await send('truck', at(0, 10), at(10, 25), at(100, 25), at(110, 10), at(120, 10))
  assert.deepEqual(await shown(org), ['overspeed begin 10', 'overspeed end 110'])
  await send('truck', at(20, 26), at(40, 12), at(41, 12))
  assert.deepEqual((await shown(org)).slice(2), ['overspeed correction 110', 'overspeed end 40 late'])
  await send('truck', at(90, 24))
  await ingest.close()
  assert.deepEqual((await shown(org)).slice(4), ['overspeed begin 90 late', 'overspeed end 110 late'])
  assert.deepEqual(consume(recorder.messages), await standingIds(db, org))
})

test('what rules said before they were changed stays, and counts anew from there', async t => {
  const org = newOrg()
  const { ingest, recorder, send } = await open(t, org)
  await send('truck', at(0, 25), at(10, 25), at(20, 25))
  await ingest.setRules(organisation(org), OVERSPEED)
  await send('truck', at(30, 10), at(40, 25), at(50, 25), at(60, 10), at(70, 10))
  await ingest.setRules(organisation(org), { overspeed: { limit: 5 } })
  // Late, before each of the changes: nothing is said of a time at which a rule was not so.
  await send('truck', at(5, 25), at(45, 1), at(46, 1))
  assert.deepEqual(await shown(org), ['overspeed begin 40', 'overspeed end 60'])
  await send('truck', at(80, 10), at(90, 10))
  await send('truck', at(75, 10))
  await ingest.close()
  assert.deepEqual(await shown(org), [
    'overspeed begin 40',
    'overspeed end 60',
    'overspeed begin 80',
    'overspeed correction 80',
    'overspeed begin 75 late',
  ])
  assert.deepEqual(consume(recorder.messages), await standingIds(db, org))
})

test('an episode whose rule is switched off has ended, whatever comes late', async t => {
  const org = newOrg()
  const { ingest, recorder, send } = await open(t, org)
  await ingest.setRules(organisation(org), OVERSPEED)
  await send('truck', at(0, 25), at(10, 25), at(20, 25))
  await ingest.setRules(organisation(org), null)
  await send('truck', at(40, 25), at(50, 25))
  await send('truck', at(45, 25), at(5, 10), at(6, 10))
  assert.deepEqual(await shown(org), ['overspeed begin 0', 'overspeed end 40'])
  await send('truck', at(30, 25))
  await ingest.close()
  assert.deepEqual((await shown(org)).slice(2), ['overspeed correction 40', 'overspeed end 30 late'])
  assert.deepEqual(consume(recorder.messages), await standingIds(db, org))
})

/** Its limit counts where no rule is set, or with the rule's. */
const TOWN: FenceFeature = {
  type: 'Feature',
  id: 'town',
  geometry: { type: 'Point', coordinates: [0.1, 0.1] },
  properties: { radius: 300, speedLimit: 6 },
}

const settings: fc.Arbitrary<RuleSettings> = fc.record(
  {
    overspeed: fc.record(
      { limit: fc.constantFrom(8, 15), minFixes: fc.constantFrom(1, 2, 3), minSeconds: fc.constantFrom(5, 30) },
      { requiredKeys: ['limit'] },
    ),
    idle: fc.record({ seconds: fc.constantFrom(10, 60) }),
    motion: fc.record({ distanceMeters: fc.constantFrom(50, 150), seconds: fc.constantFrom(20, 60) }),
    tow: fc.record({ distanceMeters: fc.constantFrom(50, 150), seconds: fc.constantFrom(20, 60) }),
    lowBattery: fc.record({ limit: fc.constantFrom(30, 50) }),
    offRoute: fc.constant({
      route: [
        [0.1, 0.1],
        [0.11, 0.1],
      ],
      bufferMeters: 60,
    }),
  },
  { requiredKeys: [] },
)

const maybe = <Value>(values: fc.Arbitrary<Value>) => fc.option(values, { nil: undefined })
const track: fc.Arbitrary<LocationUpdate[]> = fc
  .array(
    fc.record({
      seconds: fc.constantFrom(1, 5, 10, 10, 30, 120, 900),
      east: fc.integer({ min: -120, max: 120 }),
      north: fc.integer({ min: -60, max: 60 }),
      speed: maybe(fc.integer({ min: 0, max: 20 })),
      accuracy: maybe(fc.constantFrom(5, 100)),
      ignition: maybe(fc.boolean()),
      battery: maybe(fc.integer({ min: 0, max: 100 })),
    }),
    { minLength: 3, maxLength: 160, size: 'max' },
  )
  .map(legs => {
    let [lng, lat, second] = [0.1, 0.1, -100_000]
    return legs.map(({ seconds, east, north, speed, accuracy, ignition, battery }) => {
      second += seconds
      lng += east / 111_000
      lat += north / 111_000
      const told = { ...(speed !== undefined && { speed }), ...(accuracy !== undefined && { accuracy }) }
      return fixAt(
        second,
        { lat, lng, ...told },
        {
          ...(ignition !== undefined && { attributes: { ignition } }),
          ...(battery !== undefined && { metadata: { battery } }),
        },
      )
    })
  })

test('any order, repetition and batching gives the standing events of the track in order', async t => {
  const scenario = fc
    .tuple(settings, track)
    .chain(([rules, track]) =>
      fc.tuple(
        fc.constant(rules),
        fc.constant(track),
        fc.shuffledSubarray(track, { minLength: track.length }),
        fc.subarray(track),
        fc.integer({ min: 1, max: 30 }),
      ),
    )
  let compared = 0
  await fc.assert(
    fc.asyncProperty(scenario, async ([rules, track, shuffled, repeats, size]) => {
      const run = async (fixes: readonly LocationUpdate[], size: number) => {
        const org = newOrg()
        const { ingest, recorder, send } = await open(t, org)
        await ingest.putFence(org, TOWN)
        await ingest.setRules(organisation(org), rules)
        for (let start = 0; start < fixes.length; start += size) {
          await send('truck', ...fixes.slice(start, start + size))
        }
        await ingest.close()
        assert.deepEqual(consume(recorder.messages), await standingIds(db, org))
        // An episode's id is of its organisation, which these runs do not share.
        return (await standingEvents(db, org)).map(line => line.replace(/ep-\w+/, 'ep'))
      }
      const wanted = await run(track, track.length)
      assert.deepEqual(await run([...shuffled, ...repeats], size), wanted)
      compared += wanted.length
    }),
    {
      numRuns: Number(process.env.TRACKWIRE_TEST_RUNS ?? (isLong ? 30 : 6)),
      interruptAfterTimeLimit: 90_000,
      endOnFailure: process.env.TRACKWIRE_TEST_SHRINK === undefined,
    },
  )
  t.diagnostic(`${compared} standing events`)
  assert.ok(compared > 20, 'the tracks have something to say')
})
