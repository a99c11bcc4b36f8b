/*
 * The engine alone, in one thread, among 10,000 polygon fences of 30 to 200 vertices, against naive Turf over all fences and
 * against an R-tree with Turf behind it, in the same run; what a change of one fence costs; how much memory devices take.
 *   node --expose-gc dist/bench/engine.js [seed]
 * Every way counts the same crossings of the same fixes, and the run fails if they do not agree. The ratios are what to read.
 */
import { booleanPointInPolygon } from '@turf/boolean-point-in-polygon'
import RBush from 'rbush'
import type { FenceFeature, FenceProperties, RuleSettings } from '../contract/index.ts'
import {
  type DeviceState,
  emptyState,
  evaluateFix,
  FenceIndex,
  type Fix,
  readFence,
  unchanging,
} from '../geofence-engine/index.ts'
import { randomOf } from '../test/support/seeded-random.ts'

const FENCES = 10_000
const DEVICES = 1_000
const STEPS = 200
/** Naive Turf does about fifty fixes a second. */
const NAIVE_FIXES = 200
const RTREE_FIXES = 50_000
const ROUNDS = 3
const MEMORY_DEVICES = 100_000
/** A country of 4° by 4°, in which each position lies in about one fence. */
const WEST = 22
const SOUTH = 60
const SIDE = 4
const START = Date.UTC(2026, 0, 1)

const seed = Number(process.argv[2] ?? 1)
const random = randomOf(seed)

const features = Array.from({ length: FENCES }, (_, i) => readFence(wobblyPolygon(`f${i}`)))
const vertices = features.reduce((sum, { geometry }) => sum + (geometry.coordinates as number[][][])[0]!.length - 1, 0)
const tracks = new Map(Array.from({ length: DEVICES }, (_, i) => [`d${i}`, drive()]))
/** Interleaved, as they arrive. */
const fixes: [deviceId: string, fix: Fix][] = []
for (let step = 0; step < STEPS; step++) {
  for (const [deviceId, track] of tracks) fixes.push([deviceId, track[step]!])
}
console.log(
  `${FENCES} polygons with ${vertices} vertices, ${DEVICES} devices, ${fixes.length} fixes, seed ${seed}, Node ${process.version}`,
)

const index = new FenceIndex()
const building = seconds(() => {
  for (const feature of features) index.put(feature)
})
console.log(`index of all fences built one by one in ${(building * 1_000).toFixed(0)} ms`)

compareWays()
changeFences()
measureMemory()

function compareWays(): void {
  const tree = new RBush<{ minX: number; minY: number; maxX: number; maxY: number; feature: FenceFeature }>()
  tree.load(features.map(feature => ({ ...extentOf(feature), feature })))
  const naive = ({ lng, lat }: Fix['location']) => features.filter(feature => contains(feature, lng, lat))
  const rtree = ({ lng, lat }: Fix['location']) =>
    tree
      .search({ minX: lng, minY: lat, maxX: lng, maxY: lat })
      .flatMap(entry => (contains(entry.feature, lng, lat) ? [entry.feature] : []))
  const covering = ({ lng, lat }: Fix['location']) => index.covering(lng, lat).map(({ feature }) => feature)
  const ways = {
    naive: { name: 'Turf over all fences', fixes: NAIVE_FIXES, run: () => byContainment(NAIVE_FIXES, naive) },
    rtree: { name: 'R-tree, then Turf', fixes: RTREE_FIXES, run: () => byContainment(RTREE_FIXES, rtree) },
    index: { name: 'FenceIndex.covering', fixes: RTREE_FIXES, run: () => byContainment(RTREE_FIXES, covering) },
    engine: { name: 'evaluateFix, all of it', fixes: fixes.length, run: () => byEngine(fixes.length) },
  }
  const [few, some] = [byEngine(NAIVE_FIXES), byEngine(RTREE_FIXES)]
  const rates = { naive: [] as number[], rtree: [] as number[], index: [] as number[], engine: [] as number[] }
  // In turn, so that a busy moment of the machine meets all of them; the first round only warms up.
  for (let round = 0; round <= ROUNDS; round++) {
    for (const way of ['naive', 'rtree', 'index', 'engine'] as const) {
      let crossings = 0
      const took = seconds(() => {
        crossings = ways[way].run()
      })
      if (way !== 'engine' && crossings !== (way === 'naive' ? few : some)) {
        throw new Error(`${ways[way].name} counts ${crossings} crossings, the engine ${way === 'naive' ? few : some}`)
      }
      if (round > 0) rates[way].push(ways[way].fixes / took)
    }
  }
  console.log(`\nfixes a second of CPU, median of ${ROUNDS}; crossings agree on the same fixes`)
  const base = median(rates.naive)
  for (const way of ['naive', 'rtree', 'index', 'engine'] as const) {
    const rate = median(rates[way])
    console.log(`  ${ways[way].name.padEnd(24)} ${show(rate).padStart(10)}/s   ${show(rate / base).padStart(7)} : 1`)
  }
  const against = (way: 'index' | 'engine') => (median(rates[way]) / median(rates.rtree)).toFixed(1)
  console.log(`  against R-tree and Turf: the index ${against('index')} : 1, evaluateFix ${against('engine')} : 1`)
}

/** How many crossings a way of telling which fences hold a position finds in the first fixes. */
function byContainment(count: number, holding: (location: Fix['location']) => FenceFeature[]): number {
  const inside = new Map<string, Set<string>>()
  let crossings = 0
  for (const [deviceId, { location }] of fixes.slice(0, count)) {
    const before = inside.get(deviceId)
    const now = new Set(holding(location).map(({ id }) => id))
    for (const id of now) if (before?.has(id) !== true) crossings += 1
    for (const id of before ?? []) if (!now.has(id)) crossings += 1
    inside.set(deviceId, now)
  }
  return crossings
}

function byEngine(count: number): number {
  const states = new Map<string, DeviceState>()
  let crossings = 0
  for (const [deviceId, fix] of fixes.slice(0, count)) {
    const surroundings = unchanging({ org: 'bench', deviceId, groups: [] }, index)
    const { state, events } = evaluateFix(surroundings, states.get(deviceId) ?? emptyState(), fix)
    states.set(deviceId, state)
    crossings += events.length
  }
  return crossings
}

function changeFences(): void {
  console.log('\nchanging one fence among 10,000, microseconds: median of 2,000, and CPU a change over all of them')
  const others = Array.from({ length: 2_000 }, (_, i) => readFence(wobblyPolygon(`n${i}`)))
  report('add', others, other => index.put(other))
  report('remove', others, other => index.remove(other.id))
  report('replace', features.slice(0, 2_000), feature => index.put(feature))
  const texts = others.map(other => JSON.stringify(other))
  report('check and add', texts, text => index.put(readFence(JSON.parse(text))))
  for (const other of others) index.remove(other.id)
}

function report<Item>(name: string, items: readonly Item[], work: (item: Item) => void): void {
  const took: number[] = []
  const cpu = seconds(() => {
    for (const item of items) {
      const start = performance.now()
      work(item)
      took.push((performance.now() - start) * 1_000)
    }
  })
  const each = (cpu / items.length) * 1e6
  console.log(`  ${name.padEnd(24)} ${median(took).toFixed(0).padStart(6)}   ${each.toFixed(0).padStart(6)}`)
}

function measureMemory(): void {
  if (globalThis.gc === undefined) {
    console.log('\nmemory of devices: run with --expose-gc')
    return
  }
  console.log(`\nstate of ${MEMORY_DEVICES} devices in memory, bytes a device on the heap, and as JSON`)
  const around = { type: 'Polygon', coordinates: [ringOf(WEST + SIDE / 2, SOUTH + SIDE / 2, SIDE, 60)] }
  const fence = (properties: FenceProperties) => readFence({ type: 'Feature', id: 'all', geometry: around, properties })
  const rules: RuleSettings = { overspeed: { limit: 10 }, motion: {} }
  const kinds: [name: string, fence: FenceFeature | null, rules: RuleSettings][] = [
    ['outside all fences', null, {}],
    ['inside one', fence({}), {}],
    ['inside one, filter vehicle', fence({ filter: 'vehicle' }), {}],
    ['inside one with dwell', fence({ dwellSeconds: 60, maxStaySeconds: 600 }), {}],
    ['inside one, rules', fence({}), rules],
  ]
  for (const [name, feature, settings] of kinds) {
    const { bytes, json } = bytesPerDevice(feature, settings)
    console.log(`  ${name.padEnd(28)} ${bytes.toFixed(0).padStart(6)}   ${String(json).padStart(6)}`)
  }
}

/** In a function of its own, so that what one kind took is garbage when the next one is measured. */
function bytesPerDevice(feature: FenceFeature | null, settings: RuleSettings): { bytes: number; json: number } {
  const fences = new FenceIndex()
  if (feature !== null) fences.put(feature)
  const states: DeviceState[] = []
  globalThis.gc!()
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < MEMORY_DEVICES; i++) {
    const surroundings = unchanging({ org: 'bench', deviceId: `m${i}`, groups: [] }, fences, settings)
    let state = emptyState()
    for (let step = 0; step < 5; step++) state = evaluateFix(surroundings, state, roaming(step)).state
    // As it comes back from the database.
    states.push(JSON.parse(JSON.stringify(state)))
  }
  globalThis.gc!()
  const bytes = (process.memoryUsage().heapUsed - before) / states.length
  return { bytes, json: JSON.stringify(states[0]).length }
}

/** A star-shaped polygon of 30 to 200 vertices, 300 m to 3 km in radius: a border as towns have them. */
function wobblyPolygon(id: string): object {
  const count = 30 + Math.floor(random() * 171)
  const ring = ringOf(WEST + random() * SIDE, SOUTH + random() * SIDE, 0.003 + random() * 0.027, count)
  return { type: 'Feature', id, geometry: { type: 'Polygon', coordinates: [ring] }, properties: {} }
}

function ringOf(lng: number, lat: number, radius: number, count: number): [number, number][] {
  const ring = Array.from({ length: count }, (_, i): [number, number] => {
    const angle = (i / count) * 2 * Math.PI
    const reach = radius * (0.75 + 0.25 * random())
    return [lng + (reach * Math.cos(angle)) / Math.cos((lat * Math.PI) / 180), lat + reach * Math.sin(angle)]
  })
  return [...ring, ring[0]!]
}

/** A device at 5 to 30 m/s that turns a little with each of its fixes, 10 s apart, and stays in the country. */
function drive(): Fix[] {
  let [lng, lat, heading] = [WEST + random() * SIDE, SOUTH + random() * SIDE, random() * 2 * Math.PI]
  const speed = 5 + random() * 25
  return Array.from({ length: STEPS }, (_, step) => {
    heading += (random() - 0.5) * 0.6
    const meters = speed * 10
    lat = SOUTH + wrap(lat + (meters * Math.cos(heading)) / 111_000 - SOUTH, SIDE)
    lng = WEST + wrap(lng + (meters * Math.sin(heading)) / (111_000 * Math.cos((lat * Math.PI) / 180)) - WEST, SIDE)
    return { timestamp: START + step * 10_000, location: { lat, lng, accuracy: 5, speed } }
  })
}

function roaming(step: number): Fix {
  const location = {
    lat: SOUTH + 2 + random() / 10,
    lng: WEST + 2 + random() / 10,
    accuracy: 5,
    speed: 12,
    heading: 90,
  }
  return { timestamp: START + step * 60_000, location, battery: 80, ignition: true }
}

function wrap(value: number, side: number): number {
  return ((value % side) + side) % side
}

function contains({ geometry }: FenceFeature, lng: number, lat: number): boolean {
  return booleanPointInPolygon([lng, lat], geometry as Parameters<typeof booleanPointInPolygon>[1])
}

function extentOf({ geometry }: FenceFeature): { minX: number; minY: number; maxX: number; maxY: number } {
  const ring = (geometry.coordinates as number[][][])[0]!
  const [xs, ys] = [ring.map(([x]) => x!), ring.map(([, y]) => y!)]
  return { minX: Math.min(...xs), minY: Math.min(...ys), maxX: Math.max(...xs), maxY: Math.max(...ys) }
}

/** Of CPU, so that a busy machine matters less. */
function seconds(work: () => void): number {
  const start = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1e6
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!
}

function show(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(1)
}
