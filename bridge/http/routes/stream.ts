import Type from 'typebox'
import { decideFilter, isFilter, type Principal, TrackwireError } from '../../../contract/index.ts'
import { Feeds, type LiveMessages, type StreamRights } from '../../stream/feeds.ts'
import { ANYONE, issuedOf, namedBySub } from '../access.ts'
import { problems } from '../problem.ts'
import type { Api } from '../schema-checks.ts'

const EVENT_STREAM = 'text/event-stream'
const MAX_FILTERS = 100

/** The channels of MQTT as server-sent events. */
export function streamRoutes(app: Api, { live, rights }: { live: LiveMessages; rights: StreamRights }): void {
  const feeds = new Feeds({ live, rights })
  // Before the server waits for its requests to end: these never would.
  app.addHook('preClose', async () => feeds.close())

  app.get(
    '/api/v1/stream',
    {
      config: { access: ANYONE },
      schema: {
        operationId: 'stream',
        summary: 'The same messages as over MQTT, as server-sent events',
        description:
          'Each event is named like its channel, its data is `{"topic", "payload"}` (`payload` null = what was retained is cleared). First comes what is retained under the filters, then `ready`, then what happens. With the `Last-Event-ID` of the last event one has (browsers send it by themselves) it goes on exactly behind it; where that is not possible any more, a `gap` says so and what is retained comes again. `error` tells what is refused or was lost.',
        tags: ['tracking'],
        querystring: Type.Object(
          {
            topics: Type.Array(Type.String({ minLength: 1, maxLength: 1_024 }), {
              minItems: 1,
              maxItems: MAX_FILTERS,
              description: 'Topic filters as in MQTT, parted by commas or each in a parameter of its own',
            }),
            fresh: Type.Optional(
              Type.Array(Type.String({ minLength: 1, maxLength: 1_024 }), {
                maxItems: MAX_FILTERS,
                description:
                  'Those of `topics` that one did not follow yet at `lastEventId`: what is retained under them comes first, and nothing from before',
              }),
            ),
            lastEventId: Type.Optional(
              Type.String({ maxLength: 128, description: 'For clients that cannot send the header `Last-Event-ID`' }),
            ),
          },
          { additionalProperties: false },
        ),
        response: {
          200: {
            description: 'Events, until one side ends it',
            content: { [EVENT_STREAM]: { schema: { type: 'string' } } },
          },
          ...problems('request_invalid', 'topic_invalid', 'subscribe_forbidden', 'stream_limit', 'shutting_down'),
        },
      },
    },
    async (request, reply) => {
      const issued = issuedOf(request)
      const current = () => namedBySub(rights.current(issued))
      const principal = current()
      const filters = [...new Set(request.query.topics)]
      checkFilters(principal, filters)
      reply.type(EVENT_STREAM).header('cache-control', 'no-store, no-transform').header('x-accel-buffering', 'no')
      if (request.method === 'HEAD') return reply.send('')
      const header = request.headers['last-event-id']
      const lastEventId = (Array.isArray(header) ? header[0] : header) ?? request.query.lastEventId
      const freshFilters = request.query.fresh ?? []
      return reply.send(feeds.open(principal, { current, filters, freshFilters, lastEventId }))
    },
  )
}

/** One filter of several that is refused is told in the stream, as SUBACK does; when none is left, there is nothing to stream. */
function checkFilters(principal: Principal, filters: readonly string[]): void {
  for (const filter of filters) {
    if (!isFilter(filter)) {
      throw new TrackwireError('topic_invalid', `${JSON.stringify(filter)} is no topic filter; # stands last, + alone`)
    }
  }
  const decisions = filters.map(filter => decideFilter(principal, filter))
  if (decisions.some(({ allowed }) => allowed)) return
  throw new TrackwireError('subscribe_forbidden', `${filters[0]} is not allowed: ${decisions[0]!.reason}`)
}
