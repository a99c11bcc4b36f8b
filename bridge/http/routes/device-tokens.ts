import Type from 'typebox'
import { Id } from '../../../contract/index.ts'
import { DEVICE_TTL_SECONDS } from '../../auth/lifetimes.ts'
import type { CurrentRights } from '../../auth/rights.ts'
import type { Tokens } from '../../auth/tokens.ts'
import { recordAudit } from '../../store/audit.ts'
import type { Database } from '../../store/database.ts'
import { findDevice } from '../../store/queries/devices.ts'
import { revokeTokensBefore } from '../../store/revocations.ts'
import { ADMINS, principalOf } from '../access.ts'
import { actOf } from '../act.ts'
import { problems } from '../problem.ts'
import type { Api } from '../schema-checks.ts'
import { unknownDevice } from '../visibility.ts'

const ByDevice = Type.Object({ deviceId: Id }, { additionalProperties: false })

/** The tokens of a device: another one, and an end to all there are. */
export function deviceTokenRoutes(
  app: Api,
  { db, tokens, rights }: { db: Database; tokens: Tokens; rights: CurrentRights },
): void {
  app.post(
    '/api/v1/devices/:deviceId/token',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'mintDeviceToken',
        summary: 'Another token for a device; it is shown once',
        description: 'Earlier ones stay valid, so that a device can be given the new one first; then revoke them.',
        tags: ['devices'],
        params: ByDevice,
        response: {
          201: {
            ...Type.Object({ token: Type.String({ description: 'JWT for the password of an MQTT CONNECT' }) }),
            description: 'A long-lived token of the device',
          },
          ...problems('device_unknown', 'request_invalid'),
        },
      },
    },
    async (request, reply) => {
      const { org } = principalOf(request)
      const { deviceId } = request.params
      if ((await findDevice(db, org, deviceId)) === undefined) throw unknownDevice(deviceId)
      const token = await tokens.mint({ sub: deviceId, org, role: 'device', ttlSeconds: DEVICE_TTL_SECONDS })
      await recordAudit(db, actOf(request, 'device.token', deviceId), Date.now())
      return reply.code(201).send({ token })
    },
  )

  app.delete(
    '/api/v1/devices/:deviceId/tokens',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'revokeDeviceTokens',
        summary: 'Revoke every token of a device that was issued until now',
        description: 'Live connections with such a token end within a second. Tokens made from now on are valid.',
        tags: ['devices'],
        params: ByDevice,
        response: {
          204: { type: 'null', description: 'They are revoked' },
          ...problems('device_unknown', 'request_invalid'),
        },
      },
    },
    async (request, reply) => {
      const { org, sub: by } = principalOf(request)
      const { deviceId } = request.params
      if ((await findDevice(db, org, deviceId)) === undefined) throw unknownDevice(deviceId)
      const nowMs = Date.now()
      const before = { org, kind: 'device', sub: deviceId, before: nowMs } as const
      await db.transaction(async tx => {
        await revokeTokensBefore(tx, before, { reason: 'administrator', by }, nowMs)
        await recordAudit(tx, actOf(request, 'token.revoke', deviceId, { before: nowMs }), nowMs)
      })
      await rights.refresh()
      return reply.code(204).send()
    },
  )
}
