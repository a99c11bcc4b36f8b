import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { FenceFeature, GeofenceEvent, Location } from '../../contract/index.ts'
import { type Fix, readFence } from '../../geofence-engine/index.ts'

/*
 * Real traces and, computed by PostGIS and not by us, which fences hold each of their fixes.
 *
 * The truth knows every row of a trace by its number. The contract knows fixes by device and timestamp: a second row of the same
 * device and time is a repeated fix and changes nothing (contract §4 rule 4), also when its position differs. One city has
 * such rows (Aracaju: 2,998 of 12,642, of which 982 are somewhere else than the first), so the crossings to expect are worked out
 * here, from the truth's fences per row, over the first row of each time. Where no time occurs twice this gives exactly
 * the crossings that were published with the truth; a test holds it to that.
 */

export const CITIES = ['chicago-shuttle', 'porto-taxi', 'helsinki-phones', 'aracaju-gotrack', 'austin-buses'] as const
export type City = (typeof CITIES)[number]

const POLYGON_FILES: Readonly<Record<City, readonly string[]>> = {
  'chicago-shuttle': ['chicago-neighborhoods', 'chicago-parks'],
  'porto-taxi': [],
  'helsinki-phones': ['helsinki-districts'],
  'aracaju-gotrack': [],
  'austin-buses': ['austin-neighborhoods'],
}

export interface Transition {
  readonly device: string
  readonly fence: string
  readonly event: 'enter' | 'exit'
  readonly timestamp: number
  readonly initial: boolean
  /** One of the two fixes is so near the border that engines may differ: not to be scored. */
  readonly ambiguous: boolean
}

export interface CityTruth {
  readonly city: City
  readonly fences: readonly FenceFeature[]
  /** Every row of the trace in its order, repeated timestamps included, so that they are put to the engine too. */
  readonly tracks: ReadonlyMap<string, readonly Fix[]>
  /** What an engine that keeps the contract announces. */
  readonly transitions: readonly Transition[]
  /** What was published with the truth: a transition between any two neighbouring rows. */
  readonly published: readonly Transition[]
  /** Rows that repeat the timestamp of an earlier row of their device. */
  readonly repeatedFixes: number
  /** Whether a crossing of the fence at this time, or its absence, is not to be scored. */
  isAmbiguous(device: string, fence: string, timestamp: number): boolean
}

export interface Score {
  /** Unambiguous crossings that were announced, with the right time and the right `initial`. */
  readonly matched: number
  /** Unambiguous crossings that were not announced. */
  readonly missing: number
  /** Announced crossings that did not happen. */
  readonly extra: number
  /** Announcements that came more than once with the same id. */
  readonly repeated: number
  /** Crossings, expected or announced, that lie within the ambiguous belt of their border. */
  readonly ambiguousIgnored: number
  /** The first few faults, as sentences. */
  readonly samples: readonly string[]
}

const MAX_SAMPLES = 10

/** Loads fences, tracks and truth of a city. `dataDir` holds `traces/`, `fences/` and `geofence-truth/`. */
export function loadCity(dataDir: string, city: City): CityTruth {
  const fences = [...POLYGON_FILES[city], `${city}-circles-corridors`].flatMap(name =>
    readFences(join(dataDir, 'fences', `${name}.geojson`)),
  )
  const tracks = readTracks(join(dataDir, 'traces', `${city}.csv.gz`))
  const transitions: Transition[] = []
  const ambiguousAt = new Set<string>()
  let repeatedFixes = 0
  for (const line of readLines(join(dataDir, 'geofence-truth', `${city}.inside.jsonl.gz`))) {
    const truth = JSON.parse(line) as InsideTruth
    const fixes = tracks.get(truth.device)
    if (fixes?.length !== truth.fixes) throw new Error(`${truth.device}: truth and trace differ in length`)
    repeatedFixes += replay(truth, fixes, transitions, ambiguousAt)
  }
  const published = readLines(join(dataDir, 'geofence-truth', `${city}.transitions.jsonl.gz`)).map(readPublished)
  return {
    city,
    fences,
    tracks,
    transitions,
    published,
    repeatedFixes,
    isAmbiguous: (device, fence, timestamp) => ambiguousAt.has(`${device} ${timestamp} ${fence}`),
  }
}

/** Scores announced enter and exit events against the truth. They may come in any order and from anywhere. */
export function scoreCity(truth: CityTruth, events: Iterable<GeofenceEvent>): Score {
  const expected = new Map(truth.transitions.map(transition => [keyOf(transition), transition]))
  const found = new Set<string>()
  const ignored = new Set([...expected].filter(([, { ambiguous }]) => ambiguous).map(([key]) => key))
  const ids = new Set<string>()
  const samples: string[] = []
  let matched = 0
  let extra = 0
  let repeated = 0
  for (const { id, event, deviceId, fenceId, timestamp, initial = false } of events) {
    if (event === 'dwell' || event === 'correction') continue
    if (ids.has(id)) {
      repeated += 1
      continue
    }
    ids.add(id)
    const key = keyOf({ device: deviceId, fence: fenceId, event, timestamp, initial })
    if (truth.isAmbiguous(deviceId, fenceId, timestamp)) {
      ignored.add(key)
    } else if (expected.has(key)) {
      found.add(key)
      matched += 1
    } else {
      extra += 1
      samples.push(`extra: ${key}`)
    }
  }
  const missing = [...expected].filter(([key, { ambiguous }]) => !ambiguous && !found.has(key))
  samples.push(...missing.map(([key]) => `missing: ${key}`))
  return {
    matched,
    missing: missing.length,
    extra,
    repeated,
    ambiguousIgnored: ignored.size,
    samples: samples.slice(0, MAX_SAMPLES),
  }
}

interface InsideTruth {
  readonly device: string
  readonly fixes: number
  /** [first row, its time, sorted fence ids], valid until the next run. */
  readonly runs: readonly (readonly [number, number, readonly string[]])[]
  readonly ambiguous: Readonly<Record<string, readonly string[]>>
}

/** Walks the first row of each time of one device. Returns how many rows repeat a time. */
function replay(
  truth: InsideTruth,
  fixes: readonly Fix[],
  transitions: Transition[],
  ambiguousAt: Set<string>,
): number {
  const { device, runs, ambiguous } = truth
  let run = 0
  let repeated = 0
  let before: { readonly inside: readonly string[]; readonly ambiguous: readonly string[] } | null = null
  let newest = Number.NEGATIVE_INFINITY
  for (const [idx, { timestamp }] of fixes.entries()) {
    while (runs[run + 1] !== undefined && runs[run + 1]![0] <= idx) run += 1
    if (timestamp <= newest) {
      repeated += 1
      continue
    }
    newest = timestamp
    const now = { inside: runs[run]![2], ambiguous: ambiguous[idx] ?? [] }
    const unsure = new Set([...now.ambiguous, ...(before?.ambiguous ?? [])])
    for (const fence of unsure) ambiguousAt.add(`${device} ${timestamp} ${fence}`)
    const add = (fence: string, event: 'enter' | 'exit') =>
      transitions.push({ device, fence, event, timestamp, initial: before === null, ambiguous: unsure.has(fence) })
    for (const fence of now.inside) if (before?.inside.includes(fence) !== true) add(fence, 'enter')
    for (const fence of before?.inside ?? []) if (!now.inside.includes(fence)) add(fence, 'exit')
    before = now
  }
  return repeated
}

function keyOf({ device, fence, event, timestamp, initial }: Omit<Transition, 'ambiguous'>): string {
  return `${device} ${event} ${fence} at ${timestamp}${initial ? ' (initial)' : ''}`
}

function readPublished(line: string): Transition {
  const { device, fence, type, t, initial, ambiguous } = JSON.parse(line)
  return { device, fence, event: type, timestamp: t, initial: initial === true, ambiguous: ambiguous === true }
}

/** Fences of a file, with the sizes of circles and corridors under the names of the contract. */
export function readFences(path: string): FenceFeature[] {
  const { features } = JSON.parse(readText(path)) as { features: { properties: Record<string, unknown> }[] }
  return features.map(feature => {
    const { radius_m: radius, half_width_m: buffer, ...rest } = feature.properties
    const sizes = { ...(radius === undefined ? {} : { radius }), ...(buffer === undefined ? {} : { buffer }) }
    return readFence({ ...feature, properties: { ...rest, ...sizes } })
  })
}

/** Lines of a text file, gzipped when its name says so. */
export function readLines(path: string): string[] {
  return readText(path).trimEnd().split('\n')
}

function readText(path: string): string {
  const bytes = readFileSync(path)
  return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
}

function readTracks(path: string): Map<string, Fix[]> {
  const [header, ...rows] = readLines(path)
  const columns = header!.split(',')
  const at = (name: string) => columns.indexOf(name)
  const [device, time, lat, lng] = [at('device'), at('timestamp_ms'), at('lat'), at('lon')]
  const optional = [
    ['accuracy', at('accuracy'), 0, Number.POSITIVE_INFINITY],
    ['speed', at('speed_mps'), 0, Number.POSITIVE_INFINITY],
    ['heading', at('heading'), 0, 360],
    ['altitude', at('altitude'), Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
  ] as const
  const tracks = new Map<string, Fix[]>()
  for (const row of rows) {
    const cells = row.split(',')
    const location: Location = { lat: Number(cells[lat]), lng: Number(cells[lng]) }
    for (const [name, column, least, most] of optional) {
      const value = cells[column] === '' ? Number.NaN : Number(cells[column])
      if (value >= least && value <= most) location[name] = value
    }
    const fixes = tracks.get(cells[device]!) ?? []
    fixes.push({ timestamp: Number(cells[time]), location })
    tracks.set(cells[device]!, fixes)
  }
  return tracks
}
