import Type from 'typebox'
import { Id } from '../../../contract/index.ts'
import { DEFAULT_TRIP_SETTINGS, type TripSettings } from '../../../geofence-engine/index.ts'
import { readTrips } from '../../history/read-trips.ts'
import type { Database } from '../../store/database.ts'
import { abortOnDisconnect } from '../abort-on-disconnect.ts'
import { ANYONE, principalOf } from '../access.ts'
import { problems } from '../problem.ts'
import { DEFAULT_LIMIT, listOf, pageQuery, readCursor, readTimeRange, TimeText, writeCursor } from '../query.ts'
import type { Api } from '../schema-checks.ts'
import { seenDevice } from './history.ts'

const TRIP_END = {
  type: 'object',
  required: ['timestamp', 'location'],
  properties: {
    timestamp: { type: 'integer', description: 'Milliseconds since the Unix epoch' },
    location: { type: 'object', description: 'As in a fix' },
  },
}

const TRIP = {
  type: 'object',
  required: ['start', 'end', 'distanceMeters', 'maxSpeed', 'averageSpeed', 'fixes', 'ongoing'],
  properties: {
    start: { ...TRIP_END, description: 'The last fix where it stood' },
    end: { ...TRIP_END, description: 'The first fix where it stood again, or the last one that was heard' },
    distanceMeters: { type: 'number', description: 'Along the fixes' },
    maxSpeed: { type: 'number', description: 'Metres per second; as the device tells it, else worked out' },
    averageSpeed: { type: 'number', description: 'Metres per second, short stops too' },
    fixes: { type: 'integer' },
    ongoing: { type: 'boolean', description: 'No stop has ended it yet' },
  },
}

const setting = (fallback: number, maximum: number, description: string) =>
  Type.Optional(Type.Integer({ minimum: 10, maximum, default: fallback, description }))
const { minStopSeconds, stopRadiusMeters, gapSeconds } = DEFAULT_TRIP_SETTINGS

/** The history cut into trips. */
export function tripRoutes(app: Api, { db }: { db: Database }): void {
  app.get(
    '/api/v1/devices/:deviceId/trips',
    {
      config: { access: ANYONE },
      schema: {
        operationId: 'listTrips',
        summary: 'The trips of a device, ascending by time',
        description:
          '`from` is inclusive, `to` exclusive; a trip that reaches over either is cut there. A stop of `minStopSeconds` ends a trip, and so does a silence of `gapSeconds`. A page may have fewer trips than `limit`, or none, and still lead to the next.',
        tags: ['devices'],
        params: Type.Object({ deviceId: Id }, { additionalProperties: false }),
        querystring: pageQuery({
          from: Type.Optional(TimeText),
          to: Type.Optional(TimeText),
          minStopSeconds: setting(minStopSeconds, 86_400, 'A stop of this length ends a trip'),
          stopRadiusMeters: setting(stopRadiusMeters, 10_000, 'What stays this near, but for its accuracy, stands'),
          gapSeconds: setting(gapSeconds, 604_800, 'A silence of this length ends a trip where it was last heard'),
        }),
        response: {
          200: { content: { 'application/json': { schema: listOf(TRIP, 'A page of trips') } }, description: 'Trips' },
          ...problems('device_unknown', 'request_invalid'),
        },
      },
    },
    async (request, reply) => {
      const { deviceId } = request.params
      const { limit = DEFAULT_LIMIT, cursor, from: _from, to: _to, ...given } = request.query
      const range = readTimeRange(request.query)
      const from = readCursor<[number]>(cursor, ['number'])?.[0] ?? range.from
      await seenDevice(db, principalOf(request), deviceId)
      const settings: TripSettings = { ...DEFAULT_TRIP_SETTINGS, ...given }
      const question = { org: principalOf(request).org, deviceId, to: range.to, from }
      const signal = abortOnDisconnect(reply)
      try {
        const { trips, nextFrom } = await readTrips(db, question, settings, limit, signal)
        return { items: trips, next: nextFrom === null ? null : writeCursor([nextFrom]) }
      } catch (error) {
        if (!signal.aborted) throw error
        // Nobody is there to be answered.
        return reply.hijack()
      }
    },
  )
}
