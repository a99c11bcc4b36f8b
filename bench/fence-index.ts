/*
 * The fence index on real fences and real tracks of Chicago, one core. What 10,000 fences cost is measured by engine.ts.
 *   TRACKWIRE_TEST_DATA=… node dist/bench/fence-index.js [seed]
 * The ratios are what to read: they hold from one machine to another, the rates do not.
 */
import { emptyState, evaluateFix, FenceIndex, readFence, unchanging } from '../geofence-engine/index.ts'
import { loadCity } from '../test/support/geofence-truth.ts'
import { randomOf } from '../test/support/seeded-random.ts'

const dataDir = process.env.TRACKWIRE_TEST_DATA
if (dataDir === undefined)
  throw new Error('set TRACKWIRE_TEST_DATA to the folder with traces/, fences/ and geofence-truth/')
const seed = Number(process.argv[2] ?? 1)

const { fences, tracks } = loadCity(dataDir, 'chicago-shuttle')
const fixes = [...tracks.values()].flat()
const vertices = fences.reduce((sum, { geometry }) => sum + (geometry.coordinates as number[]).flat(3).length / 2, 0)
console.log(
  `${fences.length} fences, ${vertices} vertices, ${fixes.length} fixes, seed ${seed}, Node ${process.version}`,
)

const index = new FenceIndex()
report('compile and index the fences', fences.length, () => {
  for (const fence of fences) index.put(fence)
})
report('check the fences (readFence)', fences.length, () => {
  for (const fence of fences) readFence(fence)
})

const indexed = report('fixes, index', fixes.length, () => {
  let hits = 0
  for (const { location } of fixes) hits += index.covering(location.lng, location.lat).length
  return hits
})
const some = sample(fixes, 5_000)
const brute = report('fixes, every fence tested', some.length, () => {
  let hits = 0
  for (const { location } of some)
    for (const fence of index.all()) hits += fence.covers(location.lng, location.lat) ? 1 : 0
  return hits
})
console.log(`index : every fence = ${(indexed / brute).toFixed(1)} : 1`)

report('fixes, all rules (evaluateFix)', fixes.length, () => {
  let events = 0
  for (const [deviceId, track] of tracks) {
    let state = emptyState()
    for (const fix of track) {
      const result = evaluateFix(unchanging({ org: 'bench', deviceId, groups: [] }, index), state, fix)
      state = result.state
      events += result.events.length
    }
  }
  return events
})

/** Runs it twice and reports the second time, in operations per second of CPU, so that a busy machine matters less. */
function report(name: string, operations: number, work: () => unknown): number {
  work()
  const start = process.cpuUsage()
  const result = work()
  const { user, system } = process.cpuUsage(start)
  const perSecond = (operations * 1_000_000) / (user + system)
  console.log(`${name.padEnd(40)} ${Math.round(perSecond).toLocaleString('en').padStart(12)}/s   ${result ?? ''}`)
  return perSecond
}

function sample<T>(items: readonly T[], count: number): T[] {
  const pick = randomOf(seed)
  return [...Array(count)].map(() => items[Math.floor(pick() * items.length)]!)
}
