import Type from 'typebox'
import { Id } from '../../../contract/index.ts'
import { recordAudit } from '../../store/audit.ts'
import type { Database } from '../../store/database.ts'
import { findDevice } from '../../store/queries/devices.ts'
import { findTrackerPin, unpinTracker } from '../../store/tracker-pins.ts'
import { ADMINS, principalOf } from '../access.ts'
import { actOf } from '../act.ts'
import { problems } from '../problem.ts'
import type { Api } from '../schema-checks.ts'
import { unknownDevice } from '../visibility.ts'

const ByDevice = Type.Object({ deviceId: Id }, { additionalProperties: false })
const Pin = Type.Object(
  {
    protocol: Type.Union([Type.String(), Type.Null()], { description: 'As in `TRACKWIRE_TRACKERS`; null: none yet' }),
    pinnedAt: Type.Union([Type.Integer(), Type.Null()], { description: 'Milliseconds since the Unix epoch' }),
  },
  { description: 'Its protocol' },
)

/** With which maker's protocol a device came first: no other speaks for it, until a person lets go. */
export function trackerPinRoutes(app: Api, { db }: { db: Database }): void {
  app.get(
    '/api/v1/devices/:deviceId/tracker',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'getTrackerPin',
        summary: 'The native protocol that a device is pinned to since it first came with it',
        tags: ['provisioning'],
        params: ByDevice,
        response: { 200: Pin, ...problems('device_unknown', 'request_invalid') },
      },
    },
    async request => {
      const { org } = principalOf(request)
      const { deviceId } = request.params
      if ((await findDevice(db, org, deviceId)) === undefined) throw unknownDevice(deviceId)
      return (await findTrackerPin(db, org, deviceId)) ?? { protocol: null, pinnedAt: null }
    },
  )

  app.delete(
    '/api/v1/devices/:deviceId/tracker',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'releaseTrackerPin',
        summary: 'Let a device come with another native protocol: the tracker was replaced',
        description: 'The next protocol that it comes with is its own from then on.',
        tags: ['provisioning'],
        params: ByDevice,
        response: { 204: { type: 'null', description: 'Released' }, ...problems('device_unknown', 'request_invalid') },
      },
    },
    async (request, reply) => {
      const { org } = principalOf(request)
      const { deviceId } = request.params
      if ((await findDevice(db, org, deviceId)) === undefined) throw unknownDevice(deviceId)
      await db.transaction(async tx => {
        if (await unpinTracker(tx, org, deviceId)) {
          await recordAudit(tx, actOf(request, 'tracker.release', deviceId), Date.now())
        }
      })
      return reply.code(204).send()
    },
  )
}
