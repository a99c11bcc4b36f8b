import type { TrackPoint } from '../track.ts'
import { checkPoint, readTime } from './check-point.ts'
import { trackFileError } from './track-file-error.ts'

type Field = 'device' | 'time' | 'lat' | 'lng' | 'speed' | 'heading' | 'altitude' | 'accuracy' | 'battery'

/** Header names in lower case that mean a field. Speeds are metres per second unless the name says km/h. */
const HEADERS: Readonly<Record<Field, readonly string[]>> = {
  device: ['device', 'deviceid', 'device_id', 'vehicle', 'vehicle_id', 'unit'],
  time: ['timestamp_ms', 'timestamp', 'time', 'datetime', 'date_time', 'fixtime', 'fix_time', 'utc'],
  lat: ['lat', 'latitude', 'y'],
  lng: ['lon', 'lng', 'long', 'longitude', 'x'],
  speed: ['speed_mps', 'speed', 'speed_kmh', 'speed_kph'],
  heading: ['heading', 'course', 'bearing', 'direction'],
  altitude: ['altitude', 'alt', 'ele', 'elevation'],
  accuracy: ['accuracy', 'hacc', 'horizontal_accuracy'],
  battery: ['battery', 'battery_percent'],
}

/**
 * Reads CSV with a header line: comma, semicolon or tab; quoted fields; columns in any order, unknown ones ignored.
 * Rows of several devices may alternate. Without a device column everything belongs to `defaultDevice`.
 * @throws TrackwireError request_invalid naming file, line and cause
 */
export function readCsv(text: string, file: string, defaultDevice: string): Map<string, TrackPoint[]> {
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/)
  const header = lines.findIndex(line => line.trim() !== '')
  if (header === -1) throw trackFileError('empty', file, undefined, 'the file is empty')
  const separator = [',', ';', '\t'].find(candidate => lines[header]!.includes(candidate)) ?? ','
  const names = splitRow(lines[header]!, separator).map(name => name.trim().toLowerCase())
  const columns = findColumns(names, file, header + 1)
  const speedFactor = /km|kph/.test(names[columns.speed ?? -1] ?? '') ? 1 / 3.6 : 1

  const tracks = new Map<string, TrackPoint[]>()
  for (const [i, line] of lines.entries()) {
    if (i <= header || line.trim() === '') continue
    const lineNumber = i + 1
    const cells = splitRow(line, separator)
    const cell = (field: Field) => (columns[field] === undefined ? '' : (cells[columns[field]] ?? '').trim())
    const number = (field: Field) => readNumber(cell(field), names[columns[field] ?? -1] ?? field, file, lineNumber)
    const lat = number('lat')
    const lng = number('lng')
    if (lat === undefined || lng === undefined) {
      const missing = lat === undefined ? 'latitude' : 'longitude'
      throw trackFileError('value-invalid', file, lineNumber, `the ${missing} is empty`)
    }
    const speed = number('speed')
    const point = checkPoint(
      {
        timestampMs: readTimeCell(cell('time'), file, lineNumber),
        lat,
        lng,
        speed: speed === undefined ? undefined : speed * speedFactor,
        heading: number('heading'),
        altitude: number('altitude'),
        accuracy: number('accuracy'),
        battery: number('battery'),
      },
      file,
      lineNumber,
    )
    const device = cell('device') || defaultDevice
    const track = tracks.get(device)
    if (track === undefined) tracks.set(device, [point])
    else track.push(point)
  }
  if (tracks.size === 0) throw trackFileError('empty', file, undefined, 'there is a header but no row of data')
  return tracks
}

function findColumns(names: readonly string[], file: string, line: number): Partial<Record<Field, number>> {
  const columns: Partial<Record<Field, number>> = {}
  for (const [field, known] of Object.entries(HEADERS) as [Field, readonly string[]][]) {
    const name = known.find(candidate => names.includes(candidate))
    if (name !== undefined) columns[field] = names.indexOf(name)
  }
  for (const field of ['lat', 'lng'] as const) {
    if (columns[field] === undefined) {
      const wanted = HEADERS[field].slice(0, 3).join(', ')
      throw trackFileError(
        'column-missing',
        file,
        line,
        `no column named ${wanted}; the header has ${names.join(', ')}`,
      )
    }
  }
  return columns
}

function readNumber(text: string, column: string, file: string, line: number): number | undefined {
  if (text === '') return undefined
  const value = Number(text)
  if (!Number.isFinite(value)) throw trackFileError('value-invalid', file, line, `${column} is "${text}", not a number`)
  return value
}

function readTimeCell(text: string, file: string, line: number): number | undefined {
  if (text === '') return undefined
  const value = readTime(text)
  if (Number.isNaN(value)) throw trackFileError('value-invalid', file, line, `"${text}" is not a time`)
  return value
}

/** Splits one row; `"` quotes a field and `""` is a quote within it (RFC 4180 §2). */
function splitRow(line: string, separator: string): string[] {
  if (!line.includes('"')) return line.split(separator)
  const cells: string[] = []
  let cell = ''
  let quoted = false
  for (let i = 0; i < line.length; i += 1) {
    const char = line[i]!
    if (quoted && char === '"' && line[i + 1] === '"') {
      cell += '"'
      i += 1
    } else if (char === '"') quoted = !quoted
    else if (char === separator && !quoted) {
      cells.push(cell)
      cell = ''
    } else cell += char
  }
  return [...cells, cell]
}
