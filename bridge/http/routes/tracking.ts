import type { FastifyRequest } from 'fastify'
import Type from 'typebox'
import {
  ERRORS,
  type ErrorCode,
  isId,
  LocationUpdate,
  MAX_BATCH,
  type Principal,
  TrackwireError,
} from '../../../contract/index.ts'
import type { FixResult, Ingest } from '../../ingest/ingest.ts'
import { ANYONE, mayPublish, originOf, principalOf } from '../access.ts'
import { problems } from '../problem.ts'
import { RefusedSchema } from '../refused-schema.ts'
import { type Api, documented } from '../schema-checks.ts'

const FIX_REFUSALS: ErrorCode[] = [
  'payload_not_json',
  'payload_invalid',
  'payload_too_large',
  'media_type_unsupported',
  'position_null_island',
  'timestamp_implausible',
  'device_unknown',
  'publish_forbidden',
  'shutting_down',
  'overloaded',
]

interface Refused {
  readonly index: number
  readonly code: ErrorCode
  readonly message: string
}

const Stored = {
  type: 'object',
  description: 'Stored, or set aside for a person to judge (then `code` says why)',
  required: ['status'],
  properties: {
    status: { enum: ['stored', 'repeated', 'set-aside'], description: '`repeated`: it had been stored before' },
    code: { type: 'string' },
    message: { type: 'string' },
    repaired: {
      type: 'object',
      description: 'Stored with another time than was sent: why, what was received, and the time it has now',
      required: ['repair', 'received', 'timestamp'],
      properties: {
        repair: { enum: ['week-rollover', 'clock-offset'] },
        received: { type: 'integer' },
        timestamp: { type: 'integer' },
      },
    },
  },
}

const BatchStored = {
  type: 'object',
  description: 'What was stored; everything else is named with its place in the batch, set-aside fixes too',
  required: ['stored', 'refused'],
  properties: {
    stored: { type: 'integer', description: 'Fixes that are in the history now, repeats included' },
    refused: RefusedSchema,
  },
}

/** Fixes over HTTP, for devices and gateways without MQTT. */
export function trackingRoutes(app: Api, { ingest }: { ingest: Ingest }): void {
  app.post(
    '/api/tracking/location',
    {
      config: { access: ANYONE, rateClass: 'location' },
      schema: {
        operationId: 'postLocation',
        summary: 'Send one fix; 202 once it is stored',
        description:
          '`deviceId` is required unless the token is the device’s own. Rights are those of the MQTT channel.',
        tags: ['tracking'],
        body: LocationUpdate,
        response: { 202: Stored, ...problems(...FIX_REFUSALS) },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request)
      const deviceId = deviceOf(principal, request.body)
      mayPublish(principal, 'location', { deviceId })
      const [result] = await ingest.fixes({
        org: principal.org,
        deviceId,
        fixes: [request.body],
        receivedAt: Date.now(),
        registers: registers(principal, deviceId),
        from: originOf(request),
        forward: true,
        mayRefuse: true,
        bytes: bytesOf(request),
      })
      if (result === undefined) throw new TypeError('ingest answered one fix with no result')
      if (result.status === 'refused') throw new TrackwireError(result.code, result.message)
      return reply.code(202).send(result)
    },
  )

  app.post(
    '/api/tracking/batch',
    {
      config: { access: ANYONE, rateClass: 'location' },
      schema: {
        operationId: 'postLocationBatch',
        summary: 'Send up to 1,000 fixes of one or several devices, in any order; 202 once they are stored',
        description:
          'Fixes are taken one by one: a bad one does not cost the rest. When none can be stored, the answer is the error of the first.',
        tags: ['tracking'],
        body: documented(
          Type.Union([
            Type.Object({ updates: Type.Array(Type.Ref('LocationUpdate#'), { minItems: 1, maxItems: MAX_BATCH }) }),
            Type.Array(Type.Ref('LocationUpdate#'), { minItems: 1, maxItems: MAX_BATCH }),
          ]),
        ),
        response: { 202: BatchStored, ...problems('device_mismatch', ...FIX_REFUSALS) },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request)
      const updates = readBatch(request.body)
      const refused: Refused[] = []
      const byDevice = sortByDevice(principal, updates, refused)
      const receivedAt = Date.now()
      const bytes = bytesOf(request)
      await Promise.all(
        [...byDevice].map(async ([deviceId, indexes]) => {
          const fixes = indexes.map(index => updates[index])
          const work = ingest.fixes({
            org: principal.org,
            deviceId,
            fixes,
            receivedAt,
            registers: registers(principal, deviceId),
            from: originOf(request),
            mayRefuse: true,
            bytes: (bytes * fixes.length) / updates.length,
          })
          for (const [i, result] of (await resultsOf(work, fixes.length)).entries()) {
            if ('code' in result) refused.push({ index: indexes[i]!, code: result.code, message: result.message })
          }
        }),
      )
      refused.sort((a, b) => a.index - b.index)
      const stored = updates.length - refused.length
      const [first] = refused
      // What is set aside is kept, so a batch of nothing else is no error.
      if (first !== undefined && stored === 0 && refused.every(({ code }) => ERRORS[code].status >= 400)) {
        throw new TrackwireError(first.code, `fix ${first.index}: ${first.message}`, { details: { stored, refused } })
      }
      return reply.code(202).send({ stored, refused })
    },
  )
}

/** Of the body as it was sent. */
function bytesOf({ headers, body }: FastifyRequest): number {
  return Number(headers['content-length'] ?? JSON.stringify(body).length)
}

/** A device registers itself by its own token, nothing else does. */
function registers(principal: Principal, deviceId: string): boolean {
  return principal.role === 'device' && principal.sub === deviceId
}

function deviceOf(principal: Principal, fix: unknown): string {
  const deviceId =
    (fix as { deviceId?: unknown } | null)?.deviceId ?? (principal.role === 'device' ? principal.sub : null)
  if (isId(deviceId)) return deviceId
  const message = deviceId === null ? 'is required: this token is not a device’s own' : 'is not a valid id'
  throw new TrackwireError('payload_invalid', `/deviceId ${message}`, { details: { path: '/deviceId' } })
}

function readBatch(body: unknown): readonly unknown[] {
  if (body === undefined)
    throw new TrackwireError('payload_not_json', 'the request has no body, or null; send a JSON value')
  const updates = Array.isArray(body) ? body : (body as { updates?: unknown } | null)?.updates
  if (!Array.isArray(updates) || updates.length === 0 || updates.length > MAX_BATCH) {
    throw new TrackwireError(
      'payload_invalid',
      `a batch is {"updates": […]} or an array, of 1 to ${MAX_BATCH} fixes${Array.isArray(updates) ? `, got ${updates.length}` : ''}`,
      { details: { path: Array.isArray(body) ? '/' : '/updates' } },
    )
  }
  return updates
}

/** Indexes of the batch by device; what has no device, or one that the principal may not send for, goes to `refused`. */
function sortByDevice(principal: Principal, updates: readonly unknown[], refused: Refused[]): Map<string, number[]> {
  const byDevice = new Map<string, number[]>()
  for (const [index, update] of updates.entries()) {
    try {
      const deviceId = deviceOf(principal, update)
      const indexes = byDevice.get(deviceId)
      if (indexes !== undefined) {
        indexes.push(index)
        continue
      }
      mayPublish(principal, 'location', { deviceId })
      byDevice.set(deviceId, [index])
    } catch (error) {
      if (!(error instanceof TrackwireError)) throw error
      refused.push({ index, code: error.code, message: error.message })
    }
  }
  return byDevice
}

/** An unknown device costs its own fixes only; a database that does not answer fails the request, and a resend is harmless. */
async function resultsOf(work: Promise<FixResult[]>, count: number): Promise<FixResult[]> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof TrackwireError) || error.code !== 'device_unknown') throw error
    return Array.from({ length: count }, () => ({ status: 'refused', code: error.code, message: error.message }))
  }
}
