import { type ErrorCode, ID_PATTERN, TrackwireError } from '../../contract/index.ts'
import { CsvFault, type CsvRecord, readCsv } from './csv.ts'

/** One device of an import. What is undefined stays as it is. */
export interface ListedDevice {
  readonly id: string
  readonly name?: string | undefined
  readonly groups?: readonly string[] | undefined
}

/** Why one line of an import cannot be used. `line` is the one in the file, or the place in the JSON array, from 1. */
export interface LineFault {
  readonly line: number
  readonly column: string
  readonly code: ErrorCode
  readonly message: string
}

export interface DeviceList {
  readonly devices: readonly ListedDevice[]
  readonly faults: readonly LineFault[]
}

export const MAX_IMPORT_ROWS = 10_000
const MAX_NAME = 200
const MAX_GROUPS = 100
const COLUMNS = ['id', 'name', 'groups'] as const
const DELIMITERS = [',', ';', '\t'] as const
type Column = (typeof COLUMNS)[number]

/**
 * Reads a CSV file of devices: a header with `id` and, if wanted, `name` and `groups` in any order; groups parted by `;` or `|`;
 * cells parted by commas, semicolons or tabs. An empty cell leaves what is there.
 * @throws TrackwireError import_invalid when it is no such file at all
 */
export function readDeviceCsv(bytes: Uint8Array): DeviceList {
  const text = decode(bytes)
  const [header = ''] = text.split(/\r\n|\r|\n/, 1)
  const delimiter = DELIMITERS.find(candidate => header.includes(candidate)) ?? ','
  const [head, ...records] = parse(text, delimiter)
  if (head === undefined) throw unreadable(1, 'the file is empty; begin it with the line id,name,groups')
  const columns = readHeader(head)
  checkCount(records.length)
  const list = new ListReader()
  for (const record of records) readRecord(list, columns, record)
  return list
}

/**
 * Reads a JSON array of `{id, name?, groups?}`.
 * @throws TrackwireError import_invalid
 */
export function readDeviceArray(value: unknown): DeviceList {
  if (!Array.isArray(value)) throw unreadable(1, 'send a JSON array of {"id", "name", "groups"}, or CSV as text/csv')
  checkCount(value.length)
  const list = new ListReader()
  for (const [index, entry] of value.entries()) {
    const line = index + 1
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
      list.fault(line, '', 'payload_invalid', 'is no object')
      continue
    }
    const { id, name, groups, ...rest } = entry as Record<string, unknown>
    const [unknown] = Object.keys(rest)
    if (unknown !== undefined)
      list.fault(line, unknown.slice(0, 64), 'payload_invalid', 'is not known; there are id, name and groups')
    else if (name !== undefined && typeof name !== 'string') list.fault(line, 'name', 'payload_invalid', 'is no text')
    else if (groups !== undefined && !isTexts(groups))
      list.fault(line, 'groups', 'payload_invalid', 'is no array of texts')
    else list.add(line, { id: typeof id === 'string' ? id : '', name, groups: groups as string[] | undefined })
  }
  return list
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(item => typeof item === 'string')
}

function decode(bytes: Uint8Array): string {
  const [first, second] = bytes
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff))
    throw unreadable(1, 'the file is in UTF-16; save it as "CSV UTF-8"')
  try {
    // Takes a byte order mark away by itself.
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    if (!text.includes('\0')) return text
  } catch {
    // Told below.
  }
  throw unreadable(1, 'the file is not UTF-8 text; save it as "CSV UTF-8"')
}

function parse(text: string, delimiter: string): CsvRecord[] {
  try {
    return readCsv(text, delimiter)
  } catch (error) {
    if (!(error instanceof CsvFault)) throw error
    throw unreadable(error.line, error.message)
  }
}

function readHeader({ cells, line }: CsvRecord): Column[] {
  const names = cells.map(cell => cell.trim().toLowerCase())
  for (const name of names) {
    if (!COLUMNS.includes(name as Column)) {
      throw unreadable(
        line,
        `the column "${name.slice(0, 64)}" is not known; the first line names the columns, as in id,name,groups, parted by commas, semicolons or tabs`,
      )
    }
    if (names.indexOf(name) !== names.lastIndexOf(name)) throw unreadable(line, `the column ${name} is there twice`)
  }
  if (!names.includes('id')) throw unreadable(line, 'there is no column id')
  return names as Column[]
}

function readRecord(list: ListReader, columns: readonly Column[], { line, cells }: CsvRecord): void {
  if (cells.length > columns.length) {
    const message = `has ${cells.length} cells where the header has ${columns.length}; quote what holds a delimiter`
    return list.fault(line, '', 'payload_invalid', message)
  }
  const cell = (column: Column): string => cells[columns.indexOf(column)]?.trim() ?? ''
  const groups = cell('groups')
    .split(/[;|]/)
    .map(group => group.trim())
    .filter(group => group !== '')
  list.add(line, {
    id: cell('id'),
    name: cell('name') === '' ? undefined : cell('name'),
    groups: groups.length === 0 ? undefined : groups,
  })
}

class ListReader implements DeviceList {
  readonly devices: ListedDevice[] = []
  readonly faults: LineFault[] = []
  readonly #lineOf = new Map<string, number>()

  fault(line: number, column: string, code: ErrorCode, what: string): void {
    this.faults.push({ line, column, code, message: `line ${line}${column === '' ? '' : `, ${column}`}: ${what}` })
  }

  add(line: number, { id, name, groups }: ListedDevice): void {
    const before = this.#lineOf.get(id)
    const badGroup = groups?.find(group => !ID_PATTERN.test(group))
    if (id === '') this.fault(line, 'id', 'payload_invalid', 'is missing')
    else if (!ID_PATTERN.test(id))
      this.fault(line, 'id', 'payload_invalid', `"${id.slice(0, 80)}" is not 1 to 64 of A-Z a-z 0-9 . _ : -`)
    else if (before !== undefined) this.fault(line, 'id', 'conflict', `${id} is in line ${before} already`)
    else if (name !== undefined && name.length > MAX_NAME)
      this.fault(line, 'name', 'payload_invalid', `is longer than ${MAX_NAME} characters`)
    else if (name !== undefined && (name.includes('\0') || !name.isWellFormed()))
      this.fault(line, 'name', 'payload_invalid', 'holds a character that no text may have')
    else if (badGroup !== undefined)
      this.fault(
        line,
        'groups',
        'payload_invalid',
        `"${badGroup.slice(0, 80)}" is not 1 to 64 of A-Z a-z 0-9 . _ : -; part groups with ; or |`,
      )
    else if (groups !== undefined && groups.length > MAX_GROUPS)
      this.fault(line, 'groups', 'payload_invalid', `are more than ${MAX_GROUPS}`)
    else this.devices.push({ id, name, groups: groups && [...new Set(groups)] })
    if (!this.#lineOf.has(id)) this.#lineOf.set(id, line)
  }
}

function checkCount(rows: number): void {
  if (rows === 0) throw unreadable(1, 'there is no device in it')
  if (rows > MAX_IMPORT_ROWS)
    throw unreadable(1, `there are ${rows} devices in it; send at most ${MAX_IMPORT_ROWS} at a time`)
}

function unreadable(line: number, message: string): TrackwireError {
  return refusedImport([{ line, column: '', code: 'payload_invalid', message: `line ${line}: ${message}` }])
}

/** More faults than a person mends at once are counted only. */
const MAX_FAULTS_TOLD = 100

/** Nothing was imported, and why. */
export function refusedImport(faults: readonly LineFault[]): TrackwireError {
  const more = faults.length === 1 ? '' : ` (and ${faults.length - 1} more)`
  return new TrackwireError('import_invalid', `${faults[0]!.message}${more}; nothing was imported`, {
    details: { errorCount: faults.length, errors: faults.slice(0, MAX_FAULTS_TOLD) },
  })
}
