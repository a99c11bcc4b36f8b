import Type from 'typebox'
import { CHANNELS, Id, type Principal, type ShareScope, TrackwireError } from '../../../contract/index.ts'
import type { Tokens } from '../../auth/tokens.ts'
import { Openings } from '../../share/openings.ts'
import { hashShareCode, newShareId, shortenAddress } from '../../share/share-code.ts'
import type { ShareLinks } from '../../share/share-links.ts'
import { endOfShare, scopeOf } from '../../share/share-state.ts'
import { fixInView } from '../../share/share-view.ts'
import type { Database } from '../../store/database.ts'
import { findDevice } from '../../store/queries/devices.ts'
import { fixOf, listFixes } from '../../store/queries/history.ts'
import { countShareView, findShareLinkByCode, type ShareLinkRow } from '../../store/share-links.ts'
import { insertShareView, touchShareView } from '../../store/share-views.ts'
import { PUBLIC, principalOf, SHARED } from '../access.ts'
import { problems, publicProblems } from '../problem.ts'
import { DEFAULT_LIMIT, listOf, pageOf, pageQuery, readCursor, readTimeRange, TimeText } from '../query.ts'
import type { Api } from '../schema-checks.ts'
import { unknownDevice } from '../visibility.ts'

/** Short, because a token outlives its link by so much at the most where nobody asks the database. */
const TOKEN_SECONDS = 600
const LONGEST_USER_AGENT = 200

const Code = Type.Object({ code: Type.String({ minLength: 1, maxLength: 100 }) }, { additionalProperties: false })
const ByDevice = Type.Object({ deviceId: Id }, { additionalProperties: false })

const TOKEN = {
  token: { type: 'string', description: 'JWT: bearer of the /shared routes, password of MQTT' },
  tokenType: { const: 'Bearer' },
  expiresIn: { type: 'integer', description: 'Seconds; renew it before' },
  org: { type: 'string', description: 'The first level of the topics' },
  sub: { type: 'string', description: `Whose errors are told, on ${CHANNELS.errors.template}` },
}
const ShareToken = {
  type: 'object',
  description: 'A short-lived token for what the link shows',
  required: Object.keys(TOKEN),
  properties: TOKEN,
}
const SharedDevice = {
  type: 'object',
  required: ['id', 'name', 'last'],
  properties: {
    id: { type: 'string' },
    name: { type: 'string' },
    last: {
      anyOf: [{ $ref: 'LocationUpdate#' }, { type: 'null' }],
      description: 'Its newest position, null while that one is not part of the link',
    },
  },
}
const SHOWN = {
  label: { anyOf: [{ type: 'string' }, { type: 'null' }] },
  from: { type: 'integer' },
  until: { type: 'integer' },
  history: { type: 'boolean' },
  precisionMeters: { anyOf: [{ type: 'number' }, { type: 'null' }] },
  hasArea: { type: 'boolean', description: 'Positions outside of an area are withheld' },
  devices: { type: 'array', items: SharedDevice },
}
const Shared = {
  type: 'object',
  description: 'All that a share link shows now',
  required: Object.keys(SHOWN),
  properties: SHOWN,
}

/** For those who have a share link: opening it, and what it shows. */
export function sharedRoutes(
  app: Api,
  options: { db: Database; tokens: Tokens; shareLinks: ShareLinks; now?: (() => number) | undefined },
): void {
  const { db, tokens, shareLinks, now = Date.now } = options
  const openings = new Openings()

  app.post(
    '/api/v1/share-links/open',
    {
      config: { access: PUBLIC },
      schema: {
        operationId: 'openShareLink',
        summary: 'Open a share link with its code',
        description: 'The code is what stands behind # in the link. Each opening is counted and logged for its maker.',
        tags: ['sharing'],
        security: [],
        body: Code,
        response: {
          200: ShareToken,
          ...publicProblems('share_unknown', 'share_ended', 'too_many_attempts', 'payload_not_json', 'payload_invalid'),
        },
      },
    },
    async request => {
      const nowMs = now()
      openings.check(request.ip, nowMs)
      const link = await findShareLinkByCode(db, hashShareCode(request.body.code))
      if (link === undefined) {
        openings.count(request.ip, nowMs)
        throw new TrackwireError('share_unknown', 'no share link has this code; was the link copied in full?')
      }
      const end = endOfShare(link, nowMs)
      if (end !== null) throw end
      openings.check(link.id, nowMs)
      openings.count(link.id, nowMs)
      const view = newShareId()
      const userAgent = request.headers['user-agent']?.slice(0, LONGEST_USER_AGENT) ?? null
      const { org, id } = link
      await db.transaction(async tx => {
        if (!(await countShareView(tx, org, id))) {
          throw new TrackwireError('share_ended', 'this share link was opened as often as it may be', {
            details: { state: 'used-up' },
          })
        }
        const address = shortenAddress(request.ip)
        await insertShareView(tx, { org, link: id, id: view, address, userAgent }, nowMs)
      })
      return tokenFor(link, view, nowMs)
    },
  )

  app.post(
    '/api/v1/shared/renew',
    {
      config: { access: SHARED },
      schema: {
        operationId: 'renewShareToken',
        summary: 'The next token of the same opening, while the link lives',
        tags: ['sharing'],
        response: { 200: ShareToken, ...problems('share_ended') },
      },
    },
    async request => {
      const principal = principalOf(request)
      const { share, link } = await seen(principal)
      if (link === undefined || share.view === undefined) {
        throw new TrackwireError('forbidden', 'this token was not made by opening a link, so it has no successor')
      }
      return tokenFor(link, share.view, now())
    },
  )

  app.get(
    '/api/v1/shared',
    {
      config: { access: SHARED },
      schema: {
        operationId: 'getShared',
        summary: 'What a share link shows: its window, its devices, their newest positions',
        tags: ['sharing'],
        response: { 200: Shared, ...problems('share_ended') },
      },
    },
    async request => {
      const { org, share, link } = await seen(principalOf(request))
      const nowMs = now()
      const devices = await Promise.all(
        share.devices.map(async id => {
          const row = await findDevice(db, org, id)
          const last = row?.newest == null ? null : fixInView(share, id, row.newest, nowMs)
          return { id, name: row?.name ?? id, last }
        }),
      )
      const { from, until, history = false, area, precisionMeters = null } = share
      return { label: link?.label ?? null, from, until, history, precisionMeters, hasArea: area !== undefined, devices }
    },
  )

  app.get(
    '/api/v1/shared/devices/:deviceId/history',
    {
      config: { access: SHARED },
      schema: {
        operationId: 'getSharedHistory',
        summary: 'Where a shared device has been since the link began, ascending by time',
        description:
          '`from` is inclusive, `to` exclusive, both within the window of the link. Positions are withheld and rounded as the live ones are, so a page may hold less than `limit` and still have a next one.',
        tags: ['sharing'],
        params: ByDevice,
        querystring: pageQuery({ from: Type.Optional(TimeText), to: Type.Optional(TimeText) }),
        response: {
          200: listOf({ $ref: 'LocationUpdate#' }, 'A page of fixes'),
          ...problems('device_unknown', 'share_ended', 'request_invalid'),
        },
      },
    },
    async request => {
      const { org, share } = await seen(principalOf(request))
      const { deviceId } = request.params
      if (!share.devices.includes(deviceId)) throw unknownDevice(deviceId)
      if (share.history !== true) throw new TrackwireError('forbidden', 'this share link is live only')
      const { limit = DEFAULT_LIMIT, cursor } = request.query
      const afterTime = readCursor<[number]>(cursor, ['number'])?.[0]
      const asked = readTimeRange(request.query)
      const rows = await listFixes(db, org, deviceId, {
        from: Math.max(share.from, asked.from ?? share.from),
        to: Math.min(share.until, asked.to ?? share.until),
        afterTime,
        limit: limit + 1,
      })
      const nowMs = now()
      const { items, next } = pageOf(
        rows,
        limit,
        row => [row.fix_time],
        row => fixInView(share, deviceId, fixOf(deviceId, row), nowMs),
      )
      return { items: items.filter(fix => fix !== null), next }
    },
  )

  /** The scope as it is now: an end that was moved counts, also for a token that was made before. */
  async function seen(
    principal: Principal,
  ): Promise<{ org: string; share: ShareScope; link: ShareLinkRow | undefined }> {
    const { org, share } = principal
    if (share === undefined) throw new TypeError('a shared route without a scope')
    const link = await shareLinks.linkOf(principal)
    if (link === undefined) return { org, share, link }
    if (share.view !== undefined) await touchShareView(db, { org, link: link.id, id: share.view }, now())
    return { org, share: scopeOf(link, share.view ?? ''), link }
  }

  async function tokenFor(link: ShareLinkRow, view: string, nowMs: number): Promise<object> {
    const sub = `share:${link.id}:${view}`
    const expiresIn = Math.max(1, Math.min(TOKEN_SECONDS, Math.ceil((link.until - nowMs) / 1_000)))
    const token = await tokens.mint({
      sub,
      org: link.org,
      role: 'user',
      ttlSeconds: expiresIn,
      scope: scopeOf(link, view),
    })
    return { token, tokenType: 'Bearer', expiresIn, org: link.org, sub }
  }
}
