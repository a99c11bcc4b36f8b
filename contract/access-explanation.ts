import { type Decision, decideFilter, decideTopic, EVERY_QOS, filterBarrier, topicBarrier } from './access.ts'
import {
  type AclRule,
  type Action,
  type Manner,
  namesQos,
  ruleAppliesTo,
  ruleCoversFilter,
  ruleMatchesTopic,
} from './acl.ts'
import { CHANNELS, type Channel, type Scope } from './channels.ts'
import type { Principal } from './claims.ts'
import { parseTopic } from './topics.ts'

/** One of the things that are looked at, in order; what comes after the one that decides is not looked at. */
export interface Considered {
  /** A sentence for people. */
  readonly text: string
  readonly decided: boolean
}

export interface Explained extends Decision {
  /** The answer in one sentence. */
  readonly text: string
  readonly considered: readonly Considered[]
}

interface Question {
  readonly action: Action
  readonly topic: string
  readonly manner: Manner
  /** A subscription with wildcards: what of it is delivered is decided topic by topic. */
  readonly isWildcard: boolean
}

/** A decision, with what led to it. A topic with wildcards is a filter that somebody wants to subscribe. */
export function explainDecision(principal: Principal, action: Action, topic: string, asked: Manner = {}): Explained {
  const isWildcard = action === 'subscribe' && /[+#]/.test(topic)
  const decide = (manner: Manner) =>
    isWildcard ? decideFilter(principal, topic, manner) : decideTopic(principal, action, topic, undefined, manner)
  const manner = { ...asked, qos: asked.qos ?? EVERY_QOS.find(qos => decide({ ...asked, qos }).allowed) ?? 0 }
  const decision = decide(manner)
  const may = decision.allowed ? 'may' : 'may not'
  const doing = action === 'publish' ? 'publish to' : 'subscribe to'
  const how = principal.acl.some(namesQos) ? ` at QoS ${manner.qos}` : ''
  return {
    ...decision,
    text: `${who(principal)} ${may} ${doing} ${topic}${how}: ${decision.reason}.`,
    considered: consider(principal, { action, topic, manner, isWildcard }),
  }
}

function consider(principal: Principal, question: Question): Considered[] {
  const { action, topic, isWildcard } = question
  const barrier = isWildcard ? filterBarrier(principal, topic) : topicBarrier(principal, action, parseTopic(topic))
  if (barrier !== null) return [{ text: `Whatever a token says: ${barrier}.`, decided: true }]
  const steps: Considered[] = [
    { text: `The topic is one that the platform serves to ${principal.org}.`, decided: false },
  ]
  for (const [at, rule] of principal.acl.entries()) {
    const miss = missOf(rule, question)
    const name = `Rule ${at + 1} of the acl claim (${describe(rule)})`
    steps.push({ text: `${name} ${miss ?? 'matches, and decides'}.`, decided: miss === null })
    if (miss === null) return steps
  }
  if (principal.acl.length === 0) steps.push({ text: 'There is no acl claim.', decided: false })
  steps.push({ text: ofRole(principal, question), decided: true })
  return steps
}

/** Why a rule does not decide, or null when it does. */
function missOf(rule: AclRule, { action, topic, manner, isWildcard }: Question): string | null {
  if (rule.action !== 'all' && rule.action !== action) return 'is about the other action'
  if (!ruleAppliesTo(rule, action, manner)) return 'is for another QoS or another retain flag'
  if (isWildcard) return ruleCoversFilter(rule, topic) ? null : 'does not cover all of the filter'
  return ruleMatchesTopic(rule, topic) ? null : 'does not match the topic'
}

function describe({ permission, action, topic, qos, retain }: AclRule): string {
  const levels = qos === undefined ? '' : `, QoS ${[qos].flat().join(' or ')}`
  const flag = retain === undefined ? '' : retain ? ', retained' : ', not retained'
  return `${permission} ${action} ${topic}${levels}${flag}`
}

const WHOSE: Readonly<Record<Scope, string>> = {
  own: 'of itself alone',
  granted: 'of the devices granted to it',
  any: 'of all of the organisation',
}

function ofRole(principal: Principal, { action, topic, manner, isWildcard }: Question): string {
  const { role } = principal
  if (isWildcard) {
    return decideFilter(principal, topic, manner).allowed
      ? `The role ${role} may hold the filter; each message under it is delivered only if its own topic may be read.`
      : `The role ${role} reads nothing under this filter, or may hold narrower ones only.`
  }
  const { channel } = parseTopic(topic)!
  const scope = (CHANNELS[channel] as Channel)[action][role]
  const verb = action === 'publish' ? 'publishes' : 'reads'
  if (scope === undefined) return `The role ${role} never ${verb} ${channel}.`
  const falls = decideTopic(principal, action, topic, undefined, manner).allowed
    ? 'this is one of them'
    : 'this is none of them'
  return `The role ${role} ${verb} ${channel} ${WHOSE[scope]}, and ${falls}.`
}

function who({ role, sub, org }: Principal): string {
  return `${role} ${sub} of ${org}`
}
