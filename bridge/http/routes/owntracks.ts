import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import {
  decodeJson,
  type ErrorCode,
  isId,
  type OwnTracksMessage,
  parseOwnTracksTopic,
  readOwnTracks,
  TrackwireError,
} from '../../../contract/index.ts'
import { ANYONE, basicCredentials } from '../access.ts'
import { type PhoneDeskOptions, takeMessages } from '../phone-desk.ts'
import { problems } from '../problem.ts'
import { documented } from '../schema-checks.ts'
import { readBodiesAsTheyCome } from './osmand.ts'

/** What is in an encrypted message: nonce and box in base64 → the message inside. Errors: `payload_invalid`. */
export type OpenOwnTracks = (data: string) => unknown

const REFUSALS: ErrorCode[] = [
  'payload_not_json',
  'payload_invalid',
  'payload_too_large',
  'device_unknown',
  'publish_forbidden',
  'shutting_down',
]

const QUERY = {
  type: 'object',
  properties: {
    u: { type: 'string', description: 'The user, where neither a topic nor a header says it' },
    d: { type: 'string', description: 'The device, where neither a topic nor a header says it' },
  },
}

/** OwnTracks in its HTTP mode, unchanged. `/pub` is what its recorder calls the same. */
export async function ownTracksRoutes(
  app: FastifyInstance,
  options: PhoneDeskOptions & { openOwnTracks?: OpenOwnTracks | undefined },
): Promise<void> {
  await app.register(async scope => {
    readBodiesAsTheyCome(scope)
    for (const [url, operationId] of [
      ['/owntracks', 'postOwnTracks'],
      ['/pub', 'postOwnTracksPub'],
    ] as const) {
      scope.post(
        url,
        {
          config: { access: ANYONE, credentials: 'basic', rateClass: 'none' },
          schema: {
            operationId,
            summary: 'Send a message of OwnTracks; 200 with [] once it is stored',
            description:
              'The token is the password of Basic (or Bearer). The token of a device is that device; others name it by `topic`, `X-Limit-D`, `?d=`, the user of Basic or `tid`, in this order. Locations and transitions are stored; everything else is accepted and not kept. A fix that never can be stored is answered like one that was, since the app would send it for ever.',
            tags: ['tracking'],
            querystring: documented(QUERY),
            body: documented({ description: 'An OwnTracks message', type: 'object' }),
            response: {
              200: { type: 'array', items: {}, description: 'Messages for the app: none' },
              ...problems(...REFUSALS),
            },
          },
        },
        async (request, reply) => {
          await take(request, reply, options)
          return reply.send([])
        },
      )
    }
  })
}

async function take(
  request: FastifyRequest,
  reply: FastifyReply,
  options: PhoneDeskOptions & { openOwnTracks?: OpenOwnTracks | undefined },
): Promise<void> {
  const body = request.body as Buffer | undefined
  // The app sends a body of no bytes to clear what a broker would retain.
  if (body === undefined || body.length === 0) return
  const outside = decodeJson(body, 'body')
  const { inside, message } = opened(outside, options.openOwnTracks)
  if (message.kind !== 'fix') return
  const identity = identityOf(request, { ...asObject(outside), ...asObject(inside) })
  const phone = { identity, fix: message.fix, sos: null, payload: inside }
  const [refused] = await takeMessages(options, reply, [phone], 'owntracks')
  if (refused === undefined) return
  const { code, message: reason } = refused
  if (code === 'device_unknown' || code === 'publish_forbidden' || code === 'payload_invalid') {
    throw new TrackwireError(code, reason)
  }
  request.log.info({ code }, 'a position was refused')
}

/** The message, and what it was in; encrypted ones are opened once. Errors: `payload_invalid`. */
function opened(
  outside: unknown,
  open: OpenOwnTracks | undefined,
): { inside: unknown; message: Exclude<OwnTracksMessage, { kind: 'encrypted' }> } {
  const message = readOwnTracks(outside)
  if (message.kind !== 'encrypted') return { inside: outside, message }
  if (open === undefined) {
    throw new TrackwireError(
      'payload_invalid',
      'the message is encrypted, and the platform has no key; set TRACKWIRE_OWNTRACKS_SECRET, or turn encryption off in the app',
    )
  }
  const inside = open(message.data)
  const inner = readOwnTracks(inside)
  if (inner.kind !== 'encrypted') return { inside, message: inner }
  throw new TrackwireError('payload_invalid', 'the message is encrypted twice')
}

function identityOf(request: FastifyRequest, said: Readonly<Record<string, unknown>>): string | null {
  const { d } = request.query as { d?: unknown }
  const topic = typeof said.topic === 'string' ? parseOwnTracksTopic(said.topic)?.device : undefined
  const named = [topic, request.headers['x-limit-d'], d, basicCredentials(request)?.user, said.tid]
  return named.find(isId) ?? null
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return value as Readonly<Record<string, unknown>>
}
