import Type from 'typebox'
import { Id, type Principal, TimestampMs, TrackwireError } from '../../../contract/index.ts'
import { CLOCK_LEEWAY_SECONDS, SESSION_TOKENS_LIVE_MS } from '../../auth/lifetimes.ts'
import { endLogin } from '../../auth/refresh-tokens.ts'
import type { CurrentRights } from '../../auth/rights.ts'
import type { Tokens } from '../../auth/tokens.ts'
import { recordAudit } from '../../store/audit.ts'
import type { Database, Queryable } from '../../store/database.ts'
import { listRevocations, type RevocationRow, revokeToken, revokeTokensBefore } from '../../store/revocations.ts'
import { ADMINS, principalOf } from '../access.ts'
import { actOf } from '../act.ts'
import { problems } from '../problem.ts'
import { DEFAULT_LIMIT, listOf, pageOf, pageQuery, readCursor } from '../query.ts'
import type { Api } from '../schema-checks.ts'

const ClosedObject = { additionalProperties: false }
const ByToken = Type.Object({ token: Type.String({ maxLength: 16_384 }) }, ClosedObject)
const ByJti = Type.Object(
  {
    jti: Type.String({ minLength: 1, maxLength: 256, description: 'Of a token; or the sid of a log-in' }),
    expiresAt: Type.Optional({
      ...TimestampMs,
      description: 'When the token expires, in milliseconds: until then it is remembered; for ever when left out',
    }),
  },
  ClosedObject,
)
const BySub = Type.Object(
  {
    sub: Id,
    before: Type.Optional({ ...TimestampMs, description: 'Tokens issued before this time; now when left out' }),
  },
  ClosedObject,
)
const NewRevocation = Type.Union([ByToken, ByJti, BySub])

const Revocation = {
  ...Type.Object({
    kind: Type.String({
      description: '`token`: one token or log-in; `account`, `device`: tokens issued before a time',
    }),
    id: Type.String({ description: 'The jti or sid; the id of the user or device' }),
    before: Type.Union([Type.Integer(), Type.Null()], { description: 'Milliseconds' }),
    expiresAt: Type.Union([Type.Integer(), Type.Null()], { description: 'When it is forgotten; null = never' }),
    reason: Type.String(),
    revokedAt: Type.Integer({ description: 'Milliseconds' }),
    revokedBy: Type.String(),
  }),
  description: 'What was revoked',
}

function revocationView(row: RevocationRow): object {
  const { kind, id, before, expires_at, reason, revoked_at, revoked_by } = row
  return { kind, id, before, expiresAt: expires_at, reason, revokedAt: revoked_at, revokedBy: revoked_by }
}

/** Tokens that are valid no longer, though they have not expired. */
export function revocationRoutes(
  app: Api,
  { db, tokens, rights }: { db: Database; tokens: Tokens; rights: CurrentRights },
): void {
  app.post(
    '/api/v1/admin/revocations',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'revokeTokens',
        summary: 'Revoke a token, or all tokens of a user or device that were issued before a time',
        description:
          'Of a token itself, the log-in that it comes of ends too. Live connections end within a second. A revocation cannot be taken back.',
        tags: ['administration'],
        body: NewRevocation,
        response: {
          204: { type: 'null', description: 'It is revoked' },
          ...problems('payload_not_json', 'payload_invalid', 'request_invalid'),
        },
      },
    },
    async (request, reply) => {
      const { org, sub: by } = principalOf(request)
      const { body } = request
      const nowMs = Date.now()
      const why = { reason: 'administrator', by } as const
      if ('token' in body) {
        const stolen = await read(body.token, org)
        await db.transaction(async tx => {
          await revokeWhole(tx, stolen, why, nowMs)
          await recordAudit(tx, actOf(request, 'token.revoke', stolen.sub, { jti: stolen.jti, sid: stolen.sid }), nowMs)
        })
      } else if ('jti' in body) {
        const { jti, expiresAt = null } = body
        await db.transaction(async tx => {
          await revokeToken(tx, { org, id: jti, expiresAt, sub: null }, why, nowMs)
          await recordAudit(tx, actOf(request, 'token.revoke', jti), nowMs)
        })
      } else {
        const { sub, before = nowMs } = body
        if (before > nowMs) {
          throw new TrackwireError('payload_invalid', 'before is in the future; to shut somebody out, use a ban')
        }
        await db.transaction(async tx => {
          for (const kind of ['account', 'device'] as const) {
            await revokeTokensBefore(tx, { org, kind, sub, before }, why, nowMs)
          }
          await recordAudit(tx, actOf(request, 'token.revoke', sub, { before }), nowMs)
        })
      }
      await rights.refresh()
      return reply.code(204).send()
    },
  )

  app.get(
    '/api/v1/admin/revocations',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'listRevocations',
        summary: 'What was revoked and could still be valid, newest first; logouts too',
        tags: ['administration'],
        querystring: pageQuery({}),
        response: { 200: listOf(Revocation, 'A page of revocations'), ...problems('request_invalid') },
      },
    },
    async request => {
      const { limit = DEFAULT_LIMIT, cursor } = request.query
      const after = readCursor<[number, string, string]>(cursor, ['number', 'string', 'string'])
      const rows = await listRevocations(db, principalOf(request).org, { after, limit: limit + 1, nowMs: Date.now() })
      return pageOf(rows, limit, row => [row.revoked_at, row.kind, row.id], revocationView)
    },
  )

  /** A token to be revoked has to be one of ours. What is wrong with it is no matter of the caller's own token, so the status is 400. */
  async function read(token: string, org: string): Promise<Principal> {
    const stolen = await tokens.verify(token).catch((cause: unknown) => {
      if (!(cause instanceof TrackwireError)) throw cause
      throw new TrackwireError('request_invalid', `there is nothing to revoke: ${cause.message}`, { cause })
    })
    if (stolen.org !== org) {
      throw new TrackwireError('request_invalid', 'there is nothing to revoke: the token is of another organisation')
    }
    if (stolen.jti === undefined) {
      throw new TrackwireError('request_invalid', 'the token has no jti; revoke all tokens of its sub instead')
    }
    return stolen
  }
}

/** A token, what was made from it, and where it comes of a log-in, all of that. */
async function revokeWhole(
  tx: Queryable,
  { org, sub, jti, sid, expiresAtMs }: Principal,
  why: { reason: 'administrator'; by: string },
  nowMs: number,
): Promise<void> {
  // A socket token that was made from it lives on for a day.
  const expiresAt = Math.max(expiresAtMs + CLOCK_LEEWAY_SECONDS * 1_000, nowMs + SESSION_TOKENS_LIVE_MS)
  await revokeToken(tx, { org, id: jti!, expiresAt, sub }, why, nowMs)
  if (sid !== undefined) await endLogin(tx, { org, userId: sub, sid }, why, nowMs)
}
