import { Readable } from 'node:stream'
import Type from 'typebox'
import { Id, LocationUpdate, type Principal, TrackwireError } from '../../../contract/index.ts'
import { type HistoryQuestion, readHistory, readHistoryPage } from '../../history/read-history.ts'
import type { TrackFormat } from '../../history/track-format.ts'
import { csv } from '../../history/write-csv.ts'
import { gpx } from '../../history/write-gpx.ts'
import { kml } from '../../history/write-kml.ts'
import { nmea } from '../../history/write-nmea.ts'
import type { Database } from '../../store/database.ts'
import { type DeviceRow, findDevice } from '../../store/queries/devices.ts'
import { countFixes, type FixRow, fixOf } from '../../store/queries/history.ts'
import { ANYONE, principalOf } from '../access.ts'
import { featureCollectionOf, fixFeature, GEOJSON_TYPE, sendFeatures } from '../geojson.ts'
import { negotiate } from '../negotiate.ts'
import { problems } from '../problem.ts'
import { DEFAULT_LIMIT, listOf, pageQuery, readCursor, readTimeRange, TimeText, writeCursor } from '../query.ts'
import type { Api } from '../schema-checks.ts'
import { mustSeeDevice, unknownDevice } from '../visibility.ts'

/** Of a file without `limit`. A year of a fix every half a minute. */
const MAX_FILE_FIXES = 1_000_000

const JSON_TYPE = 'application/json'
const FILES: readonly TrackFormat[] = [gpx, csv, kml, nmea]
/** What `format` may be, for those who cannot send a header, like a link in a page. */
const TYPES: Readonly<Record<string, string>> = {
  json: JSON_TYPE,
  geojson: GEOJSON_TYPE,
  ...Object.fromEntries(FILES.map(({ extension, mediaType }) => [extension, mediaType])),
}

/** A fix of the history. */
export const HistoryFix = Type.Object(
  {
    ...LocationUpdate.properties,
    clock: Type.Optional(
      Type.Object(
        {
          received: Type.Integer({ description: 'The timestamp as it was sent, milliseconds' }),
          repair: Type.Union([Type.Literal('week-rollover'), Type.Literal('clock-offset'), Type.Literal('accepted')]),
        },
        { description: 'Why its time is another one than was sent' },
      ),
    ),
  },
  { description: 'A fix as it was sent, but for a time that was repaired' },
)

function historyView(deviceId: string, row: FixRow): Type.Static<typeof HistoryFix> {
  const clock = row.details?.clock
  return { ...fixOf(deviceId, row), ...(clock && { clock }) }
}

const FILE = { schema: { type: 'string' } }

/** What a device has been through, as lists and as files. */
export function historyRoutes(
  app: Api,
  { db, maxFileFixes = MAX_FILE_FIXES }: { db: Database; maxFileFixes?: number | undefined },
): void {
  app.get(
    '/api/v1/devices/:deviceId/history',
    {
      config: { access: ANYONE },
      schema: {
        operationId: 'getHistory',
        summary: 'The fixes of a device, ascending by time',
        description: `\`from\` is inclusive, \`to\` exclusive. \`Accept\` chooses the form: JSON, GeoJSON Points (\`${GEOJSON_TYPE}\`), or a file: GPX 1.1 (\`${gpx.mediaType}\`), CSV (\`${csv.mediaType}\`), KML (\`${kml.mediaType}\`), NMEA 0183 (\`${nmea.mediaType}\`); \`format\` does the same and goes before it. Lists come in pages. A file has the whole range, up to ${MAX_FILE_FIXES} fixes; with \`limit\` or \`cursor\` it is a page too, and a \`Link\` header leads to the next.`,
        tags: ['devices'],
        params: Type.Object({ deviceId: Id }, { additionalProperties: false }),
        querystring: pageQuery({
          from: Type.Optional(TimeText),
          to: Type.Optional(TimeText),
          format: Type.Optional(Type.Union(Object.keys(TYPES).map(format => Type.Literal(format)))),
          simplify: Type.Optional(
            Type.Number({
              minimum: 0,
              maximum: 100_000,
              description:
                'Metres: leaves out fixes that lie this near to the way between those that stay; first and last stay',
            }),
          ),
        }),
        response: {
          200: {
            description: 'A page of fixes, or a file',
            content: {
              [JSON_TYPE]: { schema: listOf({ $ref: 'HistoryFix#' }, 'A page of fixes') },
              [GEOJSON_TYPE]: { schema: featureCollectionOf({ type: 'object', description: 'A Point per fix' }) },
              [gpx.mediaType]: FILE,
              [csv.mediaType]: FILE,
              [kml.mediaType]: FILE,
              [nmea.mediaType]: FILE,
            },
          },
          ...problems('device_unknown', 'request_invalid', 'not_acceptable'),
        },
      },
    },
    async (request, reply) => {
      const { deviceId } = request.params
      const { limit, cursor, simplify, format: asked } = request.query
      const type =
        TYPES[asked ?? ''] ??
        negotiate(request, reply, [JSON_TYPE, GEOJSON_TYPE, ...FILES.map(({ mediaType }) => mediaType)])
      const { org } = principalOf(request)
      const question: HistoryQuestion = {
        org,
        deviceId,
        ...readTimeRange(request.query),
        afterTime: readCursor<[number]>(cursor, ['number'])?.[0],
        simplifyMeters: simplify,
      }
      const device = await seenDevice(db, principalOf(request), deviceId)
      const format = FILES.find(({ mediaType }) => mediaType === type)
      if (format !== undefined && limit === undefined && cursor === undefined) {
        await checkSize(question)
        return sendFile(format, device, readHistory(db, question))
      }
      const { rows, hasMore } = await readHistoryPage(db, question, limit ?? DEFAULT_LIMIT)
      const last = rows.at(-1)
      const next = hasMore && last !== undefined ? writeCursor([last.fix_time]) : null
      if (format !== undefined) {
        if (next !== null) reply.header('link', `<${pageUrl(request.url, next)}>; rel="next"`)
        return sendFile(format, device, [rows])
      }
      const items = rows.map(row => historyView(deviceId, row))
      return type === GEOJSON_TYPE ? sendFeatures(reply, items.map(fixFeature), next) : { items, next }

      function sendFile(
        { mediaType, extension, write }: TrackFormat,
        { device_id, name }: DeviceRow,
        windows: AsyncIterable<readonly FixRow[]> | Iterable<readonly FixRow[]>,
      ) {
        const file = `${device_id.replaceAll(':', '_')}-history.${extension}`
        return reply
          .type(`${mediaType}; charset=utf-8`)
          .header('content-disposition', `attachment; filename="${file}"`)
          .send(Readable.from(write(fixesOf(device_id, windows), { deviceId: device_id, name })))
      }
    },
  )

  /** A file that is cut short without a word would be taken for the whole. */
  async function checkSize({ org, deviceId, from, to }: HistoryQuestion): Promise<void> {
    const count = await countFixes(db, org, deviceId, { from, to, most: maxFileFixes + 1 })
    if (count <= maxFileFixes) return
    throw new TrackwireError(
      'request_invalid',
      `there are more than ${maxFileFixes} fixes, the most a file has; ask for parts with from and to, or for pages with limit`,
      { details: { parameter: 'from' } },
    )
  }
}

/** Errors: `device_unknown`. */
export async function seenDevice(db: Database, principal: Principal, deviceId: string): Promise<DeviceRow> {
  mustSeeDevice(principal, deviceId)
  const row = await findDevice(db, principal.org, deviceId)
  if (row === undefined) throw unknownDevice(deviceId)
  return row
}

async function* fixesOf(
  deviceId: string,
  windows: AsyncIterable<readonly FixRow[]> | Iterable<readonly FixRow[]>,
): AsyncGenerator<readonly LocationUpdate[]> {
  for await (const rows of windows) yield rows.map(row => fixOf(deviceId, row))
}

function pageUrl(url: string, cursor: string): string {
  const [path, query] = url.split('?', 2)
  const parameters = new URLSearchParams(query)
  parameters.set('cursor', cursor)
  return `${path}?${parameters}`
}
