import Type from 'typebox'
import { Id } from '../../../contract/index.ts'
import type { Certificates } from '../../provisioning/certificates.ts'
import type { Database } from '../../store/database.ts'
import { type CertificateRow, listCertificates } from '../../store/device-certificates.ts'
import { findDevice } from '../../store/queries/devices.ts'
import { ADMINS, principalOf } from '../access.ts'
import { actOf } from '../act.ts'
import { problems } from '../problem.ts'
import { listOf } from '../query.ts'
import type { Api } from '../schema-checks.ts'
import { unknownDevice } from '../visibility.ts'

const ByDevice = Type.Object({ deviceId: Id }, { additionalProperties: false })
const TextOrNull = Type.Union([Type.String(), Type.Null()])
const TimeOrNull = Type.Union([Type.Integer(), Type.Null()])

const Certificate = Type.Object({
  fingerprint: Type.String({ description: 'SHA-256 of the DER, lower-case hexadecimal' }),
  subject: TextOrNull,
  issuer: TextOrNull,
  serial: TextOrNull,
  validFrom: TimeOrNull,
  validTo: TimeOrNull,
  firstSeen: TimeOrNull,
  lastSeen: TimeOrNull,
  revokedAt: TimeOrNull,
  revokedBy: TextOrNull,
})

/** The client certificates of devices. */
export function deviceCertificateRoutes(
  app: Api,
  { db, certificates }: { db: Database; certificates: Certificates },
): void {
  app.get(
    '/api/v1/devices/:deviceId/certificates',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'listDeviceCertificates',
        summary: 'The client certificates that a device has shown, and those that were revoked',
        tags: ['provisioning'],
        params: ByDevice,
        response: { 200: listOf(Certificate, 'All of them'), ...problems('device_unknown', 'request_invalid') },
      },
    },
    async request => {
      const { org } = principalOf(request)
      const { deviceId } = request.params
      await certificates.flush()
      const items: CertificateRow[] = await listCertificates(db, org, deviceId)
      if (items.length === 0 && (await findDevice(db, org, deviceId)) === undefined) throw unknownDevice(deviceId)
      return { items, next: null }
    },
  )

  app.delete(
    '/api/v1/devices/:deviceId/certificates/:fingerprint',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'revokeDeviceCertificate',
        summary: 'Let a client certificate in no more; a connection that stands by it ends',
        description: 'Also one that was never seen. It cannot be taken back: give the device another certificate.',
        tags: ['provisioning'],
        params: Type.Object(
          {
            deviceId: Id,
            fingerprint: Type.String({ pattern: '^([0-9a-fA-F]{64}|[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){31})$' }),
          },
          { additionalProperties: false },
        ),
        response: { 204: { type: 'null', description: 'Revoked' }, ...problems('device_unknown', 'request_invalid') },
      },
    },
    async (request, reply) => {
      const { org } = principalOf(request)
      const { deviceId } = request.params
      const fingerprint = request.params.fingerprint.replaceAll(':', '').toLowerCase()
      await certificates.flush()
      const seen = await listCertificates(db, org, deviceId)
      if (seen.length === 0 && (await findDevice(db, org, deviceId)) === undefined) throw unknownDevice(deviceId)
      await certificates.revoke(
        { org, deviceId, fingerprint },
        actOf(request, 'certificate.revoke', deviceId, { fingerprint }),
      )
      return reply.code(204).send()
    },
  )
}
