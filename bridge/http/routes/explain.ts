import Type from 'typebox'
import { Id } from '../../../contract/index.ts'
import { explain } from '../../replay/explain.ts'
import { timeWriter } from '../../replay/write-time.ts'
import type { Database } from '../../store/database.ts'
import { findDevice } from '../../store/queries/devices.ts'
import { abortOnDisconnect } from '../abort-on-disconnect.ts'
import { ALERT_READERS, principalOf } from '../access.ts'
import { problems } from '../problem.ts'
import { DEFAULT_LIMIT, listOf, pageQuery, readCursor, readTimeRange, TimeText, writeCursor } from '../query.ts'
import type { Api } from '../schema-checks.ts'
import { mustSeeDevice, unknownDevice } from '../visibility.ts'

const DAY_MS = 86_400_000

const Explained = {
  type: 'object',
  description: 'A transition that was announced or was not, and why',
  required: ['text', 'timestamp', 'outcome', 'event', 'kind', 'subject', 'reason', 'before', 'after', 'source'],
  properties: {
    text: { type: 'string', description: 'For people: when, what, whether it was announced, why, with the numbers' },
    timestamp: { type: 'integer', description: 'Of the fix, or of the clock, that decided it' },
    outcome: {
      enum: ['announced', 'suppressed', 'corrected', 'missed'],
      description:
        '`corrected`: announced, and taken back later. `missed`: a replay with the fences and rules of now gives it, it was not announced',
    },
    event: { type: 'string', description: 'What was announced or would have been: `enter`, `overspeed`, …' },
    kind: { enum: ['fence', 'rule'] },
    subject: { type: 'string', description: 'The fence’s id or the rule’s name' },
    reason: { type: ['string', 'null'], description: 'Stable code, like `crossed`, `near_border`; null: not recorded' },
    before: { type: ['string', 'null'], description: 'What was known before: inside, outside, …' },
    after: { type: ['string', 'null'] },
    location: { type: 'object' },
    borderMeters: { type: 'number', description: 'Distance to the fence’s border, from either side' },
    count: { type: 'integer', description: 'How often the same was decided in a row; once when left out' },
    until: { type: 'integer', description: 'When it was decided last' },
    eventId: { type: 'string', description: 'The engine’s id of the event' },
    announced: { type: 'object', description: 'The event as announced, in its last revision' },
    announcedAt: { type: 'integer' },
    correctedAt: { type: 'integer' },
    source: { enum: ['record', 'replay'], description: 'Recorded at the time, or run again now' },
  },
}

/** Why a device's transitions were announced, or were not. */
export function explainRoutes(app: Api, { db }: { db: Database }): void {
  app.get(
    '/api/v1/devices/:deviceId/explain',
    {
      config: { access: ALERT_READERS },
      schema: {
        operationId: 'explain',
        summary: 'Why there was an alert of a device, or none, in sentences and in figures',
        description:
          '`from` is inclusive, `to` exclusive, both of the time of the fix; the last 24 hours when left out. `limit` counts decisions; the same decision again and again is one item with a `count`. Where nothing was recorded, the stretch is run again with the fences and rules of now, and `note` says so.',
        tags: ['alerts'],
        params: Type.Object({ deviceId: Id }, { additionalProperties: false }),
        querystring: pageQuery({
          from: Type.Optional(TimeText),
          to: Type.Optional(TimeText),
          fenceId: Type.Optional(Id),
          rule: Type.Optional(Type.String({ maxLength: 64, description: 'Only this rule, like `overspeed`' })),
          timeZone: Type.Optional(
            Type.String({ maxLength: 64, description: 'IANA time zone of the times in `text`; UTC when left out' }),
          ),
        }),
        response: {
          200: withNote(listOf(Explained, 'A page of explanations, oldest first')),
          ...problems('device_unknown', 'request_invalid'),
        },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request)
      const { org } = principal
      const { deviceId } = request.params
      const { limit = DEFAULT_LIMIT, cursor, fenceId, rule, timeZone } = request.query
      const now = Date.now()
      const { to = now + 1, from = to - DAY_MS } = readTimeRange(request.query)
      const after = readCursor<[number, number]>(cursor, ['number', 'number'])
      const writeTime = timeWriter(timeZone)
      mustSeeDevice(principal, deviceId)
      if ((await findDevice(db, org, deviceId)) === undefined) throw unknownDevice(deviceId)
      const { items, next, note } = await explain(
        { db, org, signal: abortOnDisconnect(reply), now },
        { deviceId, from, to, subject: fenceId ?? rule, after, limit, writeTime },
      )
      return { items, next: next === null ? null : writeCursor(next), note }
    },
  )
}

function withNote(list: object): object {
  const { properties } = list as { properties: object }
  const note = { type: ['string', 'null'], description: 'How this is known, where it was not recorded at the time' }
  return { ...list, properties: { ...properties, note } }
}
