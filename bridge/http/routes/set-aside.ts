import Type from 'typebox'
import { checkSchema, Id, type Principal, TimestampMs, TrackwireError } from '../../../contract/index.ts'
import { suggestedOffset } from '../../ingest/clocks/suggestion.ts'
import type { Ingest, SetAsideJudgement, SetAsideSelection } from '../../ingest/ingest.ts'
import type { Database } from '../../store/database.ts'
import { learntOffsets } from '../../store/device-clocks.ts'
import { findSetAside, listSetAside, type SetAsideKey, type SetAsideRow } from '../../store/queries/set-aside.ts'
import { DISPATCHERS, principalOf } from '../access.ts'
import { actOf } from '../act.ts'
import { problems } from '../problem.ts'
import { DEFAULT_LIMIT, listOf, pageOf, pageQuery, readCursor, readTimeRange, TimeText } from '../query.ts'
import { type Api, documented } from '../schema-checks.ts'
import { readableDevices } from '../visibility.ts'
import { ClockOffset } from './clocks.ts'

const Nullable = (schema: object): object => ({ anyOf: [schema, { type: 'null' }] })

const SetAside = {
  type: 'object',
  description: 'A fix that was set aside, and what became of it',
  required: ['id', 'deviceId', 'reason', 'timestamp', 'receivedAt', 'fix', 'state'],
  properties: {
    id: { type: 'integer' },
    deviceId: { type: 'string' },
    reason: { type: 'string', description: 'The error code the sender was told' },
    timestamp: { type: 'integer', description: 'The fix’s own time, milliseconds' },
    receivedAt: { type: 'integer', description: 'When it arrived, milliseconds' },
    fix: { type: 'object', description: 'As it was sent' },
    suggestedTime: Nullable({ type: 'integer', description: 'Its time by what was learnt of the device’s clock' }),
    suggestedOffsetSeconds: Nullable({ type: 'integer', description: 'How far the clock was ahead' }),
    state: { enum: ['waiting', 'accepted', 'dropped'] },
    judgedBy: Nullable({ type: 'string', description: 'The sub of the token' }),
    judgedAt: Nullable({ type: 'integer', description: 'Milliseconds' }),
    acceptedTime: Nullable({ type: 'integer', description: 'The time with which it was accepted, milliseconds' }),
  },
}

const BySetAside = Type.Object({ id: Type.Integer({ minimum: 1 }) }, { additionalProperties: false })
const State = Type.Union([Type.Literal('waiting'), Type.Literal('accepted'), Type.Literal('dropped')])

const AcceptOne = Type.Object(
  { timestamp: Type.Optional(TimestampMs), offsetSeconds: Type.Optional(ClockOffset) },
  {
    additionalProperties: false,
    description: 'At most one of the two; without either the suggestion holds, else what was sent',
  },
)
const SELECTION = {
  deviceId: Id,
  reason: Type.Optional(Type.String({ maxLength: 64 })),
  from: Type.Optional(Type.Union([TimeText, TimestampMs])),
  to: Type.Optional(Type.Union([TimeText, TimestampMs])),
  after: Type.Optional(Type.Integer({ minimum: 0, description: 'The `next` of the answer before' })),
}
const AcceptMany = Type.Object(
  { ...SELECTION, offsetSeconds: Type.Optional(ClockOffset) },
  { additionalProperties: false, description: 'Times are of the receipt' },
)
const DropMany = Type.Object(SELECTION, { additionalProperties: false, description: 'Times are of the receipt' })
type Selected = Pick<SetAsideSelection, 'id' | 'deviceId' | 'reason' | 'from' | 'to' | 'after'>

/** Fixes that were set aside for a person to judge, and the judgement. */
export function setAsideRoutes(app: Api, { db, ingest }: { db: Database; ingest: Ingest }): void {
  app.get(
    '/api/v1/set-aside',
    {
      config: { access: DISPATCHERS },
      schema: {
        operationId: 'listSetAside',
        summary: 'Fixes that were set aside for a person to judge, newest received first',
        description:
          'Those that wait, or with `state` those that were accepted or dropped. `from` and `to` are times of receipt.',
        tags: ['tracking'],
        querystring: pageQuery({
          deviceId: Type.Optional(Id),
          reason: Type.Optional(Type.String({ maxLength: 64 })),
          state: Type.Optional(State),
          from: Type.Optional(TimeText),
          to: Type.Optional(TimeText),
        }),
        response: { 200: listOf(SetAside, 'A page of fixes set aside'), ...problems('request_invalid') },
      },
    },
    async request => {
      const principal = principalOf(request)
      const { limit = DEFAULT_LIMIT, cursor, deviceId, reason, state = 'waiting' } = request.query
      const before = readCursor<SetAsideKey>(cursor, ['number', 'number'])
      const filter = { ...readTimeRange(request.query), deviceId, reason, state, before, limit: limit + 1 }
      const visible = await readableDevices(db, principal)
      const rows = await listSetAside(db, principal.org, { ...filter, visible })
      const learnt = await learntOffsets(
        db,
        principal.org,
        rows.map(row => row.device_id),
      )
      return pageOf(
        rows,
        limit,
        row => [row.received_at, row.id],
        row => setAsideView(row, learnt),
      )
    },
  )

  app.post(
    '/api/v1/set-aside/:id/accept',
    {
      config: { access: DISPATCHERS },
      schema: {
        operationId: 'acceptSetAside',
        summary: 'Make a fix that was set aside a fix of its device, with its right time',
        description:
          'It is stored and evaluated like one that arrives late, and leaves the list. The body may be left out.',
        tags: ['tracking'],
        params: BySetAside,
        body: documented(AcceptOne),
        response: {
          200: SetAside,
          ...problems(
            'not_found',
            'already_judged',
            'timestamp_still_future',
            'timestamp_implausible',
            'payload_invalid',
            'request_invalid',
            'shutting_down',
          ),
        },
      },
    },
    async request => {
      const principal = principalOf(request)
      const time = checkSchema(AcceptOne, request.body ?? {})
      if (time.timestamp !== undefined && time.offsetSeconds !== undefined) {
        throw new TrackwireError('payload_invalid', 'send timestamp or offsetSeconds, not both')
      }
      const { id } = request.params
      return judgeOne(principal, id, async selection =>
        ingest.acceptSetAside(selection, time, actOf(request, 'set-aside.accept', String(id), time)),
      )
    },
  )

  app.post(
    '/api/v1/set-aside/:id/drop',
    {
      config: { access: DISPATCHERS },
      schema: {
        operationId: 'dropSetAside',
        summary: 'Keep a fix that was set aside out for good',
        tags: ['tracking'],
        params: BySetAside,
        response: {
          200: SetAside,
          ...problems('not_found', 'already_judged', 'request_invalid', 'shutting_down'),
        },
      },
    },
    async request => {
      const { id } = request.params
      return judgeOne(principalOf(request), id, selection =>
        ingest.dropSetAside(selection, actOf(request, 'set-aside.drop', String(id))),
      )
    },
  )

  app.post(
    '/api/v1/set-aside/accept',
    {
      config: { access: DISPATCHERS },
      schema: {
        operationId: 'acceptManySetAside',
        summary: 'Accept what was set aside of a device, up to 1,000 fixes a call',
        description:
          'Each with `offsetSeconds`, else with its suggestion, else as it was sent. While `next` is not null more wait: call again with it as `after`.',
        tags: ['tracking'],
        body: AcceptMany,
        response: {
          200: judgedMany('accepted'),
          ...problems('payload_not_json', 'payload_invalid', 'request_invalid', 'shutting_down'),
        },
      },
    },
    async request => {
      const { offsetSeconds } = request.body
      const selection = await selectionOf(principalOf(request), selectedBy(request.body))
      const { judged, refused, next } = await ingest.acceptSetAside(
        selection,
        { offsetSeconds },
        actOf(request, 'set-aside.accept', request.body.deviceId, request.body),
      )
      return { accepted: judged.length, refused, next }
    },
  )

  app.post(
    '/api/v1/set-aside/drop',
    {
      config: { access: DISPATCHERS },
      schema: {
        operationId: 'dropManySetAside',
        summary: 'Drop what was set aside of a device, up to 1,000 fixes a call',
        description: 'While `next` is not null more wait: call again with it as `after`.',
        tags: ['tracking'],
        body: DropMany,
        response: {
          200: judgedMany('dropped'),
          ...problems('payload_not_json', 'payload_invalid', 'request_invalid', 'shutting_down'),
        },
      },
    },
    async request => {
      const selection = await selectionOf(principalOf(request), selectedBy(request.body))
      const { judged, refused, next } = await ingest.dropSetAside(
        selection,
        actOf(request, 'set-aside.drop', request.body.deviceId, request.body),
      )
      return { dropped: judged.length, refused, next }
    },
  )

  async function selectionOf(principal: Principal, selected: Selected): Promise<SetAsideSelection> {
    const visible = await readableDevices(db, principal)
    return { org: principal.org, by: principal.sub, visible, ...selected }
  }

  async function judgeOne(
    principal: Principal,
    id: number,
    judge: (selection: SetAsideSelection) => Promise<SetAsideJudgement>,
  ) {
    const { judged, refused } = await judge(await selectionOf(principal, { id }))
    const [refusal] = refused
    if (refusal !== undefined) throw new TrackwireError(refusal.code, refusal.message)
    const row = await findSetAside(db, principal.org, id)
    const visible = await readableDevices(db, principal)
    if (row === undefined || (visible !== null && !visible.includes(row.device_id))) {
      throw new TrackwireError('not_found', `no fix ${id} was set aside, or this token may not see it`)
    }
    if (judged.length === 0) throw new TrackwireError('already_judged', `the fix ${id} was ${row.state} already`)
    return setAsideView(row, await learntOffsets(db, principal.org, [row.device_id]))
  }
}

function judgedMany(what: 'accepted' | 'dropped'): object {
  return {
    type: 'object',
    description: `How many were ${what}, which could not be, and where to go on`,
    required: [what, 'refused', 'next'],
    properties: {
      [what]: { type: 'integer' },
      refused: {
        type: 'array',
        description: 'These wait on',
        items: {
          type: 'object',
          required: ['id', 'code', 'message'],
          properties: { id: { type: 'integer' }, code: { type: 'string' }, message: { type: 'string' } },
        },
      },
      next: Nullable({ type: 'integer', description: 'More wait: the `after` of the next call' }),
    },
  }
}

function selectedBy(body: Type.Static<typeof DropMany>): Selected {
  const { deviceId, reason, after, from, to } = body
  const range = readTimeRange({
    ...(from !== undefined && { from: String(from) }),
    ...(to !== undefined && { to: String(to) }),
  })
  return { deviceId, reason, after, ...range }
}

function setAsideView(row: SetAsideRow, learnt: readonly { deviceId: string; offsetSeconds: number }[]) {
  const offsets = learnt.filter(({ deviceId }) => deviceId === row.device_id).map(({ offsetSeconds }) => offsetSeconds)
  const suggested = suggestedOffset(row.fix_time, row.received_at, offsets)
  return {
    id: row.id,
    deviceId: row.device_id,
    reason: row.reason,
    timestamp: row.fix_time,
    receivedAt: row.received_at,
    fix: row.fix,
    suggestedTime: suggested === null ? null : row.fix_time - suggested * 1_000,
    suggestedOffsetSeconds: suggested,
    state: row.state,
    judgedBy: row.judged_by,
    judgedAt: row.judged_at,
    acceptedTime: row.accepted_time,
  }
}
