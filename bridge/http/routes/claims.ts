import type { FastifyRequest } from 'fastify'
import Type from 'typebox'
import { buildTopic, Id, TrackwireError } from '../../../contract/index.ts'
import { DEVICE_TTL_SECONDS } from '../../auth/lifetimes.ts'
import type { Tokens } from '../../auth/tokens.ts'
import { type Claims, createClaims, type ShownCode } from '../../provisioning/claims.ts'
import { codeSheet } from '../../provisioning/code-sheet.ts'
import { qrSvg } from '../../provisioning/qr-code.ts'
import { recordAudit } from '../../store/audit.ts'
import { type ClaimCodeRow, cancelClaimCode, listClaimCodes } from '../../store/claim-codes.ts'
import type { Database, Transaction } from '../../store/database.ts'
import { findDevice, listDevicesToClaim } from '../../store/queries/devices.ts'
import { ADMINS, PUBLIC, principalOf } from '../access.ts'
import { actOf } from '../act.ts'
import { originOfUrl } from '../origin-of-url.ts'
import { problems, publicProblems } from '../problem.ts'
import { DEFAULT_LIMIT, listOf, pageOf, pageQuery, readCursor } from '../query.ts'
import type { Api } from '../schema-checks.ts'
import { CODES_POLICY } from '../security-headers.ts'
import { unknownDevice } from '../visibility.ts'
import { type PhoneSetupOptions, PhoneSetupSchema, phoneAddressOf, phoneSetupView } from './phone-setup.ts'

const DAY_SECONDS = 86_400
const MAX_TTL_SECONDS = 90 * DAY_SECONDS
/** Devices of one batch of codes. */
const MAX_CODES = 1_000

const ByDevice = Type.Object({ deviceId: Id }, { additionalProperties: false })
const Wish = {
  expiresInSeconds: Type.Optional(
    Type.Integer({ minimum: 60, maximum: MAX_TTL_SECONDS, default: DAY_SECONDS, description: 'A day when left out' }),
  ),
  revokeEarlier: Type.Optional(
    Type.Boolean({ description: 'Claiming it ends every token that the device had before' }),
  ),
}
const CodeWish = Type.Object(Wish, { additionalProperties: false })
const ManyCodes = Type.Object(
  {
    devices: Type.Optional(Type.Array(Id, { maxItems: MAX_CODES })),
    groups: Type.Optional(Type.Array(Id, { maxItems: 100, description: 'All devices of these groups' })),
    ...Wish,
  },
  { additionalProperties: false },
)

const Code = Type.Object({
  id: Type.Integer({ description: 'Of the code, for cancelling it' }),
  deviceId: Id,
  code: Type.String({ description: 'Shown this once; upper and lower case are the same' }),
  url: Type.String({ description: 'The page that takes the code; it is in the fragment, which browsers send nowhere' }),
  expiresAt: Type.Integer({ description: 'Milliseconds since the Unix epoch' }),
})
const CodeWithQr = {
  ...Type.Object({ ...Code.properties, qrSvg: Type.String({ description: 'The URL as a QR code, SVG' }) }),
  description: 'A code',
}

const ListedCode = Type.Object({
  id: Type.Integer(),
  state: Type.Union(['open', 'claimed', 'cancelled', 'expired'].map(state => Type.Literal(state))),
  createdAt: Type.Integer(),
  createdBy: Type.String(),
  expiresAt: Type.Integer(),
  revokeEarlier: Type.Boolean(),
  claimedAt: Type.Union([Type.Integer(), Type.Null()]),
  claimedFrom: Type.Union([Type.String(), Type.Null()], { description: 'IP address' }),
})

const Text = Type.String()
const Credentials = {
  ...Type.Object({
    org: Text,
    deviceId: Id,
    token: Type.String({ description: 'The password of MQTT, the bearer token of HTTP' }),
    mqtt: Type.Union([
      Type.Object({
        host: Text,
        port: Type.Integer(),
        tls: Type.Boolean(),
        clientId: Text,
        username: Text,
        topics: Type.Object({ location: Text, locationBatch: Text, status: Text, sos: Text, errors: Text }),
      }),
      Type.Null(),
    ]),
    http: Type.Object({ location: Text, batch: Text }),
    apps: PhoneSetupSchema,
  }),
  description: 'What the device needs, told this once',
}

/** Ends every token of a device that was issued before a time, within the transaction. */
export type RevokeDeviceTokens = (
  tx: Transaction,
  device: { readonly org: string; readonly sub: string; readonly beforeMs: number; readonly by: string },
) => Promise<void>

export interface ClaimRouteOptions extends PhoneSetupOptions {
  readonly db: Database
  readonly tokens: Tokens
  /** Left out, no code can be made that revokes earlier tokens. */
  readonly revokeDeviceTokens?: RevokeDeviceTokens | undefined
}

/** Codes that become the credentials of a device, once. */
export function claimRoutes(app: Api, options: ClaimRouteOptions): void {
  const { db, tokens } = options
  const claims: Claims = createClaims(db)

  app.post(
    '/api/v1/devices/:deviceId/claim-codes',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'createClaimCode',
        summary: 'Make a code that whoever installs the device swaps for its credentials, once',
        tags: ['provisioning'],
        params: ByDevice,
        body: CodeWish,
        response: {
          201: CodeWithQr,
          ...problems('device_unknown', 'payload_not_json', 'payload_invalid', 'request_invalid'),
        },
      },
    },
    async (request, reply) => {
      const { deviceId } = request.params
      const { org } = principalOf(request)
      if ((await findDevice(db, org, deviceId)) === undefined) throw unknownDevice(deviceId)
      const [shown] = await issue(request, [deviceId], request.body)
      const code = codeView(request, shown!)
      return reply.code(201).send({ ...code, qrSvg: qrSvg(code.url) })
    },
  )

  app.post(
    '/api/v1/claim-codes',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'createClaimCodes',
        summary: `Make a code for each of up to ${MAX_CODES} devices, by id or by group`,
        description:
          'As JSON, as CSV with `Accept: text/csv`, or as a page of QR codes to be printed with `Accept: text/html`.',
        tags: ['provisioning'],
        body: ManyCodes,
        response: {
          201: {
            type: 'object',
            description: 'The codes, in order of the device ids',
            required: ['items'],
            properties: { items: { type: 'array', items: Code } },
          },
          ...problems('device_unknown', 'payload_not_json', 'payload_invalid', 'request_invalid'),
        },
      },
    },
    async (request, reply) => {
      const { org } = principalOf(request)
      const { devices = [], groups = [] } = request.body
      const found = await listDevicesToClaim(db, org, { devices, groups, limit: MAX_CODES + 1 })
      const known = new Map(found.map(row => [row.device_id, row.name]))
      const missing = devices.find(id => !known.has(id))
      if (found.length > MAX_CODES)
        throw new TrackwireError('payload_invalid', `these are more than ${MAX_CODES} devices; ask for fewer groups`)
      if (missing !== undefined) throw unknownDevice(missing)
      if (known.size === 0) throw new TrackwireError('payload_invalid', 'name devices or groups; no device is in these')
      const shown = await issue(request, [...known.keys()], request.body)
      const codes = shown.map(code => ({ ...codeView(request, code), name: known.get(code.deviceId) ?? null }))
      const accept = request.headers.accept ?? ''
      reply.code(201)
      if (/\btext\/csv\b/.test(accept)) {
        const lines = codes.map(
          ({ deviceId, code, url, expiresAt }) => `${deviceId},${code},${url},${new Date(expiresAt).toISOString()}\r\n`,
        )
        return reply
          .type('text/csv; charset=utf-8')
          .header('content-disposition', 'attachment; filename="claim-codes.csv"')
          .send(`id,code,url,expires\r\n${lines.join('')}`)
      }
      if (/\btext\/html\b/.test(accept)) {
        return reply
          .type('text/html; charset=utf-8')
          .header('content-security-policy', CODES_POLICY)
          .send(codeSheet(org, codes))
      }
      return reply.send({ items: codes.map(({ name: _, ...code }) => code) })
    },
  )

  app.get(
    '/api/v1/devices/:deviceId/claim-codes',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'listClaimCodes',
        summary: 'What became of the codes of a device, newest first; never the codes themselves',
        tags: ['provisioning'],
        params: ByDevice,
        querystring: pageQuery({}),
        response: { 200: listOf(ListedCode, 'A page of codes'), ...problems('device_unknown', 'request_invalid') },
      },
    },
    async request => {
      const { org } = principalOf(request)
      const { deviceId } = request.params
      const { limit = DEFAULT_LIMIT, cursor } = request.query
      const before = readCursor<[number]>(cursor, ['number'])?.[0]
      if ((await findDevice(db, org, deviceId)) === undefined) throw unknownDevice(deviceId)
      const rows = await listClaimCodes(db, org, deviceId, { before, limit: limit + 1 })
      return pageOf(rows, limit, row => [row.id], listedView)
    },
  )

  app.delete(
    '/api/v1/devices/:deviceId/claim-codes/:id',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'cancelClaimCode',
        summary: 'Cancel a code that was not used yet',
        tags: ['provisioning'],
        params: Type.Object({ deviceId: Id, id: Type.Integer({ minimum: 1 }) }, { additionalProperties: false }),
        response: { 204: { type: 'null', description: 'Cancelled' }, ...problems('not_found', 'request_invalid') },
      },
    },
    async (request, reply) => {
      const { org } = principalOf(request)
      const { deviceId, id } = request.params
      const wasOpen = await db.transaction(async tx => {
        const cancelled = await cancelClaimCode(tx, { org, deviceId, id }, Date.now())
        if (cancelled) await recordAudit(tx, actOf(request, 'claim-code.cancel', deviceId, { id }), Date.now())
        return cancelled
      })
      if (!wasOpen)
        throw new TrackwireError('not_found', 'there is no such code of this device that could still be used')
      return reply.code(204).send()
    },
  )

  app.post(
    '/api/v1/claims',
    {
      config: { access: PUBLIC },
      schema: {
        operationId: 'claimDevice',
        summary: 'Swap a code for the credentials of its device, once',
        description: 'When the answer is lost, the code is used up all the same: ask for another one.',
        tags: ['provisioning'],
        security: [],
        body: Type.Object({ code: Type.String({ minLength: 1, maxLength: 64 }) }, { additionalProperties: false }),
        response: {
          200: Credentials,
          ...publicProblems(
            'claim_code_wrong',
            'claim_code_used',
            'claim_code_expired',
            'too_many_attempts',
            'payload_not_json',
            'payload_invalid',
          ),
        },
      },
    },
    async request =>
      claims.use({ code: request.body.code, address: request.ip }, async (tx, { org, deviceId, revokes }) => {
        if (revokes) {
          await options.revokeDeviceTokens?.(tx, { org, sub: deviceId, beforeMs: Date.now(), by: deviceId })
        }
        const token = await tokens.mint({ sub: deviceId, org, role: 'device', ttlSeconds: DEVICE_TTL_SECONDS })
        return credentialsOf(request, options, { org, deviceId, token })
      }),
  )

  function issue(
    request: FastifyRequest,
    deviceIds: readonly string[],
    { expiresInSeconds = DAY_SECONDS, revokeEarlier = false }: Type.Static<typeof CodeWish>,
  ): Promise<ShownCode[]> {
    const { org } = principalOf(request)
    if (revokeEarlier && options.revokeDeviceTokens === undefined) {
      throw new TrackwireError('request_invalid', 'tokens cannot be revoked here; make the code without revokeEarlier')
    }
    const target = deviceIds.length === 1 ? deviceIds[0]! : `${deviceIds.length} devices`
    const act = actOf(request, 'claim-code.create', target, { expiresInSeconds, revokeEarlier })
    return claims.issue({ org, deviceIds, act, ttlMs: expiresInSeconds * 1_000, revokes: revokeEarlier })
  }
}

/** What follows the `#` is sent to no server, and so is in no log. */
function codeView(request: FastifyRequest, { id, deviceId, code, expiresAt }: ShownCode): Type.Static<typeof Code> {
  return { id, deviceId, code, url: `${originOfUrl(request)}/claim#${code}`, expiresAt }
}

function credentialsOf(
  request: FastifyRequest,
  options: ClaimRouteOptions,
  { org, deviceId, token }: { org: string; deviceId: string; token: string },
): Type.Static<typeof Credentials> {
  const topic = (channel: 'location' | 'locationBatch' | 'status' | 'sos'): string =>
    buildTopic(channel, { org, deviceId })
  const topics = {
    location: topic('location'),
    locationBatch: topic('locationBatch'),
    status: topic('status'),
    sos: topic('sos'),
    errors: buildTopic('errors', { org, userId: deviceId }),
  }
  const address = phoneAddressOf(request, options)
  const { origin, mqtt } = address
  return {
    org,
    deviceId,
    token,
    mqtt: mqtt === null ? null : { ...mqtt, clientId: deviceId, username: deviceId, topics },
    http: { location: `${origin}/api/tracking/location`, batch: `${origin}/api/tracking/batch` },
    apps: phoneSetupView(address, { org, deviceId, token }),
  }
}

function listedView(row: ClaimCodeRow): object {
  const { id, createdAt, createdBy, expiresAt, revokes, claimedAt, claimedFrom } = row
  return { id, state: stateOf(row), createdAt, createdBy, expiresAt, revokeEarlier: revokes, claimedAt, claimedFrom }
}

function stateOf({ claimedAt, cancelledAt, expiresAt }: ClaimCodeRow): string {
  if (claimedAt !== null) return 'claimed'
  if (cancelledAt !== null) return 'cancelled'
  return expiresAt <= Date.now() ? 'expired' : 'open'
}
