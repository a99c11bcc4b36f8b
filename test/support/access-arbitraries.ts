import fc from 'fast-check'
import {
  type AclRule,
  buildTopic,
  CHANNEL_NAMES,
  CHANNELS,
  type Manner,
  type Principal,
  principalOf,
  ROLES,
  type TopicParams,
} from '../../contract/index.ts'

/** A small world, so that topics, filters, grants and rules meet often. */
const id = fc.constantFrom('own', 'me', 'other', 'x')
const org = fc.constantFrom('demo', 'rival', 'demo2')

function choicesOf(template: string): Record<string, string[]> {
  return Object.fromEntries(
    [...template.matchAll(/\{(\w+):([^}]+)\}/g)].map(([, name, list]) => [name!, list!.split('|')]),
  )
}

/** A topic of any channel. */
export const anyTopic: fc.Arbitrary<string> = fc
  .record({ channel: fc.constantFrom(...CHANNEL_NAMES), org, one: id, pick: fc.nat(20) })
  .map(({ channel, org, one, pick }) => {
    const choices = choicesOf(CHANNELS[channel].template)
    const chosen = Object.entries(choices).map(([name, list]) => [name, list[pick % list.length]!])
    const ids: TopicParams = {
      org,
      deviceId: one,
      fenceId: one,
      alertId: one,
      commandId: one,
      incidentId: one,
      component: one,
      nodeId: one,
      objectId: one,
      userId: one,
    }
    return buildTopic(channel, { ...ids, ...Object.fromEntries(chosen) })
  })

const hash = (levels: readonly string[], at: number) => [...levels.slice(0, at), '#'].join('/')

/** A topic with some levels left open: a filter that matches something. */
export const openedTopic: fc.Arbitrary<string> = fc
  .record({ topic: anyTopic, open: fc.array(fc.nat(4), { maxLength: 3 }), cut: fc.option(fc.nat(4), { freq: 2 }) })
  .map(({ topic, open, cut }) => {
    const levels = topic.split('/').map((level, at) => (open.includes(at) ? '+' : level))
    return cut === null || cut >= levels.length ? levels.join('/') : hash(levels, cut)
  })

const level = fc.constantFrom(
  'demo',
  'rival',
  'devices',
  'own',
  'x',
  'location',
  'users',
  'fences',
  'errors',
  '',
  '+',
  '$SYS',
)
/** Any well-formed filter, most of them about nothing. */
export const wildFilter: fc.Arbitrary<string> = fc
  .tuple(fc.array(level, { minLength: 1, maxLength: 5 }), fc.boolean())
  .map(([levels, hash]) => [...levels, ...(hash ? ['#'] : [])].join('/'))
  .filter(filter => filter !== '')

export const anyFilter = fc.oneof({ weight: 3, arbitrary: openedTopic }, wildFilter, fc.constant('#'), anyTopic)

const qos = fc.constantFrom(0 as const, 1 as const, 2 as const)
export const anyManner: fc.Arbitrary<Manner> = fc.record({ qos, retain: fc.boolean() }, { requiredKeys: [] })

export const anyRule: fc.Arbitrary<AclRule> = fc.record(
  {
    permission: fc.constantFrom('allow' as const, 'deny' as const),
    action: fc.constantFrom('publish' as const, 'subscribe' as const, 'all' as const),
    topic: fc.tuple(fc.constantFrom('', '', '', 'eq '), anyFilter).map(texts => texts.join('')),
    qos: fc.oneof(qos, fc.uniqueArray(qos, { minLength: 1 })),
    retain: fc.boolean(),
  },
  { requiredKeys: ['permission', 'action', 'topic'] },
)

export const anyAction = fc.constantFrom('publish' as const, 'subscribe' as const)

/** Somebody of `demo`. */
export const anyone: fc.Arbitrary<Principal> = fc
  .record({
    role: fc.constantFrom(...ROLES),
    sub: fc.constantFrom('me', 'own'),
    devices: fc.uniqueArray(id),
    acl: fc.array(anyRule, { maxLength: 4 }),
  })
  .map(claims => principalOf({ org: 'demo', exp: 4_102_444_800, ...claims }))
