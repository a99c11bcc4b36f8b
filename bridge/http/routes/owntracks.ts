import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import {
  decodeJson,
  type ErrorCode,
  isId,
  type OwnTracksContent,
  type OwnTracksMessage,
  parseOwnTracksTopic,
  readOwnTracks,
  TrackwireError,
} from '../../../contract/index.ts'
import { friendsOf } from '../../phones/friends.ts'
import { keepSaying } from '../../phones/keep-saying.ts'
import { ANYONE, basicCredentials, mayRead, principalOf } from '../access.ts'
import { limitFix } from '../limit-requests.ts'
import {
  type PhoneDeskOptions,
  type PhoneSender,
  type RefusedMessage,
  senderByToken,
  takeMessages,
} from '../phone-desk.ts'
import { problems } from '../problem.ts'
import { documented } from '../schema-checks.ts'
import { readBodiesAsTheyCome } from './osmand.ts'

/** The secret that the platform shares with the apps. */
export interface OwnTracksSecret {
  /** What is in an encrypted message: nonce and box in base64 → the message inside. Errors: `payload_invalid`. */
  open(data: string): unknown
  /** The reverse. */
  seal(message: unknown): string
}

type OwnTracksOptions = PhoneDeskOptions & { ownTracks?: OwnTracksSecret | undefined }

const REFUSALS: ErrorCode[] = [
  'payload_not_json',
  'payload_invalid',
  'payload_too_large',
  'device_unknown',
  'publish_forbidden',
  'shutting_down',
  'overloaded',
]

const QUERY = {
  type: 'object',
  properties: {
    u: { type: 'string', description: 'The user, where neither a topic nor a header says it' },
    d: { type: 'string', description: 'The device, where neither a topic nor a header says it' },
  },
}

/** OwnTracks in its HTTP mode, unchanged. `/pub` is what its recorder calls the same. */
export async function ownTracksRoutes(app: FastifyInstance, options: OwnTracksOptions): Promise<void> {
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
            summary: 'Send a message of OwnTracks; 200 with the friends of the phone once it is stored',
            description:
              'The token is the password of Basic (or Bearer). The token of a device is that device; others name it by `topic`, `X-Limit-D`, `?d=`, the user of Basic or `tid`, in this order. Locations and transitions are stored, places (`waypoint`, `waypoints`) become fences for the phone alone, the `card` is kept; everything else is accepted and not kept. A position is answered with a `location` and a `card` of each device that the token may see beside its own, up to 200; encrypted when the message was. A fix that never can be stored is answered like one that was, since the app would send it for ever.',
            tags: ['tracking'],
            querystring: documented(QUERY),
            body: documented({ description: 'An OwnTracks message', type: 'object' }),
            response: {
              200: { type: 'array', items: {}, description: 'Messages for the app' },
              ...problems(...REFUSALS),
            },
          },
        },
        async (request, reply) => {
          return reply.send(await take(request, reply, options))
        },
      )
    }
  })
}

/** @returns what the app is answered */
async function take(request: FastifyRequest, reply: FastifyReply, options: OwnTracksOptions): Promise<object[]> {
  const body = request.body as Buffer | undefined
  // The app sends a body of no bytes to clear what a broker would retain.
  if (body === undefined || body.length === 0) return []
  const outside = decodeJson(body, 'body')
  const { inside, message, wasSealed } = opened(outside, options.ownTracks)
  if (message.kind === 'gone' || message.kind === 'other') return []
  const identity = identityOf(request, { ...asObject(outside), ...asObject(inside) })
  if (message.kind !== 'fix') {
    await keep(senderByToken(request, identity), message, reply, options)
    return []
  }
  const phone = { identity, fix: message.fix, sos: null, payload: inside }
  const [refused] = await takeMessages(options, reply, [phone], 'owntracks')
  if (refused !== undefined) tellRefusal(request, refused)
  const answers = await answersFor(request, identity, options)
  const { ownTracks } = options
  if (!wasSealed || ownTracks === undefined) return answers
  return answers.map(answer => ({ _type: 'encrypted', data: ownTracks.seal(answer) }))
}

/** What is told to the app comes again; what never can be taken must not. */
function tellRefusal(request: FastifyRequest, { code, message }: RefusedMessage): void {
  if (code === 'device_unknown' || code === 'publish_forbidden' || code === 'payload_invalid') {
    throw new TrackwireError(code, message)
  }
  request.log.info({ code }, 'a position was refused')
}

async function keep(
  sender: PhoneSender,
  content: OwnTracksContent,
  reply: FastifyReply,
  { ingest, limits }: OwnTracksOptions,
): Promise<void> {
  limitFix(limits, sender.owner, reply)
  const unkept = await keepSaying(ingest, { ...sender, content })
  if (unkept.length > 0) reply.request.log.info({ unkept }, 'places of a phone were not taken')
}

/** The friends of the phone, as OwnTracks' own recorder tells them. */
function answersFor(request: FastifyRequest, identity: string | null, { db }: OwnTracksOptions): Promise<object[]> {
  const principal = principalOf(request)
  const own = principal.role === 'device' ? principal.sub : identity
  return friendsOf(db, principal, { own, mayRead: deviceId => mayRead(principal, 'last', { deviceId }) })
}

/** The message, and what it was in; encrypted ones are opened once. Errors: `payload_invalid`. */
function opened(
  outside: unknown,
  secret: OwnTracksSecret | undefined,
): { inside: unknown; message: Exclude<OwnTracksMessage, { kind: 'encrypted' }>; wasSealed: boolean } {
  const message = readOwnTracks(outside)
  if (message.kind !== 'encrypted') return { inside: outside, message, wasSealed: false }
  if (secret === undefined) {
    throw new TrackwireError(
      'payload_invalid',
      'the message is encrypted, and the platform has no key; set TRACKWIRE_OWNTRACKS_SECRET, or turn encryption off in the app',
    )
  }
  const inside = secret.open(message.data)
  const inner = readOwnTracks(inside)
  if (inner.kind !== 'encrypted') return { inside, message: inner, wasSealed: true }
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
