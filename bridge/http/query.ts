import Type, { type TObject, type TProperties, type TSchema } from 'typebox'
import { TrackwireError } from '../../contract/index.ts'

/** A time in a query string: milliseconds since the epoch or ISO 8601 with a zone. Read by {@link readTime}. */
export const TimeText = Type.String({
  maxLength: 40,
  description: 'Milliseconds since the Unix epoch, or ISO 8601 (2026-11-20T12:00:00Z)',
})

const PAGE = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 100, description: 'Most items a page' })),
  cursor: Type.Optional(
    Type.String({ maxLength: 512, description: 'The `next` of the page before; opaque, valid with the same filters' }),
  ),
}

/** The query string of a list: its filters, `limit` and `cursor`. Unknown parameters are refused. */
export function pageQuery<Filters extends TProperties>(filters: Filters): TObject<Filters & typeof PAGE> {
  return Type.Object({ ...filters, ...PAGE }, { additionalProperties: false })
}

export const DEFAULT_LIMIT = 100

/** `{"items": […], "next": cursor or null}` */
export function listOf(item: TSchema | { $ref: string }, description: string): object {
  return {
    type: 'object',
    description,
    required: ['items', 'next'],
    properties: {
      items: { type: 'array', items: item },
      next: { anyOf: [{ type: 'string' }, { type: 'null' }], description: 'Cursor of the next page; null on the last' },
    },
  }
}

const MAX_TIME_MS = 8_640_000_000_000_000
const DATE = /^\d{4}-\d{2}-\d{2}$/
const DATE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})$/i

/**
 * Reads a time of a query string into milliseconds. A date alone is its midnight UTC; a date and time must say its zone.
 * @throws TrackwireError request_invalid
 */
export function readTime(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^-?\d+$/.test(text)) {
    const ms = Number(text)
    if (Math.abs(ms) <= MAX_TIME_MS) return ms
  }
  // An unescaped `+` of a zone arrives as a space.
  const iso = text.replace(/ (\d{2}:?\d{2})$/, '+$1')
  if (DATE.test(iso) || DATE_TIME.test(iso)) {
    const ms = Date.parse(iso.replace(',', '.').replace(/([+-]\d{2})(\d{2})$/, DATE.test(iso) ? '$1$2' : '$1:$2'))
    // Date.parse rolls 31 February over on some engines and refuses it on others; a date has to read back as written.
    if (Number.isFinite(ms) && isCalendarDate(iso)) return ms
  }
  throw new TrackwireError(
    'request_invalid',
    `${name} is not a time; send milliseconds since 1970 or ISO 8601 with a zone, like 2026-11-20T12:00:00Z`,
    { details: { parameter: name } },
  )
}

function isCalendarDate(iso: string): boolean {
  const [year, month, day] = iso.slice(0, 10).split('-').map(Number)
  const date = new Date(Date.UTC(year!, month! - 1, day!))
  return date.getUTCMonth() === month! - 1 && date.getUTCDate() === day!
}

/** Reads `from` (inclusive) and `to` (exclusive). Errors: `request_invalid`. */
export function readTimeRange(query: { from?: string; to?: string }): { from?: number; to?: number } {
  const from = readTime('from', query.from)
  const to = readTime('to', query.to)
  if (from !== undefined && to !== undefined && from > to) {
    throw new TrackwireError('request_invalid', 'from is after to', { details: { parameter: 'from' } })
  }
  return { ...(from !== undefined && { from }), ...(to !== undefined && { to }) }
}

export type CursorKey = readonly (string | number)[]

/** Makes the opaque cursor of a keyset: the sort key of the last item of a page. */
export function writeCursor(key: CursorKey): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url')
}

/**
 * Reads a cursor back; `shape` names the types of its parts, as in `['number', 'string']`.
 * @throws TrackwireError request_invalid
 */
export function readCursor<Key extends CursorKey>(
  cursor: string | undefined,
  shape: readonly ('number' | 'string')[],
): Key | undefined {
  if (cursor === undefined) return undefined
  let key: unknown
  try {
    key = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
  } catch {
    key = undefined
  }
  const fits =
    Array.isArray(key) &&
    key.length === shape.length &&
    key.every((part, i) => (shape[i] === 'number' ? Number.isSafeInteger(part) : isPlainText(part)))
  if (fits) return key as unknown as Key
  throw new TrackwireError('request_invalid', 'the cursor is not one of this list; start without one', {
    details: { parameter: 'cursor' },
  })
}

function isPlainText(part: unknown): boolean {
  return typeof part === 'string' && !part.includes('\0') && part.isWellFormed()
}

/** Cuts a page out of `limit + 1` rows: the surplus row only says that there is more. */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  limit: number,
  keyOf: (row: Row) => CursorKey,
  itemOf: (row: Row) => Item,
): { items: Item[]; next: string | null } {
  const kept = rows.slice(0, limit)
  const last = kept.at(-1)
  return {
    items: kept.map(itemOf),
    next: rows.length > limit && last !== undefined ? writeCursor(keyOf(last)) : null,
  }
}
