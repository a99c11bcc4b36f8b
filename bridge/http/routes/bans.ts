import Type from 'typebox'
import { Id, TimestampMs, TrackwireError } from '../../../contract/index.ts'
import type { CurrentRights } from '../../auth/rights.ts'
import { mustLeaveAnAdmin } from '../../auth/users.ts'
import { recordAudit } from '../../store/audit.ts'
import { type BanRow, deleteBan, listBans, putBan } from '../../store/bans.ts'
import type { Database } from '../../store/database.ts'
import { recordRightsChanges } from '../../store/rights-changes.ts'
import { lockUsers } from '../../store/users.ts'
import { ADMINS, principalOf } from '../access.ts'
import { actOf } from '../act.ts'
import { problems } from '../problem.ts'
import { DEFAULT_LIMIT, listOf, pageOf, pageQuery, readCursor } from '../query.ts'
import type { Api } from '../schema-checks.ts'

const BySub = Type.Object({ sub: Id }, { additionalProperties: false })
const NewBan = Type.Object(
  {
    sub: Id,
    until: Type.Optional(
      Type.Union([TimestampMs, Type.Null()], { description: 'Milliseconds; until it is lifted when null or left out' }),
    ),
    reason: Type.Optional(Type.String({ maxLength: 500, description: 'For administrators; the banned are not told' })),
  },
  { additionalProperties: false },
)
const Ban = {
  ...Type.Object({
    sub: Id,
    until: Type.Union([Type.Integer(), Type.Null()]),
    reason: Type.Union([Type.String(), Type.Null()]),
    bannedAt: Type.Integer({ description: 'Milliseconds' }),
    bannedBy: Type.String(),
  }),
  description: 'A user or device that is shut out',
}

function banView({ sub, until, reason, banned_at, banned_by }: BanRow): object {
  return { sub, until, reason, bannedAt: banned_at, bannedBy: banned_by }
}

/** Users and devices of the organisation that are shut out, whatever token they have. */
export function banRoutes(app: Api, { db, rights }: { db: Database; rights: CurrentRights }): void {
  app.post(
    '/api/v1/admin/bans',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'banPrincipal',
        summary: 'Ban a user or a device, in place of an earlier ban of it',
        description: 'Live connections end within a second; every token of it is refused until the ban is over.',
        tags: ['administration'],
        body: NewBan,
        response: {
          201: Ban,
          ...problems('last_admin', 'payload_not_json', 'payload_invalid', 'request_invalid'),
        },
      },
    },
    async (request, reply) => {
      const { org, sub: by } = principalOf(request)
      const { sub, until = null, reason = null } = request.body
      const nowMs = Date.now()
      if (until !== null && until <= nowMs) {
        throw new TrackwireError('payload_invalid', 'until is in the past; send a later time, or leave it out')
      }
      const ban = await db.transaction(async tx => {
        await lockUsers(tx, org)
        await mustLeaveAnAdmin(tx, org, sub, nowMs)
        await recordRightsChanges(tx, [{ org, kind: 'ban', id: sub, sub }], nowMs)
        await recordAudit(tx, actOf(request, 'ban.add', sub, { until, reason }), nowMs)
        return putBan(tx, { org, sub, until, reason, by }, nowMs)
      })
      await rights.refresh()
      return reply.code(201).send(banView(ban))
    },
  )

  app.get(
    '/api/v1/admin/bans',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'listBans',
        summary: 'The bans in force, in order of whom they are about',
        tags: ['administration'],
        querystring: pageQuery({}),
        response: { 200: listOf(Ban, 'A page of bans'), ...problems('request_invalid') },
      },
    },
    async request => {
      const { limit = DEFAULT_LIMIT, cursor } = request.query
      const after = readCursor<[string]>(cursor, ['string'])?.[0]
      const rows = await listBans(db, principalOf(request).org, { after, limit: limit + 1, nowMs: Date.now() })
      return pageOf(rows, limit, row => [row.sub], banView)
    },
  )

  app.delete(
    '/api/v1/admin/bans/:sub',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'liftBan',
        summary: 'Lift a ban',
        tags: ['administration'],
        params: BySub,
        response: {
          204: { type: 'null', description: 'It is lifted' },
          ...problems('not_found', 'request_invalid'),
        },
      },
    },
    async (request, reply) => {
      const { org } = principalOf(request)
      const { sub } = request.params
      await db.transaction(async tx => {
        const existed = await deleteBan(tx, org, sub)
        if (!existed) throw new TrackwireError('not_found', `${sub} is not banned`)
        await recordRightsChanges(tx, [{ org, kind: 'ban', id: sub, sub }], Date.now())
        await recordAudit(tx, actOf(request, 'ban.lift', sub), Date.now())
      })
      await rights.refresh()
      return reply.code(204).send()
    },
  )
}
