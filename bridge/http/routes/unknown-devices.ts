import Type from 'typebox'
import { Id, TrackwireError } from '../../../contract/index.ts'
import { DEVICE_TTL_SECONDS } from '../../auth/lifetimes.ts'
import type { CurrentRights } from '../../auth/rights.ts'
import type { Tokens } from '../../auth/tokens.ts'
import type { Ingest } from '../../ingest/ingest.ts'
import { recordAudit } from '../../store/audit.ts'
import type { Database } from '../../store/database.ts'
import { findDevice } from '../../store/queries/devices.ts'
import {
  findUnknown,
  forgetKept,
  listUnknown,
  setUnknownState,
  type UnknownDeviceRow,
} from '../../store/unknown-devices.ts'
import { ADMINS, principalOf } from '../access.ts'
import { actOf } from '../act.ts'
import { problems } from '../problem.ts'
import { DEFAULT_LIMIT, listOf, pageOf, pageQuery, readCursor } from '../query.ts'
import type { Api } from '../schema-checks.ts'
import { deviceView } from './devices.ts'

const ByDevice = Type.Object({ deviceId: Id }, { additionalProperties: false })
const State = Type.Unsafe<'waiting' | 'dismissed' | 'blocked'>({
  enum: ['waiting', 'dismissed', 'blocked'],
  type: 'string',
  default: 'waiting',
})

const UnknownDevice = Type.Object({
  id: Id,
  state: State,
  firstSeen: Type.Integer({ description: 'Milliseconds since the Unix epoch' }),
  lastSeen: Type.Integer({ description: 'Milliseconds since the Unix epoch' }),
  count: Type.Integer({ description: 'Messages of it that were refused' }),
  channel: Type.String({ description: 'The channel of the last message' }),
  lastMessage: Type.Unknown({ description: 'The last message, decoded; cut when it is larger than 8 KiB' }),
  keptFixes: Type.Integer({ description: 'Its newest fixes, up to 100, which become history when it is adopted' }),
  from: Type.Object({
    sub: Type.String({ description: 'Whose token sent it' }),
    role: Type.String(),
    address: Type.Union([Type.String(), Type.Null()], { description: 'IP address' }),
  }),
})

const Adoption = Type.Object(
  {
    name: Type.Optional(Type.String({ maxLength: 200 })),
    groups: Type.Optional(Type.Array(Id, { maxItems: 100 })),
  },
  { additionalProperties: false },
)

function unknownView({
  deviceId,
  sender,
  senderRole,
  address,
  kept,
  ...row
}: UnknownDeviceRow): Type.Static<typeof UnknownDevice> {
  return { id: deviceId, ...row, keptFixes: kept, from: { sub: sender, role: senderRole, address } }
}

/** The inbox of devices that nobody has registered. */
export function unknownDeviceRoutes(
  app: Api,
  { db, ingest, tokens, rights }: { db: Database; ingest: Ingest; tokens: Tokens; rights: CurrentRights },
): void {
  app.get(
    '/api/v1/devices/inbox',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'listUnknownDevices',
        summary: 'Devices that were heard and that nobody has registered, heard most recently first',
        tags: ['provisioning'],
        querystring: pageQuery({ state: Type.Optional(State) }),
        response: { 200: listOf(UnknownDevice, 'A page of unknown devices'), ...problems('request_invalid') },
      },
    },
    async request => {
      const { org } = principalOf(request)
      const { limit = DEFAULT_LIMIT, cursor, state = 'waiting' } = request.query
      const after = readCursor<[number, string]>(cursor, ['number', 'string'])
      await ingest.unknownDevices.flush()
      const rows = await listUnknown(db, org, { state, after, limit: limit + 1 })
      return pageOf(rows, limit, row => [row.lastSeen, row.deviceId], unknownView)
    },
  )

  app.post(
    '/api/v1/devices/inbox/:deviceId/adopt',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'adoptDevice',
        summary: 'Register an unknown device; what was kept of it becomes its history',
        tags: ['provisioning'],
        params: ByDevice,
        body: Adoption,
        response: {
          201: {
            type: 'object',
            description: 'The device, its token, and how many fixes that were heard before are stored now',
            required: ['device', 'token', 'storedFixes'],
            properties: { device: { $ref: 'Device#' }, token: { type: 'string' }, storedFixes: { type: 'integer' } },
          },
          ...problems('not_found', 'conflict', 'payload_not_json', 'payload_invalid', 'request_invalid'),
        },
      },
    },
    async (request, reply) => {
      const { org } = principalOf(request)
      const { deviceId } = request.params
      await mustBeHeard(org, deviceId)
      const { created, kept } = await ingest.registerDevice(
        { org, deviceId, ...request.body },
        actOf(request, 'device.adopt', deviceId, request.body),
      )
      if (!created) throw new TrackwireError('conflict', `the device ${deviceId} was registered meanwhile`)
      await rights.refresh()
      const token = await tokens.mint({ sub: deviceId, org, role: 'device', ttlSeconds: DEVICE_TTL_SECONDS })
      const row = await findDevice(db, org, deviceId)
      return reply
        .code(201)
        .header('location', `/api/v1/devices/${deviceId}`)
        .send({ device: deviceView(row!), token, storedFixes: kept })
    },
  )

  app.delete(
    '/api/v1/devices/inbox/:deviceId',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'dismissUnknownDevice',
        summary: 'Take an unknown device out of the inbox until it has been silent for a day, or for good',
        description:
          'With `block=true` it stays away; adopting it is still possible. The list with `state=blocked` tells which.',
        tags: ['provisioning'],
        params: ByDevice,
        querystring: Type.Object({ block: Type.Optional(Type.Boolean()) }, { additionalProperties: false }),
        response: {
          204: { type: 'null', description: 'It is out of the inbox' },
          ...problems('not_found', 'request_invalid'),
        },
      },
    },
    async (request, reply) => {
      const { org } = principalOf(request)
      const { deviceId } = request.params
      await mustBeHeard(org, deviceId)
      const blocks = request.query.block === true
      await db.transaction(async tx => {
        await setUnknownState(tx, { org, deviceId }, blocks ? 'blocked' : 'dismissed')
        await forgetKept(tx, { org, deviceId })
        await recordAudit(tx, actOf(request, blocks ? 'device.block' : 'device.dismiss', deviceId), Date.now())
      })
      return reply.code(204).send()
    },
  )

  async function mustBeHeard(org: string, deviceId: string): Promise<void> {
    await ingest.unknownDevices.flush()
    if ((await findUnknown(db, { org, deviceId })) === undefined)
      throw new TrackwireError('not_found', `no unknown device ${deviceId} is in the inbox`)
  }
}
