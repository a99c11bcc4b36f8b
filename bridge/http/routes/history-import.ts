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
import type { Ingest } from '../../ingest/ingest.ts'
import type { Database } from '../../store/database.ts'
import { ADMINS, principalOf } from '../access.ts'
import { actOf } from '../act.ts'
import { problems } from '../problem.ts'
import { type Api, documented } from '../schema-checks.ts'
import { seenDevice } from './history.ts'

/** About half a million points of GPX, a million lines of CSV. */
const MAX_TRACK_FILE_BYTES = 64 * 1_048_576

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
export function historyImportRoutes(app: Api, { db, ingest }: { db: Database; ingest: Ingest }): void {
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
          summary: 'Take a recorded track into the history of a device: GPX, KML, CSV, NMEA or GeoJSON, up to 64 MiB',
          description:
            'The kind is told by the `Content-Type`, or found out. Each fix counts as one that comes late: fences and rules are evaluated, and what only it reveals is announced as late. A file that cannot be read to its end changes nothing; single bad places cost themselves alone. Sending a file again is harmless.',
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
            200: Imported,
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
      async request => {
        const { deviceId } = request.params
        const principal = principalOf(request)
        await seenDevice(db, principal, deviceId)
        const folder = await mkdtemp(join(tmpdir(), 'trackwire-import-'))
        try {
          // On disk first: storing takes longer than a request may take to arrive.
          const path = join(folder, 'track')
          await receive(request.body as Readable | undefined, path)
          return await importTrack({
            db,
            ingest,
            org: principal.org,
            deviceId,
            open: () => createReadStream(path),
            mediaType: request.headers['content-type'],
            dryRun: request.query.dryRun ?? false,
            now: Date.now,
            act: actOf(request as never, 'history.import', deviceId),
          })
        } finally {
          await rm(folder, { recursive: true, force: true })
        }
      },
    )
  })
}

async function receive(body: Readable | undefined, path: string): Promise<void> {
  if (body === undefined || body === null)
    throw new TrackwireError('import_invalid', 'the request has no body; send the file')
  let bytes = 0
  await pipeline(
    body,
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        bytes += chunk.length
        if (bytes > MAX_TRACK_FILE_BYTES) {
          throw new TrackwireError('payload_too_large', 'the file is larger than 64 MiB; send it in parts')
        }
        yield chunk
      }
    },
    createWriteStream(path, { mode: 0o600 }),
  )
}
