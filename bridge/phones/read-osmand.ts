import { decodeJson, MAX_BATCH, TrackwireError } from '../../contract/index.ts'
import { readGeojsonPoint } from './geojson-points.ts'
import { readOsmandQuery } from './osmand-query.ts'
import { type PhoneReport, readIdentity } from './phone-report.ts'
import { object, readTraccarClient } from './traccar-client.ts'

export interface OsmandMessage {
  /** With the place of each in the list. */
  readonly reports: readonly { readonly index: number; readonly report: PhoneReport }[]
  /** `query` and `json` are one report; of a `list` each is taken by itself, and a bad one does not cost the rest. */
  readonly form: 'query' | 'json' | 'list'
  /** What could not be read of a list. */
  readonly unread: readonly { readonly index: number; readonly error: TrackwireError }[]
}

/**
 * Reads what came to the OsmAnd address: a query, a form, or one of the JSON bodies; which one, the body itself tells, since not
 * every client sends a fitting Content-Type. What a JSON body does not say (the device) may be in the query.
 * Errors: `payload_not_json`, `payload_invalid`.
 */
export function readOsmand(query: URLSearchParams, body: Buffer | undefined): OsmandMessage {
  const first = body?.subarray(0, 64).toString('latin1').trim()[0]
  if (first === '{' || first === '[') return readJson(decodeJson(body!, 'body'), query)
  const form = new URLSearchParams(body?.toString('utf8').trim() ?? '')
  const both = new URLSearchParams([...query, ...[...form].filter(([name]) => !query.has(name))])
  const report = readOsmandQuery(both)
  if (report !== null) return { reports: [{ index: 0, report }], form: 'query', unread: [] }
  throw new TrackwireError('payload_invalid', 'the request says nothing; send ?id=…&lat=…&lon=…&timestamp=…')
}

function readJson(value: unknown, query: URLSearchParams): OsmandMessage {
  const body = object(value)
  const list = Array.isArray(value) ? value : (listOf(body?.locations) ?? featuresOf(body))
  if (list === null) {
    const reports = readOne(body!, '').map((report, index) => ({ index, report: named(report, query) }))
    return { reports, form: reports.length === 1 ? 'json' : 'list', unread: [] }
  }
  if (list.length > MAX_BATCH) {
    throw new TrackwireError('payload_invalid', `a list is of at most ${MAX_BATCH} positions, got ${list.length}`)
  }
  const reports: { index: number; report: PhoneReport }[] = []
  const unread: { index: number; error: TrackwireError }[] = []
  for (const [index, item] of list.entries()) {
    try {
      for (const report of readOne(object(item) ?? {}, `/${index}`))
        reports.push({ index, report: named(report, query) })
    } catch (error) {
      if (!(error instanceof TrackwireError)) throw error
      unread.push({ index, error })
    }
  }
  return { reports, form: 'list', unread }
}

function readOne(body: Readonly<Record<string, unknown>>, path: string): PhoneReport[] {
  return body.location === undefined ? [readGeojsonPoint(body, path)] : readTraccarClient(body, path)
}

function listOf(value: unknown): unknown[] | null {
  return Array.isArray(value) ? value : null
}

function featuresOf(body: Readonly<Record<string, unknown>> | undefined): unknown[] | null {
  return body?.type === 'FeatureCollection' ? listOf(body.features) : null
}

function named(report: PhoneReport, query: URLSearchParams): PhoneReport {
  if (report.identity !== null) return report
  return {
    ...report,
    identity: readIdentity(query.get('id') ?? query.get('deviceid') ?? query.get('device_id'), '/id'),
  }
}
