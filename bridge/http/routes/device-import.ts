import type { FastifyInstance, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { decodeJson, Id } from '../../../contract/index.ts'
import { DEVICE_TTL_SECONDS } from '../../auth/lifetimes.ts'
import type { CurrentRights } from '../../auth/rights.ts'
import type { Tokens } from '../../auth/tokens.ts'
import type { Ingest } from '../../ingest/ingest.ts'
import { importDevices } from '../../provisioning/import-devices.ts'
import {
  type DeviceList,
  MAX_IMPORT_ROWS,
  readDeviceArray,
  readDeviceCsv,
} from '../../provisioning/read-device-list.ts'
import type { Database } from '../../store/database.ts'
import { ADMINS, principalOf } from '../access.ts'
import { actOf } from '../act.ts'
import { problems } from '../problem.ts'
import { type Api, documented } from '../schema-checks.ts'

/** Ten thousand devices of a long name and a dozen groups each. */
const MAX_IMPORT_BYTES = 8 * 1_048_576
const CSV_TYPES = /^(text\/csv|application\/csv|application\/vnd\.ms-excel)(;|$)/i
const Ids = Type.Array(Id)

const LineError = Type.Object({
  line: Type.Integer({ description: 'In the file, or the place in the array, from 1' }),
  column: Type.String({ description: 'Empty when it is the whole line' }),
  code: Type.String(),
  message: Type.String(),
})

const Imported = {
  ...Type.Object({
    dryRun: Type.Boolean({ description: 'Nothing was changed' }),
    created: Ids,
    updated: Ids,
    unchanged: Ids,
    errors: Type.Array(LineError, { description: 'Lines that were left out, with `partial=true`' }),
    tokens: Type.Optional(
      Type.Array(Type.Object({ id: Id, token: Type.String() }), {
        description: 'Of the new devices, with `tokens=true`',
      }),
    ),
  }),
  description: 'What became of each device',
}

/** Many devices at once. */
export function deviceImportRoutes(
  app: Api,
  { db, ingest, tokens, rights }: { db: Database; ingest: Ingest; tokens: Tokens; rights: CurrentRights },
): void {
  // A scope of its own: no other route reads CSV.
  app.register(async scope => {
    readRawLists(scope as unknown as FastifyInstance)
    ;(scope as unknown as Api).post(
      '/api/v1/devices/import',
      {
        bodyLimit: MAX_IMPORT_BYTES,
        config: { access: ADMINS },
        schema: {
          operationId: 'importDevices',
          summary: `Register or change up to ${MAX_IMPORT_ROWS} devices: all of them, or none`,
          description:
            'CSV (`text/csv`) with the header `id,name,groups`, groups parted by `;` or `|`, or a JSON array of the same. An empty cell leaves what is there. With `tokens=true` and `Accept: text/csv` the answer is a CSV file of the new devices’ tokens.',
          tags: ['devices'],
          consumes: ['application/json', 'text/csv'],
          querystring: Type.Object(
            {
              dryRun: Type.Optional(Type.Boolean({ description: 'Only say what it would do' })),
              partial: Type.Optional(Type.Boolean({ description: 'Leave wrong lines out instead of refusing all' })),
              tokens: Type.Optional(Type.Boolean({ description: 'Make a token for each new device' })),
            },
            { additionalProperties: false },
          ),
          body: documented({
            type: 'array',
            maxItems: MAX_IMPORT_ROWS,
            items: {
              type: 'object',
              required: ['id'],
              properties: {
                id: { type: 'string' },
                name: { type: 'string' },
                groups: { type: 'array', items: { type: 'string' } },
              },
            },
          }),
          response: {
            200: Imported,
            ...problems(
              'import_invalid',
              'payload_not_json',
              'payload_too_large',
              'media_type_unsupported',
              'request_invalid',
            ),
          },
        },
      },
      async (request, reply) => {
        const { org } = principalOf(request)
        const { dryRun = false, partial = false, tokens: wanted = false } = request.query
        const list = readList(request as unknown as FastifyRequest)
        const register = dryRun
          ? undefined
          : (devices: Parameters<Ingest['registerDevices']>[1]) =>
              ingest.registerDevices(
                org,
                devices,
                actOf(request as never, 'device.import', `${devices.length} devices`),
              )
        const outcome = await importDevices(db, org, list, { partial, register })
        if (!dryRun) await rights.refresh()
        const answer = { dryRun, ...outcome }
        if (!wanted || dryRun) return answer
        const minted = []
        for (const id of outcome.created) {
          minted.push({
            id,
            token: await tokens.mint({ sub: id, org, role: 'device', ttlSeconds: DEVICE_TTL_SECONDS }),
          })
        }
        if (!/\btext\/csv\b/.test(request.headers.accept ?? '')) return { ...answer, tokens: minted }
        const lines = minted.map(({ id, token }) => `${id},${token}\r\n`)
        return reply
          .type('text/csv; charset=utf-8')
          .header('content-disposition', 'attachment; filename="device-tokens.csv"')
          .send(`id,token\r\n${lines.join('')}`)
      },
    )
  })
}

interface RawList {
  readonly bytes: Buffer
  readonly isCsv: boolean
}

function readRawLists(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser(CSV_TYPES, { parseAs: 'buffer' }, (_request, bytes, done) =>
    done(null, { bytes, isCsv: true }),
  )
  scope.addContentTypeParser(/^application\/json(;|$)/i, { parseAs: 'buffer' }, (_request, bytes, done) =>
    done(null, { bytes, isCsv: false }),
  )
}

function readList({ body }: FastifyRequest): DeviceList {
  const { bytes, isCsv } = (body as RawList | undefined) ?? { bytes: Buffer.alloc(0), isCsv: false }
  return isCsv ? readDeviceCsv(bytes) : readDeviceArray(decodeJson(bytes, 'body'))
}
