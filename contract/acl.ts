import Type from 'typebox'
import { coversFilter, isFilter, matchesFilter } from './topics.ts'

export type Qos = 0 | 1 | 2
export type Action = 'publish' | 'subscribe'

/** How a message is published, or a subscription asked for. */
export interface Manner {
  /** Left out: at whichever QoS is allowed; what is read or sent over HTTP has none. */
  readonly qos?: Qos | undefined
  /** Of a PUBLISH or a will, as the client set it; left out: not retained. */
  readonly retain?: boolean | undefined
}

/** A topic of a rule that is compared as it stands, wildcards and all: it is about that one filter. */
const LITERALLY = 'eq '

const AclTopic = Type.Refine(
  Type.String({ minLength: 1, maxLength: 512 }),
  topic => isFilter(literal(topic) ?? topic),
  () => 'is no topic filter: # stands alone on the last level, + alone on a level, and there is no NUL',
)
const AclAction = Type.Union([Type.Literal('publish'), Type.Literal('subscribe'), Type.Literal('all')])
const AclQos = Type.Unsafe<Qos>(Type.Integer({ minimum: 0, maximum: 2 }))

/**
 * The list form: the first rule that matches wins. A key that is not known is refused: it may well be a condition, and a rule
 * without its condition would allow too much.
 */
export const AclRule = Type.Object(
  {
    permission: Type.Union([Type.Literal('allow'), Type.Literal('deny')]),
    action: AclAction,
    topic: AclTopic,
    /** The rule is for these only; for every QoS when left out. */
    qos: Type.Optional(Type.Union([AclQos, Type.Array(AclQos, { minItems: 1, maxItems: 3 })])),
    /** The rule is for publishing with, or without, the retain flag only; a subscription has none. */
    retain: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
)
export type AclRule = Type.Static<typeof AclRule>

/** The object form: allow lists per action. */
const TopicList = Type.Array(AclTopic)
export const AclLists = Type.Object(
  { pub: Type.Optional(TopicList), sub: Type.Optional(TopicList), all: Type.Optional(TopicList) },
  { additionalProperties: false },
)

export const Acl = Type.Union([Type.Array(AclRule), AclLists])
export type Acl = Type.Static<typeof Acl>

const NO_RULES: readonly AclRule[] = []

/** Brings both forms of the claim into the list form. */
export function aclRules(acl: Acl | undefined): readonly AclRule[] {
  if (acl === undefined) return NO_RULES
  if (Array.isArray(acl)) return acl
  const allow = (action: AclRule['action'], topics: string[] = []): AclRule[] =>
    topics.map(topic => ({ permission: 'allow', action, topic }))
  return [...allow('publish', acl.pub), ...allow('subscribe', acl.sub), ...allow('all', acl.all)]
}

/** Whether the rule is about this topic name. */
export function ruleMatchesTopic(rule: AclRule, topic: string): boolean {
  const own = literal(rule.topic)
  return own === undefined ? matchesFilter(rule.topic, topic) : own === topic
}

/** Whether the rule is about all of a filter: each topic that it matches, or with `eq ` this very filter. */
export function ruleCoversFilter(rule: AclRule, filter: string): boolean {
  const own = literal(rule.topic)
  return own === undefined ? coversFilter(rule.topic, filter) : own === filter
}

/** Whether the rule is about this action, done in this manner. */
export function ruleAppliesTo(rule: AclRule, action: Action, { qos, retain = false }: Manner): boolean {
  if (rule.action !== 'all' && rule.action !== action) return false
  if (rule.qos !== undefined && !(Array.isArray(rule.qos) ? rule.qos : [rule.qos]).includes(qos as Qos)) return false
  return rule.retain === undefined || action === 'subscribe' || rule.retain === retain
}

export function namesQos(rule: AclRule): boolean {
  return rule.qos !== undefined
}

function literal(topic: string): string | undefined {
  return topic.startsWith(LITERALLY) ? topic.slice(LITERALLY.length) : undefined
}

const PLACEHOLDER = /\$\{(clientid|username)\}/g
/** A level with a placeholder in it, and what stands around it. */
const LEVEL_WITH_PLACEHOLDER = /[^/]*\$\{(?:clientid|username)\}[^/]*/g

/** What the placeholders of an `acl` claim stand for: both are the client's own choice. */
export interface AclNames {
  readonly clientId: string
  readonly username: string | undefined
}

/**
 * Fills `${clientid}` and `${username}` in the rules of an `acl` claim. A value that is no single plain topic level must not
 * widen anything: an allow rule with it falls away, and a deny rule is for any text on that level.
 */
export function fillAcl<Of extends { readonly acl: readonly AclRule[] }>(principal: Of, names: AclNames): Of {
  if (principal.acl.every(({ topic }) => !topic.includes('${'))) return principal
  const acl: AclRule[] = []
  for (const rule of principal.acl) {
    const topic = fill(rule, names)
    if (topic !== null) acl.push({ ...rule, topic })
  }
  return { ...principal, acl }
}

function fill({ topic, permission }: AclRule, { clientId, username }: AclNames): string | null {
  const standsFor = (name: string) => (name === 'clientid' ? clientId : (username ?? ''))
  const used = [...topic.matchAll(PLACEHOLDER)].map(([, name]) => standsFor(name!))
  if (used.every(isPlainLevel)) return topic.replaceAll(PLACEHOLDER, (_, name) => standsFor(name))
  if (permission === 'allow') return null
  return (literal(topic) ?? topic).replaceAll(LEVEL_WITH_PLACEHOLDER, '+')
}

function isPlainLevel(text: string): boolean {
  return text !== '' && !/[/+#\0]/.test(text)
}
