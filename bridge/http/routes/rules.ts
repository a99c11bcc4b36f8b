import Type from 'typebox'
import { Id, type RuleSettings, TrackwireError } from '../../../contract/index.ts'
import { readRuleSettings } from '../../../geofence-engine/index.ts'
import { effectiveRules } from '../../ingest/effective-rules.ts'
import type { Ingest } from '../../ingest/ingest.ts'
import type { Database } from '../../store/database.ts'
import { findDevice } from '../../store/queries/devices.ts'
import { findRuleSettings, findRulesOfDevice, type RuleScope, type RuleSubject } from '../../store/rule-settings.ts'
import { DISPATCHERS, principalOf } from '../access.ts'
import { actOf } from '../act.ts'
import { problems } from '../problem.ts'
import { type Api, documented } from '../schema-checks.ts'
import { unknownDevice } from '../visibility.ts'

const SETTINGS = { $ref: 'RuleSettings#' }
const ByDevice = Type.Object({ deviceId: Id }, { additionalProperties: false })

const EffectiveView = {
  type: 'object',
  description: 'What is in force for a device, and where each rule comes from',
  required: ['deviceId', 'groups', 'rules', 'sources'],
  properties: {
    deviceId: Id,
    groups: { type: 'array', items: Id },
    rules: SETTINGS,
    sources: {
      type: 'object',
      description: 'By rule',
      additionalProperties: {
        type: 'object',
        required: ['scope'],
        properties: {
          scope: { enum: ['organisation', 'group', 'device'] },
          id: { ...Id, description: 'The group or the device' },
        },
      },
    },
  },
}

/** One scope of settings in the URL. */
interface Place {
  readonly scope: RuleScope
  readonly url: string
  /** The one parameter in it. */
  readonly parameter?: 'group' | 'deviceId'
  /** As in operation ids and in sentences. */
  readonly name: string
  readonly words: string
}

const PLACES: readonly Place[] = [
  { scope: 'organisation', url: '/api/v1/rules', name: 'Organisation', words: 'the organisation' },
  {
    scope: 'group',
    url: '/api/v1/rules/groups/:group',
    parameter: 'group',
    name: 'Group',
    words: 'a group of devices',
  },
  { scope: 'device', url: '/api/v1/rules/devices/:deviceId', parameter: 'deviceId', name: 'Device', words: 'a device' },
]

/** Rules of devices, set for the organisation, its groups and its devices. Dispatchers and admins read and change them. */
export function ruleRoutes(app: Api, { db, ingest }: { db: Database; ingest: Ingest }): void {
  for (const place of PLACES) placeRoutes(app, place, { db, ingest })

  app.get(
    '/api/v1/devices/:deviceId/rules',
    {
      config: { access: DISPATCHERS },
      schema: {
        operationId: 'getEffectiveRules',
        summary: 'The rules in force for a device, and where each comes from',
        description:
          'Rule by rule: those of the device, else of its groups (of several the last in alphabetical order), else of the organisation. A rule that is null is switched off.',
        tags: ['rules'],
        params: ByDevice,
        response: { 200: EffectiveView, ...problems('device_unknown', 'request_invalid') },
      },
    },
    async request => {
      const { org } = principalOf(request)
      const { deviceId } = request.params
      const device = await findDevice(db, org, deviceId)
      if (device === undefined) throw unknownDevice(deviceId)
      const { groups } = device
      const { rules, sources } = effectiveRules(await findRulesOfDevice(db, { org, deviceId, groups }))
      const views = Object.entries(sources).map(([rule, { scope, subject }]) => {
        return [rule, scope === 'organisation' ? { scope } : { scope, id: subject }] as const
      })
      return { deviceId, groups, rules, sources: Object.fromEntries(views) }
    },
  )
}

/** As the audit log names it: `organisation`, `group:north`, `device:truck-7`. */
function targetOf({ scope, subject }: RuleSubject): string {
  return scope === 'organisation' ? scope : `${scope}:${subject}`
}

function placeRoutes(app: Api, place: Place, { db, ingest }: { db: Database; ingest: Ingest }): void {
  const { scope, url, parameter, name, words } = place
  const params =
    parameter === undefined ? {} : { params: Type.Object({ [parameter]: Id }, { additionalProperties: false }) }
  const unknown = scope === 'device' ? (['device_unknown'] as const) : []
  const subjectOf = async (org: string, params: unknown) => {
    const subject = parameter === undefined ? '' : (params as Record<string, string>)[parameter]!
    if (scope === 'device' && (await findDevice(db, org, subject)) === undefined) throw unknownDevice(subject)
    return { org, scope, subject }
  }

  app.get(
    url,
    {
      config: { access: DISPATCHERS },
      schema: {
        operationId: `get${name}Rules`,
        summary: `The rules set for ${words}; empty when none are`,
        tags: ['rules'],
        ...params,
        response: { 200: SETTINGS, ...problems(...unknown, 'request_invalid') },
      },
    },
    async request => (await findRuleSettings(db, await subjectOf(principalOf(request).org, request.params))) ?? {},
  )

  app.put(
    url,
    {
      config: { access: DISPATCHERS },
      schema: {
        operationId: `put${name}Rules`,
        summary: `Set the rules of ${words}, in place of those set before`,
        description:
          'They count from the next fix of each device; what was announced before stays. An episode that is open when its rule is switched off ends with that fix. The error names the path of the first fault.',
        tags: ['rules'],
        ...params,
        body: documented(SETTINGS),
        response: {
          200: SETTINGS,
          ...problems(
            ...unknown,
            'payload_invalid',
            'payload_not_json',
            'payload_too_large',
            'request_invalid',
            'media_type_unsupported',
          ),
        },
      },
    },
    async request => {
      const subject = await subjectOf(principalOf(request).org, request.params)
      if (request.body === undefined) {
        throw new TrackwireError('payload_not_json', 'the request has no body; send the rules as a JSON object')
      }
      const settings: RuleSettings = readRuleSettings(request.body)
      await ingest.setRules(subject, settings, actOf(request, 'rules.put', targetOf(subject), { settings }))
      return settings
    },
  )

  app.delete(
    url,
    {
      config: { access: DISPATCHERS },
      schema: {
        operationId: `delete${name}Rules`,
        summary: `Take away the rules set for ${words}; those of wider scopes are in force again`,
        tags: ['rules'],
        ...params,
        response: { 204: { type: 'null', description: 'Gone' }, ...problems(...unknown, 'request_invalid') },
      },
    },
    async (request, reply) => {
      const subject = await subjectOf(principalOf(request).org, request.params)
      await ingest.setRules(subject, null, actOf(request, 'rules.delete', targetOf(subject)))
      return reply.code(204).send()
    },
  )
}
