import Type from 'typebox'
import { TrackwireError } from '../../../contract/index.ts'
import { CODE_LIFETIME_SECONDS, issueLoginCode, redeemLoginCode } from '../../auth/login-codes.ts'
import type { Tokens } from '../../auth/tokens.ts'
import { recordAudit } from '../../store/audit.ts'
import type { Database } from '../../store/database.ts'
import { ANYONE, issuedOf, PUBLIC, principalOf } from '../access.ts'
import { problems, publicProblems } from '../problem.ts'
import type { Api } from '../schema-checks.ts'

const MOST_SECONDS = 24 * 3_600

const Code = Type.Object({ code: Type.String({ minLength: 1, maxLength: 64 }) }, { additionalProperties: false })

/** Links that log in bear a one-time code, never a token: what stands in an address bar, a chat or a terminal gets copied. */
export function loginCodeRoutes(app: Api, { db, tokens }: { db: Database; tokens: Tokens }): void {
  app.post(
    '/api/v1/auth/codes',
    {
      config: { access: ANYONE },
      schema: {
        operationId: 'makeLoginCode',
        summary: 'A one-time code for a link into the dashboard with the rights of this token',
        description: 'Put it into the fragment: `https://host/#code=…`. Good for one use within 10 minutes.',
        tags: ['auth'],
        response: {
          201: {
            type: 'object',
            description: 'The code',
            required: ['code', 'expiresIn'],
            properties: { code: { type: 'string' }, expiresIn: { type: 'integer', description: 'Seconds' } },
          },
          ...problems(),
        },
      },
    },
    async (request, reply) => {
      const issued = issuedOf(request)
      // By way of a code a socket token would get a successor of itself after all.
      if (issued.use === 'socket') {
        throw new TrackwireError('forbidden', 'this is a socket token; ask with the access token of the log-in')
      }
      // What the database grants is looked up live; the role may be another one than when the token was issued.
      const code = await issueLoginCode(db, { ...issued, role: principalOf(request).role }, Date.now())
      return reply.code(201).send({ code, expiresIn: CODE_LIFETIME_SECONDS })
    },
  )

  app.post(
    '/api/v1/auth/code',
    {
      config: { access: PUBLIC },
      schema: {
        operationId: 'redeemLoginCode',
        summary: 'Swap a one-time code for a token',
        description:
          'The token lives as long as the one that asked for the code, 24 h at the most, and cannot be renewed.',
        tags: ['auth'],
        security: [],
        body: Code,
        response: {
          200: {
            type: 'object',
            description: 'A token',
            required: ['accessToken', 'tokenType', 'expiresIn'],
            properties: {
              accessToken: { type: 'string' },
              tokenType: { const: 'Bearer' },
              expiresIn: { type: 'integer', description: 'Seconds' },
            },
          },
          ...publicProblems('token_invalid', 'rate_limited', 'payload_not_json', 'payload_invalid'),
        },
      },
    },
    async request => {
      const { code } = request.body
      const nowMs = Date.now()
      const { expiresAtMs, ...rights } = await db.transaction(async tx => {
        const redeemed = await redeemLoginCode(tx, code, nowMs)
        const { org, sub } = redeemed
        await recordAudit(tx, { org, actor: sub, action: 'session.code', target: sub, address: request.ip }, nowMs)
        return redeemed
      })
      const expiresIn = Math.min(MOST_SECONDS, Math.max(1, Math.floor((expiresAtMs - nowMs) / 1_000)))
      return { accessToken: await tokens.mint({ ...rights, ttlSeconds: expiresIn }), tokenType: 'Bearer', expiresIn }
    },
  )
}
