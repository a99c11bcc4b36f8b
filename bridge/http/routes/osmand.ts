import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type ErrorCode, TrackwireError } from '../../../contract/index.ts'
import { phoneFixOf } from '../../phones/phone-report.ts'
import { readOsmand } from '../../phones/read-osmand.ts'
import { sosOf } from '../../trackers/location-updates.ts'
import { ANYONE } from '../access.ts'
import { type PhoneDeskOptions, type RefusedMessage, takeMessages } from '../phone-desk.ts'
import { PROBLEM_TYPE, problemOf, problems } from '../problem.ts'
import { RefusedSchema } from '../refused-schema.ts'
import { documented } from '../schema-checks.ts'

const REFUSALS: ErrorCode[] = [
  'payload_not_json',
  'payload_invalid',
  'payload_too_large',
  'position_null_island',
  'timestamp_implausible',
  'device_unknown',
  'publish_forbidden',
  'shutting_down',
  'overloaded',
]

const QUERY = {
  type: 'object',
  description:
    '`id` or `deviceid`; `lat`, `lon` (or `location=lat,lon`); `timestamp` (seconds, milliseconds, ISO 8601, `yyyy-MM-dd HH:mm:ss`); `speed` (knots), `bearing` or `heading`, `altitude`, `accuracy`, `hdop`, `batt` (per cent), `charge`, `valid`, `alarm`; anything else becomes an attribute',
  properties: {
    id: { type: 'string', description: 'The device; free where the token is the device’s own' },
    lat: { type: 'number' },
    lon: { type: 'number' },
    timestamp: { type: 'string' },
    speed: { type: 'number', description: 'Knots' },
    bearing: { type: 'number' },
    altitude: { type: 'number' },
    accuracy: { type: 'number' },
    batt: { type: 'number', description: 'Per cent' },
    alarm: { type: 'string', description: '`sos` is an SOS' },
  },
}

const Taken = {
  description:
    'Stored. Empty for one position; `{"result": "ok"}` for lists, with `refused` naming those that could never be stored',
  type: 'object',
  properties: {
    result: { const: 'ok' },
    refused: RefusedSchema,
  },
}

/** What OsmAnd, Traccar Client, Overland and senders of GeoJSON send, unchanged. */
export async function osmandRoutes(
  app: FastifyInstance,
  options: PhoneDeskOptions & { osmandByIdAlone?: boolean | undefined; url?: string | undefined },
): Promise<void> {
  await app.register(async scope => {
    readBodiesAsTheyCome(scope)
    for (const method of ['GET', 'POST'] as const) {
      scope.route({
        method,
        url: options.url ?? '/osmand',
        exposeHeadRoute: false,
        config: { access: ANYONE, credentials: 'optional', rateClass: 'none' },
        schema: {
          operationId: method === 'GET' ? 'getOsmand' : 'postOsmand',
          summary: 'Send positions as OsmAnd, Traccar Client, Overland and GeoJSON have them; 200 once they are stored',
          description:
            'Query, form or JSON. The token is the Bearer token or the password of Basic. Where the operator allows it (TRACKWIRE_OSMAND), the id of a registered device is enough. A query about an unknown device is 400, as these clients expect.',
          tags: ['tracking'],
          querystring: documented(QUERY),
          ...(method === 'POST' && { body: documented({ description: 'A form, or JSON', type: 'object' }) }),
          response: { 200: Taken, ...problems(...REFUSALS) },
        },
        handler: async (request, reply) => {
          if (request.principal === null && options.osmandByIdAlone !== true) {
            throw new TrackwireError(
              'token_missing',
              'no token was sent; send it as "Authorization: Bearer <token>" or as the password of Basic, or let the operator set TRACKWIRE_OSMAND=on',
            )
          }
          return answer(request, reply, options)
        },
      })
    }
  })
}

async function answer(request: FastifyRequest, reply: FastifyReply, options: PhoneDeskOptions): Promise<FastifyReply> {
  const query = new URLSearchParams(request.url.split('?').slice(1).join('?'))
  const { reports, form, unread } = readOsmand(query, request.body as Buffer | undefined)
  const receivedAt = Date.now()
  const messages = reports.map(({ report }) => ({
    identity: report.identity,
    fix: phoneFixOf(report, receivedAt),
    sos: sosOf(report, 'osmand', receivedAt),
    payload: report,
  }))
  const taken = await takeMessages(options, reply, messages, 'osmand')
  const refused: RefusedMessage[] = [
    ...taken.map(({ index, ...refusal }) => ({ index: reports[index]!.index, ...refusal })),
    ...unread.map(({ index, error: { code, message } }) => ({ index, code, message })),
  ].sort((a, b) => a.index - b.index)
  const [first] = refused
  // A device that may be registered tomorrow, a right that may be given: the phone keeps what it has.
  const comesAgain = first?.code === 'device_unknown' || first?.code === 'publish_forbidden'
  if (form === 'list' && !(comesAgain && refused.length === reports.length + unread.length)) {
    if (first !== undefined) request.log.info({ refused: refused.length, first }, 'positions were refused')
    return reply.send({ result: 'ok', ...(first && { refused }) })
  }
  if (first === undefined) return reply.send()
  const error = new TrackwireError(first.code, first.message)
  // Clients of the query form know 400 alone for a device that is not there.
  if (form !== 'query' || error.code !== 'device_unknown') throw error
  return reply
    .code(400)
    .type(PROBLEM_TYPE)
    .send({ ...problemOf(error, request.id), status: 400 })
}

/** Not every client names the type of what it sends; the bytes tell. */
export function readBodiesAsTheyCome(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
}
