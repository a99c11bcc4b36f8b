import Type from 'typebox'
import { FenceFeature, Id, TrackwireError } from '../../../contract/index.ts'
import { readFence } from '../../../geofence-engine/index.ts'
import type { Ingest } from '../../ingest/ingest.ts'
import { readFenceCollection, withFenceId } from '../../ingest/read-fence-collection.ts'
import type { Database } from '../../store/database.ts'
import { findFence, listFences } from '../../store/queries/fences.ts'
import { ANYONE, DISPATCHERS, principalOf } from '../access.ts'
import { actOf } from '../act.ts'
import { featureCollectionOf, GEOJSON_TYPE, sendFeatures, wantsGeoJson } from '../geojson.ts'
import { problems } from '../problem.ts'
import { DEFAULT_LIMIT, listOf, pageOf, pageQuery, readCursor } from '../query.ts'
import { type Api, documented } from '../schema-checks.ts'

/** 20 MiB: some ten thousand detailed fences in one file. */
const MAX_IMPORT_BYTES = 20 * 1_024 * 1_024

/** Of an import, in the audit log. */
const MOST_IDS_TOLD = 50

const ById = Type.Object({ fenceId: Id }, { additionalProperties: false })
const FENCE = { $ref: 'FenceFeature#' }
const asGeoJson = (schema: object, description: string) => ({ description, content: { [GEOJSON_TYPE]: { schema } } })

/** Geofences as GeoJSON Features. Everyone of the organisation reads them; dispatchers and admins change them. */
export function fenceRoutes(app: Api, { db, ingest }: { db: Database; ingest: Ingest }): void {
  app.get(
    '/api/v1/fences',
    {
      config: { access: ANYONE },
      schema: {
        operationId: 'listFences',
        summary: 'The fences of the organisation, in order of their id',
        description: 'As a FeatureCollection with `Accept: application/geo+json`.',
        tags: ['fences'],
        querystring: pageQuery({}),
        response: {
          200: {
            description: 'A page of fences',
            content: {
              'application/json': { schema: listOf(FENCE, 'A page of fences') },
              [GEOJSON_TYPE]: { schema: featureCollectionOf(FENCE) },
            },
          },
          ...problems('request_invalid'),
        },
      },
    },
    async (request, reply) => {
      const { limit = DEFAULT_LIMIT, cursor } = request.query
      const after = readCursor<[string]>(cursor, ['string'])?.[0]
      const fences = await listFences(db, principalOf(request).org, { after, limit: limit + 1 })
      const page = pageOf(
        fences,
        limit,
        fence => [fence.id],
        fence => fence,
      )
      return wantsGeoJson(request, reply) ? sendFeatures(reply, page.items, page.next) : page
    },
  )

  app.get(
    '/api/v1/fences/:fenceId',
    {
      config: { access: ANYONE },
      schema: {
        operationId: 'getFence',
        summary: 'One fence',
        tags: ['fences'],
        params: ById,
        response: { 200: asGeoJson(FENCE, 'The fence'), ...problems('not_found', 'request_invalid') },
      },
    },
    async (request, reply) => {
      const fence = await findFence(db, principalOf(request).org, request.params.fenceId)
      if (fence === undefined) throw unknownFence(request.params.fenceId)
      return reply.type(GEOJSON_TYPE).send(fence)
    },
  )

  app.post(
    '/api/v1/fences',
    {
      config: { access: DISPATCHERS },
      schema: {
        operationId: 'createFence',
        summary: 'Create a fence; an id is made when it has none',
        tags: ['fences'],
        consumes: ['application/json', GEOJSON_TYPE],
        body: documented(withOptionalId()),
        response: {
          201: asGeoJson(FENCE, 'The fence as stored'),
          ...problems('fence_invalid', 'conflict', 'payload_not_json', 'payload_too_large', 'media_type_unsupported'),
        },
      },
    },
    async (request, reply) => {
      const { org } = principalOf(request)
      const fence = readFence(featureOf(request.body))
      if ((await findFence(db, org, fence.id)) !== undefined) {
        throw new TrackwireError('conflict', `a fence ${fence.id} exists already; replace it with PUT`)
      }
      await ingest.putFence(org, fence, actOf(request, 'fence.create', fence.id, glanceOf(fence)))
      return reply.code(201).header('location', `/api/v1/fences/${fence.id}`).type(GEOJSON_TYPE).send(fence)
    },
  )

  app.put(
    '/api/v1/fences/:fenceId',
    {
      config: { access: DISPATCHERS },
      schema: {
        operationId: 'putFence',
        summary: 'Create or replace a fence',
        description: 'The id of the path counts; one in the Feature may be left out, and must agree when it is there.',
        tags: ['fences'],
        params: ById,
        consumes: ['application/json', GEOJSON_TYPE],
        body: documented(withOptionalId()),
        response: {
          200: asGeoJson(FENCE, 'Replaced'),
          201: asGeoJson(FENCE, 'Created'),
          ...problems(
            'fence_invalid',
            'request_invalid',
            'payload_not_json',
            'payload_too_large',
            'media_type_unsupported',
          ),
        },
      },
    },
    async (request, reply) => {
      const { org } = principalOf(request)
      const { fenceId } = request.params
      const given = (request.body as { id?: unknown } | null | undefined)?.id
      if (given !== undefined && given !== fenceId) {
        throw new TrackwireError('request_invalid', `the Feature's id is not ${fenceId}, the one in the URL`, {
          details: { path: '/id' },
        })
      }
      const fence = readFence(featureOf(request.body, fenceId))
      const { created } = await ingest.putFence(org, fence, actOf(request, 'fence.put', fenceId, glanceOf(fence)))
      return reply
        .code(created ? 201 : 200)
        .type(GEOJSON_TYPE)
        .send(fence)
    },
  )

  app.delete(
    '/api/v1/fences/:fenceId',
    {
      config: { access: DISPATCHERS },
      schema: {
        operationId: 'deleteFence',
        summary: 'Delete a fence; nothing is announced of devices inside',
        tags: ['fences'],
        params: ById,
        response: { 204: { type: 'null', description: 'Deleted' }, ...problems('not_found', 'request_invalid') },
      },
    },
    async (request, reply) => {
      const { fenceId } = request.params
      const act = actOf(request, 'fence.delete', fenceId)
      if (!(await ingest.deleteFence(act.org, fenceId, act))) throw unknownFence(fenceId)
      return reply.code(204).send()
    },
  )

  app.post(
    '/api/v1/fences/import',
    {
      bodyLimit: MAX_IMPORT_BYTES,
      config: { access: DISPATCHERS },
      schema: {
        operationId: 'importFences',
        summary: 'Create or replace the fences of a FeatureCollection, all or none',
        description: 'Up to 20 MiB. The error names the index of the first feature at fault and the position in it.',
        tags: ['fences'],
        consumes: ['application/json', GEOJSON_TYPE],
        body: documented({
          type: 'object',
          required: ['type', 'features'],
          properties: { type: { const: 'FeatureCollection' }, features: { type: 'array', items: withOptionalId() } },
        }),
        response: {
          200: {
            type: 'object',
            description: 'How many fences were created or replaced',
            required: ['imported'],
            properties: { imported: { type: 'integer' } },
          },
          ...problems('fence_invalid', 'payload_not_json', 'payload_too_large', 'media_type_unsupported'),
        },
      },
    },
    async request => {
      const fences = await readFenceCollection(request.body)
      const ids = fences.slice(0, MOST_IDS_TOLD).map(({ id }) => id)
      const act = actOf(request, 'fence.import', 'fences', { count: fences.length, ids })
      return { imported: await ingest.importFences(act.org, fences, act) }
    },
  )
}

/** What the audit log says of a fence: its coordinates are in the fence. */
function glanceOf({ geometry, properties }: FenceFeature): Record<string, unknown> {
  return { geometry: geometry.type, properties }
}

function unknownFence(fenceId: string): TrackwireError {
  return new TrackwireError('not_found', `there is no fence ${fenceId}`)
}

function withOptionalId(): object {
  return { ...FenceFeature, required: ['type', 'geometry', 'properties'] }
}

/** The Feature of a request, with an id where it has none. */
function featureOf(body: unknown, id?: string): unknown {
  if (body === undefined)
    throw new TrackwireError('payload_not_json', 'the request has no body; send a GeoJSON Feature')
  return withFenceId(body, id)
}
