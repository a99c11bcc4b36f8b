import type { FastifyRequest } from 'fastify'
import Type from 'typebox'
import { Id } from '../../../contract/index.ts'
import type { Ingest } from '../../ingest/ingest.ts'
import type { Database } from '../../store/database.ts'
import { type ClockRow, findDeviceClock } from '../../store/queries/clocks.ts'
import { DISPATCHERS, principalOf } from '../access.ts'
import { actOf } from '../act.ts'
import { problems } from '../problem.ts'
import type { Api } from '../schema-checks.ts'
import { mustSeeDevice } from '../visibility.ts'

const ByDevice = Type.Object({ deviceId: Id }, { additionalProperties: false })

/** How far a clock is ahead; about thirty years either way, for receivers that got the year wrong. */
export const ClockOffset = Type.Integer({
  minimum: -1_000_000_000,
  maximum: 1_000_000_000,
  description: 'By how many seconds the device’s clock is ahead; negative when it is behind',
})
const Correction = Type.Object({ offsetSeconds: ClockOffset }, { additionalProperties: false })

const orNull = <Schema extends Type.TSchema>(schema: Schema) => Type.Union([schema, Type.Null()])

/** What is known of a device's clock; null when nothing is. */
export const Clock = Type.Object(
  {
    offsetSeconds: orNull(ClockOffset),
    kind: orNull(Type.Union([Type.Literal('future'), Type.Literal('lagging'), Type.Literal('right')])),
    count: orNull(Type.Integer({ description: 'Fixes that spoke for it when it was last written' })),
    since: orNull(Type.Integer({ description: 'Receipt of the first fix that spoke for it, milliseconds' })),
    appliedOffsetSeconds: orNull(
      Type.Integer({ description: 'What a person set: the times of the device are corrected by it' }),
    ),
  },
  { description: 'How far the clock was found to be off (null: nothing was found), and what is corrected' },
)

export function clockView(row: ClockRow): Type.Static<typeof Clock> {
  return {
    offsetSeconds: row.offset_seconds,
    kind: row.kind,
    count: row.count,
    since: row.since,
    appliedOffsetSeconds: row.applied,
  }
}

/** The correction of a device's clock, which only a person sets. */
export function clockRoutes(app: Api, { db, ingest }: { db: Database; ingest: Ingest }): void {
  app.put(
    '/api/v1/devices/:deviceId/clock-offset',
    {
      config: { access: DISPATCHERS },
      schema: {
        operationId: 'setClockOffset',
        summary: 'Correct the times of a device from its next fix on',
        description:
          'The offset is taken off every time the device sends, before it is judged; history keeps what was received.',
        tags: ['devices'],
        params: ByDevice,
        body: Correction,
        response: {
          200: { $ref: 'Clock#' },
          ...problems('device_unknown', 'payload_not_json', 'payload_invalid', 'request_invalid', 'shutting_down'),
        },
      },
    },
    async request => correct(request, request.params.deviceId, request.body.offsetSeconds),
  )

  app.delete(
    '/api/v1/devices/:deviceId/clock-offset',
    {
      config: { access: DISPATCHERS },
      schema: {
        operationId: 'unsetClockOffset',
        summary: 'Take the times of a device as they are sent again',
        tags: ['devices'],
        params: ByDevice,
        response: {
          204: { type: 'null', description: 'Not corrected any more' },
          ...problems('device_unknown', 'request_invalid', 'shutting_down'),
        },
      },
    },
    async (request, reply) => {
      await correct(request, request.params.deviceId, null)
      return reply.code(204).send()
    },
  )

  async function correct(request: FastifyRequest, deviceId: string, offsetSeconds: number | null) {
    const principal = principalOf(request)
    mustSeeDevice(principal, deviceId)
    const act = actOf(request, 'clock.correct', deviceId, { offsetSeconds })
    await ingest.correctClock({ org: principal.org, deviceId, offsetSeconds, by: principal.sub }, act)
    return clockView(await findDeviceClock(db, principal.org, deviceId))
  }
}
