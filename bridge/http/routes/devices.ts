import Type from 'typebox'
import { checkCry, Id, type LocationUpdate, SosRequest, TrackwireError } from '../../../contract/index.ts'
import { DEVICE_TTL_SECONDS } from '../../auth/lifetimes.ts'
import type { CurrentRights } from '../../auth/rights.ts'
import type { Tokens } from '../../auth/tokens.ts'
import type { Ingest } from '../../ingest/ingest.ts'
import type { Database } from '../../store/database.ts'
import { type ClockRow, findDeviceClock } from '../../store/queries/clocks.ts'
import { type DeviceRow, findDevice, listDevices } from '../../store/queries/devices.ts'
import { ADMINS, ANYONE, mayPublish, originOf, principalOf } from '../access.ts'
import { actOf } from '../act.ts'
import { problems } from '../problem.ts'
import { DEFAULT_LIMIT, listOf, pageOf, pageQuery, readCursor } from '../query.ts'
import { type Api, documented } from '../schema-checks.ts'
import { readableDevices, unknownDevice } from '../visibility.ts'
import { type Clock, clockView } from './clocks.ts'
import { seenDevice } from './history.ts'

const ByDevice = Type.Object({ deviceId: Id }, { additionalProperties: false })
const Groups = Type.Array(Id, { maxItems: 100 })
const NewDevice = Type.Object(
  { id: Id, name: Type.Optional(Type.String({ maxLength: 200 })), groups: Type.Optional(Groups) },
  { additionalProperties: false },
)

const DeviceChange = Type.Object(
  { name: Type.Optional(Type.String({ maxLength: 200 })), groups: Type.Optional(Groups) },
  { additionalProperties: false, minProperties: 1, description: 'What is left out stays as it is' },
)

/** A device as the API shows it. */
export const Device = Type.Object(
  {
    id: Id,
    name: Type.Union([Type.String(), Type.Null()]),
    groups: Groups,
    createdAt: Type.Integer({ description: 'Milliseconds since the Unix epoch' }),
    last: Type.Unsafe<LocationUpdate | null>({ anyOf: [{ $ref: 'LocationUpdate#' }, { type: 'null' }] }),
    clock: Type.Optional(
      Type.Unsafe<Type.Static<typeof Clock> | null>({
        anyOf: [{ $ref: 'Clock#' }, { type: 'null' }],
        description: 'Of one device only, not in lists; null while nothing is known against its clock',
      }),
    ),
  },
  { description: 'A device with its newest fix' },
)

export function deviceView(row: DeviceRow): Type.Static<typeof Device> {
  return {
    id: row.device_id,
    name: row.name,
    groups: row.groups,
    createdAt: row.created_at,
    last: row.newest === null ? null : { ...row.newest, deviceId: row.device_id },
  }
}

/** Devices and their newest fix. */
export function deviceRoutes(
  app: Api,
  { db, ingest, tokens, rights }: { db: Database; ingest: Ingest; tokens: Tokens; rights: CurrentRights },
): void {
  app.get(
    '/api/v1/devices',
    {
      config: { access: ANYONE },
      schema: {
        operationId: 'listDevices',
        summary: 'The devices one may see, each with its newest fix, in order of their id',
        tags: ['devices'],
        querystring: pageQuery({}),
        response: { 200: listOf({ $ref: 'Device#' }, 'A page of devices'), ...problems('request_invalid') },
      },
    },
    async request => {
      const principal = principalOf(request)
      const { limit = DEFAULT_LIMIT, cursor } = request.query
      const after = readCursor<[string]>(cursor, ['string'])?.[0]
      const visible = await readableDevices(db, principal)
      const rows = await listDevices(db, principal.org, { visible, after, limit: limit + 1 })
      return pageOf(rows, limit, row => [row.device_id], deviceView)
    },
  )

  app.post(
    '/api/v1/devices',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'registerDevice',
        summary: 'Register a device and get its token',
        description: 'The token is shown once: put it into the device as the MQTT password.',
        tags: ['devices'],
        body: NewDevice,
        response: {
          201: {
            type: 'object',
            description: 'The device and its long-lived token',
            required: ['device', 'token'],
            properties: { device: { $ref: 'Device#' }, token: { type: 'string' } },
          },
          ...problems('conflict', 'payload_not_json', 'payload_invalid'),
        },
      },
    },
    async (request, reply) => {
      const { org } = principalOf(request)
      const { id, name, groups } = request.body
      if ((await findDevice(db, org, id)) !== undefined) {
        throw new TrackwireError('conflict', `a device ${id} is registered already`)
      }
      await ingest.registerDevice(
        { org, deviceId: id, name, groups },
        actOf(request, 'device.register', id, { name, groups }),
      )
      await rights.refresh()
      const token = await tokens.mint({ sub: id, org, role: 'device', ttlSeconds: DEVICE_TTL_SECONDS })
      const row = await findDevice(db, org, id)
      if (row === undefined) throw unknownDevice(id)
      return reply
        .code(201)
        .header('location', `/api/v1/devices/${id}`)
        .send({ device: deviceView(row), token })
    },
  )

  app.patch(
    '/api/v1/devices/:deviceId',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'changeDevice',
        summary: 'Change the name of a device, or the groups it is in',
        description:
          'Fences and rules of the groups count from its next fix on; what was announced before stays as it is.',
        tags: ['devices'],
        params: ByDevice,
        body: DeviceChange,
        response: {
          200: { $ref: 'Device#' },
          ...problems('device_unknown', 'payload_not_json', 'payload_invalid', 'request_invalid'),
        },
      },
    },
    async request => {
      const { org } = principalOf(request)
      const { deviceId } = request.params
      if ((await findDevice(db, org, deviceId)) === undefined) throw unknownDevice(deviceId)
      const act = actOf(request, 'device.change', deviceId, request.body)
      await ingest.registerDevice({ org, deviceId, ...request.body }, act)
      await rights.refresh()
      const row = await findDevice(db, org, deviceId)
      if (row === undefined) throw unknownDevice(deviceId)
      return deviceView(row)
    },
  )

  app.get(
    '/api/v1/devices/:deviceId',
    {
      config: { access: ANYONE },
      schema: {
        operationId: 'getDevice',
        summary: 'One device with its newest fix and what is known of its clock',
        description: 'A device that the token may not see is answered like one that does not exist.',
        tags: ['devices'],
        params: ByDevice,
        response: { 200: { $ref: 'Device#' }, ...problems('device_unknown', 'request_invalid') },
      },
    },
    async request => {
      const principal = principalOf(request)
      const { deviceId } = request.params
      const device = deviceView(await seenDevice(db, principal, deviceId))
      const clock = await findDeviceClock(db, principal.org, deviceId)
      return { ...device, clock: isKnown(clock) ? clockView(clock) : null }
    },
  )

  app.get(
    '/api/v1/devices/:deviceId/last',
    {
      config: { access: ANYONE },
      schema: {
        operationId: 'getLastFix',
        summary: 'The newest fix of a device',
        tags: ['devices'],
        params: ByDevice,
        response: { 200: { $ref: 'LocationUpdate#' }, ...problems('device_unknown', 'not_found', 'request_invalid') },
      },
    },
    async request => {
      const { id, last } = deviceView(await seenDevice(db, principalOf(request), request.params.deviceId))
      if (last === null) throw new TrackwireError('not_found', `the device ${id} has not sent a fix yet`)
      return last
    },
  )

  app.post(
    '/api/v1/devices/:deviceId/sos',
    {
      config: { access: ANYONE },
      schema: {
        operationId: 'sendSos',
        summary: 'Trigger or cancel an SOS for a device',
        description:
          'The same rights as on the MQTT channel: the device itself, its driver, a service. `id` is the sender’s; repeats are one alert. Nothing but a missing action is refused: what cannot be used is left out or replaced, and named in `amended`.',
        tags: ['sos'],
        params: ByDevice,
        body: documented(SosRequest),
        response: {
          202: {
            type: 'object',
            description: 'Stored',
            required: ['status'],
            properties: {
              status: { const: 'stored' },
              amended: {
                type: 'array',
                items: { type: 'string' },
                description: 'What could not be used, in words; missing when all could',
              },
            },
          },
          ...problems(
            'payload_not_json',
            'payload_invalid',
            'publish_forbidden',
            'device_unknown',
            'alert_unknown',
            'shutting_down',
          ),
        },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request)
      const { deviceId } = request.params
      mayPublish(principal, 'sos', { deviceId })
      const { amended } = await ingest.sos({
        org: principal.org,
        deviceId,
        request: checkCry(request.body),
        receivedAt: Date.now(),
        registers: principal.role === 'device' && principal.sub === deviceId,
        from: originOf(request),
        principal: principal.sub,
      })
      return reply.code(202).send({ status: 'stored', ...(amended.length > 0 && { amended }) })
    },
  )
}

function isKnown({ offset_seconds, applied }: ClockRow): boolean {
  return offset_seconds !== null || applied !== null
}
