import { parseArgs } from 'node:util'
import { CITIES, type City, loadCity, scoreCity } from '../support/geofence-truth.ts'
import { startTestPlatform } from '../support/platform.ts'
import { openScope } from '../support/scope.ts'
import { sendCity } from './send-city.ts'

const HELP = `Usage: npm run truth -- [--data FOLDER] [CITY …]

Sends real traces through the running platform over MQTT with QoS 1 and compares every crossing that it announces with what
PostGIS says. FOLDER (or TRACKWIRE_TEST_DATA) holds traces/, fences/ and geofence-truth/.
DATABASE_URL tests on a PostgreSQL server. Exit code 0 when nothing is missing, extra or repeated.

Cities: ${CITIES.join(', ')} (all when none is named)
`

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { data: { type: 'string' }, help: { type: 'boolean' } },
  })
  if (values.help) {
    process.stdout.write(HELP)
    return 0
  }
  const dataDir = values.data ?? process.env.TRACKWIRE_TEST_DATA
  const unknown = positionals.find(name => !CITIES.includes(name as City))
  if (dataDir === undefined || unknown !== undefined) {
    const cause =
      unknown === undefined
        ? 'say where the data are: --data FOLDER or TRACKWIRE_TEST_DATA'
        : `there is no city ${unknown}`
    process.stderr.write(`truth: ${cause}\n\n${HELP}`)
    return 2
  }
  const scope = openScope()
  try {
    const { DATABASE_URL } = process.env
    // Months of fixes are sent in minutes: of what is announced, not of how fast a device may send.
    const environment = { TRACKWIRE_LIMITS: 'off', ...(DATABASE_URL === undefined ? {} : { DATABASE_URL }) }
    const platform = await startTestPlatform(scope, { environment })
    const faults = await scoreCities(platform, dataDir, positionals.length > 0 ? (positionals as City[]) : CITIES)
    await platform.stop()
    return faults === 0 ? 0 : 1
  } finally {
    await scope.release()
  }
}

const COLUMNS = [
  'city',
  'devices',
  'fixes',
  'fixes/s',
  'crossings',
  'matched',
  'missing',
  'extra',
  'repeated',
  'ambiguous',
  'stored = announced',
]

async function scoreCities(
  platform: Awaited<ReturnType<typeof startTestPlatform>>,
  dataDir: string,
  cities: readonly City[],
): Promise<number> {
  const rows: string[][] = [COLUMNS]
  const samples: string[] = []
  let faults = 0
  for (const city of cities) {
    const truth = loadCity(dataDir, city)
    const total = [...truth.tracks.values()].reduce((sum, { length }) => sum + length, 0)
    const run = await sendCity(platform, truth, done => progress(`${city}: ${done} of ${total} fixes`))
    progress('')
    const score = scoreCity(truth, run.announced)
    const same = sameIds(run.stored, run.announced)
    faults += score.missing + score.extra + score.repeated + (same ? 0 : 1)
    samples.push(...score.samples.map(sample => `${city}: ${sample}`))
    const expected = truth.transitions.filter(({ ambiguous }) => !ambiguous).length
    const { matched, missing, extra, repeated, ambiguousIgnored } = score
    const numbers = [
      truth.tracks.size,
      run.fixes,
      Math.round(run.fixes / run.seconds),
      expected,
      matched,
      missing,
      extra,
      repeated,
      ambiguousIgnored,
    ]
    rows.push([city, ...numbers.map(String), same ? 'yes' : 'NO'])
  }
  printTable(rows)
  for (const sample of samples) process.stdout.write(`${sample}\n`)
  return faults
}

function sameIds(stored: readonly { id: string }[], announced: readonly { id: string }[]): boolean {
  const ids = new Set(announced.map(({ id }) => id))
  return ids.size === stored.length && stored.every(({ id }) => ids.has(id))
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}

function printTable(rows: readonly string[][]): void {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)))
  for (const row of rows) {
    process.stdout.write(
      `${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  ')}\n`,
    )
  }
}

process.exitCode = await main()
