import Type from 'typebox'
import {
  Id,
  isShareOpen,
  MAX_SHARED_DEVICES,
  type Principal,
  ShareArea,
  ShareScope,
  TimestampMs,
  TrackwireError,
} from '../../../contract/index.ts'
import { readShareArea } from '../../share/share-area.ts'
import { hashShareCode, newShareCode, newShareId } from '../../share/share-code.ts'
import type { ShareLinks } from '../../share/share-links.ts'
import { endOfShare, SHARE_STATES, shareStateOf } from '../../share/share-state.ts'
import { recordAudit } from '../../store/audit.ts'
import type { Database } from '../../store/database.ts'
import { findDevices } from '../../store/devices.ts'
import { findDevice } from '../../store/queries/devices.ts'
import {
  changeShareLink,
  deleteShareLinksEndedBefore,
  findShareLink,
  insertShareLink,
  listShareLinks,
  revokeShareLink,
  type ShareLinkRow,
} from '../../store/share-links.ts'
import { listShareViews, type ShareViewRow } from '../../store/share-views.ts'
import { type Access, principalOf } from '../access.ts'
import { actOf } from '../act.ts'
import { originOfUrl } from '../origin-of-url.ts'
import { problems } from '../problem.ts'
import { DEFAULT_LIMIT, listOf, pageOf, pageQuery, readCursor } from '../query.ts'
import type { Api } from '../schema-checks.ts'
import { mustSeeDevice, unknownDevice } from '../visibility.ts'

/** Whoever looks at devices as a person; a device or a gateway has nobody to show them to. */
const MAKERS: Access = ['driver', 'user', 'dispatcher', 'admin']
const DAY_MS = 86_400_000
/** Ended links and who looked at them are kept for questions that come later, then deleted. */
const KEPT_MS = 90 * DAY_MS
/** "Where it is now" of a parked vehicle: its last position may be this old. */
const NEWEST_COUNTS_MS = DAY_MS

const Label = Type.String({ minLength: 1, maxLength: 100, description: 'Shown on the page' })
const NewShareLink = Type.Object(
  {
    devices: Type.Array(Id, { minItems: 1, maxItems: MAX_SHARED_DEVICES, uniqueItems: true }),
    label: Type.Optional(Label),
    from: Type.Optional(
      Type.Integer({
        ...TimestampMs,
        description:
          'When the link begins to show something. Left out, now; a live link then also shows the newest position of the last 24 h',
      }),
    ),
    until: TimestampMs,
    history: Type.Optional(Type.Boolean({ description: 'Also show where they have been since `from` [false]' })),
    area: Type.Optional(ShareArea),
    precisionMeters: ShareScope.properties.precisionMeters,
    maxViews: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'How often it may be opened' }),
    ),
  },
  { additionalProperties: false },
)
const ShareChange = Type.Object(
  { label: Type.Optional(Label), until: Type.Optional(TimestampMs) },
  { additionalProperties: false, minProperties: 1, description: 'What is left out stays as it is' },
)
const ByLink = Type.Object(
  { linkId: Type.String({ pattern: '^[A-Za-z0-9_-]{1,40}$' }) },
  { additionalProperties: false },
)

const nullable = (schema: object): object => ({ anyOf: [schema, { type: 'null' }] })
const TIME = { type: 'integer', description: 'Milliseconds since the Unix epoch' }
const PROPERTIES = {
  id: { type: 'string' },
  label: nullable({ type: 'string' }),
  devices: { type: 'array', items: { type: 'string' } },
  from: TIME,
  until: TIME,
  history: { type: 'boolean' },
  area: nullable(ShareArea),
  precisionMeters: nullable({ type: 'number' }),
  maxViews: nullable({ type: 'integer' }),
  views: { type: 'integer', description: 'How often it was opened' },
  state: { enum: [...SHARE_STATES], description: 'withdrawn: its maker may not see a device of it any more' },
  maker: { type: 'string' },
  createdAt: TIME,
  revokedAt: nullable(TIME),
}
/** A share link as the API shows it. */
export const ShareLink = {
  type: 'object',
  description: 'A look at some devices for whoever has the link',
  required: Object.keys(PROPERTIES),
  properties: PROPERTIES,
}
const MadeShareLink = {
  type: 'object',
  description: 'The link; its URL and code are shown this once',
  required: [...Object.keys(PROPERTIES), 'url', 'code'],
  properties: { ...PROPERTIES, url: { type: 'string' }, code: { type: 'string' } },
}
const ShareView = {
  type: 'object',
  description: 'One opening of the link',
  required: ['openedAt', 'lastSeenAt', 'seconds', 'address', 'userAgent'],
  properties: {
    openedAt: TIME,
    lastSeenAt: TIME,
    seconds: { type: 'integer', description: 'From the opening to the last sign of life' },
    address: { type: 'string', description: 'The network it came from, /24 or /48: the rest is not kept' },
    userAgent: nullable({ type: 'string' }),
  },
}

function linkView(link: ShareLinkRow, nowMs: number) {
  const { org: _, makerHolds: __, ...shown } = link
  return { ...shown, state: shareStateOf(link, nowMs) }
}

function viewView({ openedAt, lastSeenAt, address, userAgent }: ShareViewRow) {
  return { openedAt, lastSeenAt, seconds: Math.round((lastSeenAt - openedAt) / 1_000), address, userAgent }
}

/** Making share links and looking after them. */
export function shareLinkRoutes(
  app: Api,
  options: {
    db: Database
    shareLinks: ShareLinks
    shareMaxDays?: number | undefined
    now?: (() => number) | undefined
  },
): void {
  const { db, shareLinks, shareMaxDays = 30, now = Date.now } = options

  app.post(
    '/api/v1/share-links',
    {
      config: { access: MAKERS },
      schema: {
        operationId: 'createShareLink',
        summary: 'Make a link that shows some devices for some time',
        description:
          'For devices that one may see. The answer holds the URL and its code, which are not shown again: only a hash is stored. The link ends by itself when its maker may not see one of the devices any more.',
        tags: ['sharing'],
        body: NewShareLink,
        response: {
          201: MadeShareLink,
          ...problems('device_unknown', 'fence_invalid', 'payload_not_json', 'payload_invalid'),
        },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request)
      const { devices, label = null, history = false, area = null, precisionMeters, maxViews = null } = request.body
      const nowMs = now()
      await mustSeeAll(principal, devices)
      const from = request.body.from ?? (history ? nowMs : await newestOf(principal, devices, nowMs))
      const { until } = request.body
      checkWindow({ from, until }, nowMs)
      if (area !== null) readShareArea(area)
      const code = newShareCode()
      const link = {
        org: principal.org,
        id: newShareId(),
        maker: principal.sub,
        label,
        devices,
        from,
        until,
        history,
        area,
        precisionMeters: precisionMeters ?? null,
        maxViews,
        createdAt: nowMs,
      }
      await db.transaction(async tx => {
        await deleteShareLinksEndedBefore(tx, nowMs - KEPT_MS)
        await insertShareLink(tx, { ...link, codeHash: hashShareCode(code) })
        const detail = { devices, label, from, until, history, area, precisionMeters, maxViews }
        await recordAudit(tx, actOf(request, 'share.create', link.id, detail), nowMs)
      })
      return reply
        .code(201)
        .header('location', `/api/v1/share-links/${link.id}`)
        .send({
          ...linkView({ ...link, views: 0, revokedAt: null, makerHolds: true }, nowMs),
          // In the fragment: no server, proxy or log on the way ever sees it (RFC 3986 §3.5).
          url: `${originOfUrl(request)}/share#${code}`,
          code,
        })
    },
  )

  app.get(
    '/api/v1/share-links',
    {
      config: { access: MAKERS },
      schema: {
        operationId: 'listShareLinks',
        summary: 'One’s own share links, newest first; admins see all of the organisation',
        tags: ['sharing'],
        querystring: pageQuery({}),
        response: { 200: listOf({ $ref: 'ShareLink#' }, 'A page of share links'), ...problems('request_invalid') },
      },
    },
    async request => {
      const { org, sub, role } = principalOf(request)
      const { limit = DEFAULT_LIMIT, cursor } = request.query
      const after = readCursor<[number, string]>(cursor, ['number', 'string'])
      const nowMs = now()
      const maker = role === 'admin' ? null : sub
      const rows = await listShareLinks(db, org, { maker, after, limit: limit + 1 })
      return pageOf(
        rows,
        limit,
        row => [row.createdAt, row.id],
        row => linkView(row, nowMs),
      )
    },
  )

  app.get(
    '/api/v1/share-links/:linkId',
    {
      config: { access: MAKERS },
      schema: {
        operationId: 'getShareLink',
        summary: 'A share link with its state and how often it was opened',
        tags: ['sharing'],
        params: ByLink,
        response: { 200: { $ref: 'ShareLink#' }, ...problems('share_unknown', 'request_invalid') },
      },
    },
    async request => linkView(await ownLink(principalOf(request), request.params.linkId), now()),
  )

  app.patch(
    '/api/v1/share-links/:linkId',
    {
      config: { access: MAKERS },
      schema: {
        operationId: 'changeShareLink',
        summary: 'Change the label of a share link, or when it ends',
        description: 'A link that was revoked stays so. A sooner end counts for those who look on now.',
        tags: ['sharing'],
        params: ByLink,
        body: ShareChange,
        response: {
          200: { $ref: 'ShareLink#' },
          ...problems('share_unknown', 'share_ended', 'payload_not_json', 'payload_invalid', 'request_invalid'),
        },
      },
    },
    async request => {
      const principal = principalOf(request)
      const link = await ownLink(principal, request.params.linkId)
      const nowMs = now()
      const { label = link.label, until = link.until } = request.body
      const end = endOfShare({ ...link, until: Number.POSITIVE_INFINITY }, nowMs)
      if (end !== null) throw end
      if (until !== link.until) checkWindow({ from: link.from, until }, nowMs)
      await db.transaction(async tx => {
        await changeShareLink(tx, link.org, link.id, { label, until })
        await recordAudit(tx, actOf(request, 'share.change', link.id, request.body), nowMs)
      })
      await shareLinks.look()
      return linkView({ ...link, label, until }, nowMs)
    },
  )

  app.delete(
    '/api/v1/share-links/:linkId',
    {
      config: { access: MAKERS },
      schema: {
        operationId: 'revokeShareLink',
        summary: 'Revoke a share link; whoever looks on is cut off at once',
        tags: ['sharing'],
        params: ByLink,
        response: {
          204: { type: 'null', description: 'Revoked; also when it had been before' },
          ...problems('share_unknown', 'request_invalid'),
        },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request)
      const link = await ownLink(principal, request.params.linkId)
      const { org, id } = link
      const nowMs = now()
      await db.transaction(async tx => {
        if (!(await revokeShareLink(tx, { org, id, by: principal.sub }, nowMs))) return
        await recordAudit(tx, actOf(request, 'share.revoke', id), nowMs)
      })
      await shareLinks.look()
      return reply.code(204).send()
    },
  )

  app.get(
    '/api/v1/share-links/:linkId/views',
    {
      config: { access: MAKERS },
      schema: {
        operationId: 'listShareViews',
        summary: 'Who opened a share link, newest first',
        description: 'Of addresses only the network is kept. Views are deleted with their link, 90 days after its end.',
        tags: ['sharing'],
        params: ByLink,
        querystring: pageQuery({}),
        response: { 200: listOf(ShareView, 'A page of views'), ...problems('share_unknown', 'request_invalid') },
      },
    },
    async request => {
      const { limit = DEFAULT_LIMIT, cursor } = request.query
      const after = readCursor<[number, string]>(cursor, ['number', 'string'])
      const { org, id } = await ownLink(principalOf(request), request.params.linkId)
      const rows = await listShareViews(db, org, id, { after, limit: limit + 1 })
      return pageOf(rows, limit, row => [row.openedAt, row.id], viewView)
    },
  )

  /** A link of somebody else is answered like one that does not exist. */
  async function ownLink({ org, sub, role }: Principal, id: string): Promise<ShareLinkRow> {
    const link = await findShareLink(db, org, id)
    if (link === undefined || (role !== 'admin' && link.maker !== sub)) {
      throw new TrackwireError('share_unknown', `there is no share link ${id}, or it is not yours`)
    }
    return link
  }

  async function mustSeeAll(principal: Principal, devices: readonly string[]): Promise<void> {
    for (const deviceId of devices) mustSeeDevice(principal, deviceId)
    const registered = await findDevices(
      db,
      devices.map(deviceId => ({ org: principal.org, deviceId })),
    )
    const known = new Set(registered.map(({ deviceId }) => deviceId))
    const unknown = devices.find(deviceId => !known.has(deviceId))
    if (unknown !== undefined) throw unknownDevice(unknown)
  }

  /** When a live link begins, so that the newest position of each device is in it. */
  async function newestOf({ org }: Principal, devices: readonly string[], nowMs: number): Promise<number> {
    const rows = await Promise.all(devices.map(deviceId => findDevice(db, org, deviceId)))
    const times = rows.map(row => row?.newest?.timestamp ?? nowMs)
    return Math.min(nowMs, ...times.filter(time => time >= nowMs - NEWEST_COUNTS_MS))
  }

  function checkWindow(window: { from: number; until: number }, nowMs: number): void {
    const { from, until } = window
    const refuse = (message: string) => {
      throw new TrackwireError('payload_invalid', message, { details: { path: '/until' } })
    }
    if (until <= from) refuse('/until is not after from')
    if (until <= nowMs && !isShareOpen(window, nowMs)) refuse('/until is in the past; revoke the link to end it now')
    if (until > nowMs + shareMaxDays * DAY_MS) {
      refuse(`/until is more than ${shareMaxDays} days away; a link lives no longer (TRACKWIRE_SHARE_MAX_DAYS)`)
    }
  }
}
