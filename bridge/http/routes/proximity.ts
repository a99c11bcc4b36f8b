import Type from 'typebox'
import { Id, ProximityRule, TrackwireError } from '../../../contract/index.ts'
import type { Ingest } from '../../ingest/ingest.ts'
import { DISPATCHERS, principalOf } from '../access.ts'
import { actOf } from '../act.ts'
import { problems } from '../problem.ts'
import type { Api } from '../schema-checks.ts'

const ById = Type.Object({ ruleId: Id }, { additionalProperties: false })
const Rule = {
  type: 'object',
  required: ['id', 'rule'],
  properties: { id: Id, rule: ProximityRule },
}

/** Which devices are watched for coming near each other. */
export function proximityRoutes(app: Api, { ingest }: { ingest: Ingest }): void {
  app.get(
    '/api/v1/proximity',
    {
      config: { access: DISPATCHERS },
      schema: {
        operationId: 'listProximityRules',
        summary: 'Which devices are watched for coming near each other',
        tags: ['rules'],
        response: {
          200: {
            type: 'object',
            description: 'All of them, by id',
            required: ['items', 'next'],
            properties: { items: { type: 'array', items: Rule }, next: { type: 'null' } },
          },
          ...problems(),
        },
      },
    },
    async request => ({ items: ingest.proximityRules(principalOf(request).org), next: null }),
  )

  app.put(
    '/api/v1/proximity/:ruleId',
    {
      config: { access: DISPATCHERS },
      schema: {
        operationId: 'putProximityRule',
        summary: 'Watch two devices, or a device and those of a group',
        description:
          'Counts from the next fix of one of them. What is near stays near until it is far by the new distance.',
        tags: ['rules'],
        params: ById,
        body: ProximityRule,
        response: {
          200: { ...Rule, description: 'It was there and is replaced' },
          201: { ...Rule, description: 'It is new' },
          ...problems('payload_invalid', 'request_invalid', 'shutting_down'),
        },
      },
    },
    async (request, reply) => {
      const { ruleId } = request.params
      const act = actOf(request, 'proximity.put', ruleId, request.body)
      const created = await ingest.putProximityRule(act.org, ruleId, request.body, act)
      reply.code(created ? 201 : 200)
      return { id: ruleId, rule: request.body }
    },
  )

  app.delete(
    '/api/v1/proximity/:ruleId',
    {
      config: { access: DISPATCHERS },
      schema: {
        operationId: 'deleteProximityRule',
        summary: 'Watch them no more; nothing is announced, and no incident of theirs stays open',
        tags: ['rules'],
        params: ById,
        response: {
          204: { type: 'null', description: 'It is gone' },
          ...problems('not_found', 'request_invalid', 'shutting_down'),
        },
      },
    },
    async (request, reply) => {
      const { ruleId } = request.params
      const act = actOf(request, 'proximity.delete', ruleId)
      const existed = await ingest.deleteProximityRule(act.org, ruleId, act)
      if (!existed) throw new TrackwireError('not_found', `there is no proximity rule ${ruleId}`)
      return reply.code(204).send()
    },
  )
}
