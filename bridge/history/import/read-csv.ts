import { CsvFault, readCsv } from '../../provisioning/csv.ts'
import { Lines } from './lines.ts'
import { type Found, numberOf, readFix, TrackFileFault, type TrackReader } from './track-reader.ts'

/** Header names in lower case that mean a field, the best first. */
const NAMES = {
  time: ['timestamp_ms', 'timestamp', 'time', 'datetime', 'date_time', 'fixtime', 'fix_time', 'utc'],
  lat: ['latitude_deg', 'lat', 'latitude', 'y'],
  lng: ['longitude_deg', 'lon', 'lng', 'long', 'longitude', 'x'],
  altitude: ['altitude_m', 'altitude', 'alt', 'ele', 'elevation'],
  speed: ['speed_mps', 'speed', 'speed_kmh', 'speed_kph'],
  heading: ['heading_deg', 'heading', 'course', 'bearing', 'direction'],
  accuracy: ['accuracy_m', 'accuracy', 'hacc', 'horizontal_accuracy'],
  battery: ['battery_percent', 'battery'],
  userId: ['user_id'],
  metadata: ['metadata'],
  attributes: ['attributes'],
} as const
type Field = keyof typeof NAMES

/** CSV with a header; comma, semicolon or tab. Speeds are metres per second unless the name says km/h. Other columns are passed over. */
export function csvReader(): TrackReader {
  const lines = new Lines()
  let header: { delimiter: string; columns: Map<Field, number>; isKmh: boolean } | undefined
  let open: { line: number; text: string } | undefined

  function read(all: { line: number; text: string }[]): Found[] {
    const found: Found[] = []
    for (const { line, text } of all) {
      // A quoted cell may hold line ends.
      const record = open === undefined ? { line, text } : { line: open.line, text: `${open.text}\n${text}` }
      if (record.text.length > 65_536) throw new TrackFileFault(record.line, 'a quoted cell does not end')
      open = record.text.split('"').length % 2 === 0 ? record : undefined
      if (open !== undefined || record.text.trim() === '') continue
      if (header === undefined) header = headerOf(record.line, record.text.replace(/^\ufeff/, ''))
      else found.push(readRecord(record.line, record.text, header))
    }
    return found
  }

  return {
    push: text => read(lines.push(text)),
    end() {
      const found = read(lines.end())
      if (open !== undefined) throw new TrackFileFault(open.line, 'a quoted cell does not end')
      if (header === undefined) throw new TrackFileFault(1, 'the file is empty')
      return found
    },
  }
}

function headerOf(line: number, text: string): ReturnType<typeof readHeader> {
  try {
    return readHeader(line, text)
  } catch (error) {
    throw error instanceof CsvFault ? new TrackFileFault(line, error.message) : error
  }
}

function readHeader(line: number, text: string) {
  const delimiter = [',', ';', '\t'].find(candidate => text.includes(candidate)) ?? ','
  const names = cellsOf(text, delimiter).map(name => name.trim().toLowerCase())
  const columns = new Map<Field, number>()
  for (const [field, known] of Object.entries(NAMES) as [Field, readonly string[]][]) {
    const name = known.find(candidate => names.includes(candidate))
    if (name !== undefined) columns.set(field, names.indexOf(name))
  }
  for (const field of ['lat', 'lng', 'time'] as const) {
    if (columns.has(field)) continue
    throw new TrackFileFault(
      line,
      `there is no column ${NAMES[field].slice(0, 3).join(' or ')}; the first line names the columns`,
    )
  }
  return { delimiter, columns, isKmh: /km|kph/.test(names[columns.get('speed') ?? -1] ?? '') }
}

function readRecord(line: number, text: string, header: ReturnType<typeof readHeader>): Found {
  let cells: readonly string[]
  try {
    cells = cellsOf(text, header.delimiter)
  } catch (error) {
    if (error instanceof CsvFault) return { line, error: error.message }
    throw error
  }
  // An export puts an apostrophe before what a spreadsheet would take for a formula.
  const cell = (field: Field) =>
    cells[header.columns.get(field) ?? -1]?.trim().replace(/^'(?=[=+\-@])/, '') || undefined
  const speed = cell('speed')
  const found = readFix({
    line,
    time: cell('time'),
    lat: cell('lat'),
    lng: cell('lng'),
    altitude: cell('altitude'),
    speed: header.isKmh && numberOf(speed) !== undefined ? String(numberOf(speed)! / 3.6) : speed,
    heading: cell('heading'),
    accuracy: cell('accuracy'),
  })
  if ('error' in found) return found
  try {
    const battery = numberOf(cell('battery'))
    const inRange = battery !== undefined && battery >= 0 && battery <= 100
    const metadata = { ...objectOf(cell('metadata')), ...(inRange && { battery }) }
    const attributes = objectOf(cell('attributes'))
    const userId = cell('userId')
    return {
      line,
      fix: {
        ...found.fix,
        ...(userId !== undefined && { userId }),
        ...(Object.keys(metadata).length > 0 && { metadata }),
        ...(Object.keys(attributes).length > 0 && { attributes }),
      },
    }
  } catch {
    return { line, error: 'metadata and attributes are JSON objects, or empty' }
  }
}

function cellsOf(text: string, delimiter: string): readonly string[] {
  return readCsv(text, delimiter)[0]?.cells ?? []
}

/** @throws SyntaxError */
function objectOf(text: string | undefined): Record<string, unknown> {
  if (text === undefined) return {}
  const value: unknown = JSON.parse(text)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new SyntaxError('not an object')
}
