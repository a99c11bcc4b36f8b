import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { Id, TrackwireError } from '../../../contract/index.ts'
import { importTrack, MAX_ERRORS_TOLD } from '../../history/import/import-track.ts'
import { progressLines } from '../../history/import/progress-lines.ts'
import type { Ingest } from '../../ingest/ingest.ts'
import type { Database } from '../../store/database.ts'
import { abortOnDisconnect } from '../abort-on-disconnect.ts'
import { ADMINS, principalOf } from '../access.ts'
import { actOf } from '../act.ts'
import { negotiate } from '../negotiate.ts'
import { problemOf, problems, refusalOf } from '../problem.ts'
import { type Api, documented } from '../schema-checks.ts'
import { seenDevice } from './history.ts'

/** Some ten million lines of CSV. It waits on disk, and is read piece by piece. */
const MAX_TRACK_FILE_BYTES = 512 * 1_048_576
const LINES_TYPE = 'application/x-ndjson'

const Imported = {
  ...Type.Object({
    dryRun: Type.Boolean({ description: 'Nothing was changed' }),
    format: Type.String(),
    imported: Type.Integer({ description: 'New in the history' }),
    repeated: Type.Integer({ description: 'There already' }),
    repaired: Type.Integer({ description: 'Of the imported, those whose time was repaired' }),
    refused: Type.Integer({ description: 'Not taken; those of `timestamp_future` are set aside' }),
    errors: Type.Array(
      Type.Object({
        line: Type.Integer({ description: 'Of the file, from 1; of GeoJSON the feature' }),
        code: Type.String(),
        message: Type.String(),
      }),
      { description: `The first ${MAX_ERRORS_TOLD} of the refused` },
    ),
  }),
  description: 'What became of the fixes of the file',
}

/** Recorded tracks become history. */
export function historyImportRoutes(
  app: Api,
  {
    db,
    ingest,
    maxTrackFileBytes = MAX_TRACK_FILE_BYTES,
  }: { db: Database; ingest: Ingest; maxTrackFileBytes?: number | undefined },
): void {
  // A scope of its own: no other route takes files of any kind, nor of this size.
  app.register(async scope => {
    const raw = scope as unknown as FastifyInstance
    raw.removeAllContentTypeParsers()
    raw.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
    ;(scope as unknown as Api).post(
      '/api/v1/devices/:deviceId/import',
      {
        config: { access: ADMINS },
        schema: {
          operationId: 'importHistory',
          summary: 'Take a recorded track into the history of a device: GPX, KML, CSV, NMEA or GeoJSON, up to 512 MiB',
          description:
            'The kind is told by the `Content-Type`, or found out. Each fix counts as one that comes late: fences and rules are evaluated, and what only it reveals is announced as late. A file that cannot be read to its end changes nothing; single bad places cost themselves alone. Sending a file again is harmless. With `Accept: application/x-ndjson` the answer begins when the file has arrived, a line of JSON each: `{"progress": {"done", "of"}}` in fixes, several times a second, and at last `{"result": …}` or `{"problem": …}`; the import stops when the client goes away, and what is in the history by then stays.',
          tags: ['devices'],
          consumes: [
            'application/gpx+xml',
            'application/vnd.google-earth.kml+xml',
            'text/csv',
            'text/nmea',
            'application/geo+json',
            'application/octet-stream',
          ],
          params: Type.Object({ deviceId: Id }, { additionalProperties: false }),
          querystring: Type.Object(
            { dryRun: Type.Optional(Type.Boolean({ description: 'Only say what it would do' })) },
            { additionalProperties: false },
          ),
          body: documented({ type: 'string', description: 'The file as it is' }),
          response: {
            200: {
              description: 'What became of the fixes of the file',
              content: {
                'application/json': { schema: Imported },
                [LINES_TYPE]: { schema: { type: 'string', description: 'Progress, then the result' } },
              },
            },
            ...problems(
              'device_unknown',
              'import_invalid',
              'payload_too_large',
              'media_type_unsupported',
              'request_invalid',
              'shutting_down',
            ),
          },
        },
      },
      async (request, reply) => {
        const { deviceId } = request.params
        const { dryRun = false } = request.query
        const principal = principalOf(request)
        await seenDevice(db, principal, deviceId)
        const type = negotiate(request, reply, ['application/json', LINES_TYPE])
        const gone = type === LINES_TYPE ? abortOnDisconnect(reply) : undefined
        const folder = await mkdtemp(join(tmpdir(), 'trackwire-import-'))
        const path = join(folder, 'track')
        const clear = () => rm(folder, { recursive: true, force: true })
        const work = (onProgress?: (done: number, of: number) => void) =>
          importTrack({
            db,
            ingest,
            org: principal.org,
            deviceId,
            open: () => createReadStream(path, { signal: gone }),
            mediaType: request.headers['content-type'],
            dryRun,
            now: Date.now,
            act: actOf(request as never, 'history.import', deviceId),
            onProgress,
          }).finally(clear)
        try {
          // On disk first: storing takes longer than a request may take to arrive.
          await receive(request.body as Readable | undefined, path, maxTrackFileBytes)
        } catch (error) {
          await clear()
          throw error
        }
        if (type !== LINES_TYPE) return reply.send(await work())
        const lines = progressLines(work, error => {
          if (!gone?.aborted) request.log.info({ err: error }, 'an import failed')
          return problemOf(refusalOf(error), request.id)
        })
        return reply.type(LINES_TYPE).send(lines)
      },
    )
  })
}

async function receive(body: Readable | undefined, path: string, maxBytes: number): Promise<void> {
  if (body === undefined || body === null)
    throw new TrackwireError('import_invalid', 'the request has no body; send the file')
  let bytes = 0
  await pipeline(
    body,
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        bytes += chunk.length
        if (bytes > maxBytes) {
          throw new TrackwireError(
            'payload_too_large',
            `the file is larger than ${Math.floor(maxBytes / 1_048_576)} MiB; send it in parts`,
          )
        }
        yield chunk
      }
    },
    createWriteStream(path, { mode: 0o600 }),
  )
}
