import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { ERRORS, type ErrorCode, TrackwireError } from '../../contract/index.ts'
import { DatabaseError } from '../store/database.ts'
import { isTransient } from '../store/sqlstate.ts'

export const PROBLEM_TYPE = 'application/problem+json'
const TOO_LARGE = 'the body is larger than 256 KiB (20 MiB for an import of fences); send it in parts'

/** RFC 9457 §3, with our stable `code` and the machine-readable extras of the refusal (`path`, `position`, `index`, …). */
export const Problem = Type.Object(
  {
    type: Type.String({
      description: 'A URI reference that names the kind of problem: the code in the error reference',
    }),
    title: Type.String({ description: 'What the code means' }),
    status: Type.Integer(),
    detail: Type.String({ description: 'The cause and the remedy in this case, in one sentence' }),
    code: Type.String({ description: 'Stable code of docs/reference/errors.md' }),
    requestId: Type.Optional(Type.String({ description: 'The id under which the log has this request' })),
  },
  { description: 'RFC 9457 problem details' },
)

/** Brings whatever was thrown into a coded error. An unexpected one becomes `internal` and keeps its cause for the log. */
export function refusalOf(error: unknown): TrackwireError {
  if (error instanceof TrackwireError) return error
  if (error instanceof DatabaseError && isTransient(error.code)) {
    return new TrackwireError('storage_unavailable', undefined, { cause: error })
  }
  const { code, statusCode, message } = error as Partial<FastifyError>
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new TrackwireError('payload_too_large', TOO_LARGE, { cause: error })
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new TrackwireError(
      'media_type_unsupported',
      'the Content-Type is not one the API reads; send application/json (fences: application/geo+json too)',
      { cause: error },
    )
  }
  if (code === 'FST_ERR_BAD_URL') {
    return new TrackwireError('request_invalid', 'the URL is not properly percent-encoded', { cause: error })
  }
  if (code === 'FST_ERR_MAX_PARAM_LENGTH') {
    return new TrackwireError('request_invalid', 'an id in the URL is longer than any id', { cause: error })
  }
  if (code?.startsWith('FST_') && statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new TrackwireError('request_invalid', message, { cause: error })
  }
  return new TrackwireError('internal', undefined, { cause: error })
}

/** The body of an error answer. Details never overwrite the members of RFC 9457. */
export function problemOf(refusal: TrackwireError, requestId: string): Record<string, unknown> {
  return {
    ...refusal.details,
    type: `/api/docs/errors#${refusal.code}`,
    title: ERRORS[refusal.code].meaning,
    status: refusal.status,
    detail: refusal.message,
    code: refusal.code,
    requestId,
  }
}

/** Answers with the problem; logs what nobody expected, with its cause. */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const refusal = refusalOf(error)
  if (refusal.code === 'internal') request.log.error({ err: refusal.cause ?? refusal }, 'request failed unexpectedly')
  else if (refusal.status >= 500 && refusal.code !== 'overloaded')
    request.log.warn({ code: refusal.code, err: refusal.cause }, 'request refused')
  // Also where no hook has run yet: a URL that cannot be read is refused before all of them.
  reply.header('x-request-id', request.id)
  if (refusal.status === 401) reply.header('www-authenticate', challengeOf(refusal))
  const retryAfterSeconds = refusal.details?.retryAfterSeconds ?? (refusal.status === 503 ? 1 : undefined)
  if (retryAfterSeconds !== undefined) reply.header('retry-after', String(retryAfterSeconds))
  return reply.code(refusal.status).type(PROBLEM_TYPE).send(problemOf(refusal, request.id))
}

/** RFC 6750 §3: no error attribute when no token was sent. */
function challengeOf({ code }: TrackwireError): string {
  if (code === 'token_missing' || code === 'credentials_wrong') return 'Bearer realm="trackwire"'
  return `Bearer realm="trackwire", error="invalid_token", error_description="${ERRORS[code].meaning}"`
}

/** What every route that needs a token may answer. */
const ALWAYS: readonly ErrorCode[] = ['internal', 'storage_unavailable']
const WITH_TOKEN: readonly ErrorCode[] = [
  'token_missing',
  'token_invalid',
  'token_expired',
  'token_revoked',
  'principal_banned',
  'forbidden',
  'rate_limited',
]

/** The error responses of a route behind a token, for its schema: one entry a status, its codes named. */
export function problems(...codes: ErrorCode[]): Record<string, object> {
  return problemsOf([...codes, ...WITH_TOKEN, ...ALWAYS])
}

/** The same for a route that needs no token. */
export function publicProblems(...codes: ErrorCode[]): Record<string, object> {
  return problemsOf([...codes, ...ALWAYS])
}

function problemsOf(codes: readonly ErrorCode[]): Record<string, object> {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of new Set(codes)) {
    byStatus.set(ERRORS[code].status, [...(byStatus.get(ERRORS[code].status) ?? []), code])
  }
  const responses: Record<string, object> = {}
  for (const [status, ofStatus] of [...byStatus].sort(([a], [b]) => a - b)) {
    responses[status] = {
      description: ofStatus.map(code => `\`${code}\`: ${ERRORS[code].meaning}`).join(' '),
      content: { [PROBLEM_TYPE]: { schema: { $ref: 'Problem#' } } },
    }
  }
  return responses
}
