import {
  type AclRule,
  type Action,
  type Manner,
  namesQos,
  type Qos,
  ruleAppliesTo,
  ruleCoversFilter,
  ruleMatchesTopic,
} from './acl.ts'
import { CHANNEL_NAMES, CHANNELS, type Channel, type ChannelName, type Rights, type Scope } from './channels.ts'
import type { Principal } from './claims.ts'
import { isFilterShared, isShared } from './share-access.ts'
import { channelsUnder, coversFilter, isFilter, type ParsedTopic, parseTopic } from './topics.ts'

export interface Decision {
  readonly allowed: boolean
  /** One clause that a person can read: which rule decided. */
  readonly reason: string
}

const allow = (reason: string): Decision => ({ allowed: true, reason })
const deny = (reason: string): Decision => ({ allowed: false, reason })

/** Channels on which no role has the right: no claim gives it either. */
const PLATFORM_ALONE: Readonly<Record<Action, ReadonlySet<ChannelName>>> = {
  publish: withoutRights('publish'),
  subscribe: withoutRights('subscribe'),
}
function withoutRights(action: Action): ReadonlySet<ChannelName> {
  return new Set(CHANNEL_NAMES.filter(name => Object.keys(CHANNELS[name][action]).length === 0))
}

/** Whether the principal may see the device: its positions, its status, its alerts. */
export function maySeeDevice(principal: Principal, deviceId: string): boolean {
  const scope = (CHANNELS.last.subscribe as Rights)[principal.role]
  return scope !== undefined && deviceInScope(principal, scope, deviceId)
}

/** The device ids the principal may see, or `all` of the organisation. */
export function visibleDevices(principal: Principal): ReadonlySet<string> | 'all' {
  const scope = (CHANNELS.last.subscribe as Rights)[principal.role]
  if (scope === 'any') return 'all'
  return scope === 'own' ? new Set([principal.sub]) : principal.devices
}

/**
 * May the principal publish to, or receive from, this topic name? Pure. In order: the organisation, which no claim reaches out
 * of; the first rule of the `acl` claim that matches; the rights of the role.
 * @param parsed of the topic, where it is known already
 */
export function decideTopic(
  principal: Principal,
  action: Action,
  topic: string,
  parsed: ParsedTopic | null = parseTopic(topic),
  manner: Manner = {},
): Decision {
  const barrier = topicBarrier(principal, action, parsed)
  if (barrier !== null || parsed === null) return deny(barrier ?? NO_CHANNEL)
  return inSomeManner(principal, manner, exact => {
    for (const rule of principal.acl) {
      if (ruleAppliesTo(rule, action, exact) && ruleMatchesTopic(rule, topic)) return byClaim(rule)
    }
    return decideByRole(principal, action, parsed)
  })
}

const NO_CHANNEL = 'no channel has this topic'

/** What no claim and no role gets past; null when it is theirs to decide. */
export function topicBarrier(principal: Principal, action: Action, parsed: ParsedTopic | null): string | null {
  if (parsed === null) return NO_CHANNEL
  if (parsed.params.org !== undefined && parsed.params.org !== principal.org) return 'another organisation'
  if (!isShared(principal, action, parsed)) return 'not part of the share link'
  if (!PLATFORM_ALONE[action].has(parsed.channel)) return null
  return action === 'publish' ? 'only the platform publishes here' : 'nobody reads here'
}

/**
 * May the principal hold this subscription? The first rule of the `acl` claim that covers all of the filter decides, then
 * the role. A wildcard over devices is granted to those who may see some of them: what is delivered is then decided per
 * message by {@link decideTopic}, so a filter never gives more than its topics one by one.
 *
 * What a principal could read is out of reach under a filter only where the filter is wider than the widest of its role, where
 * an `acl` rule that allows is narrower than the filter, and where the open level is about principals instead of devices:
 * it subscribes what the role or rule says, or its own id.
 */
export function decideFilter(principal: Principal, filter: string, manner: Manner = {}): Decision {
  const barrier = filterBarrier(principal, filter)
  if (barrier !== null) return deny(barrier)
  return inSomeManner(principal, manner, exact => {
    for (const rule of principal.acl) {
      if (ruleAppliesTo(rule, 'subscribe', exact) && ruleCoversFilter(rule, filter)) return byClaim(rule)
    }
    const widest = widestFilters(principal).find(pattern => coversFilter(pattern, filter))
    if (widest === undefined) return deny(`role ${principal.role} may not read ${filter}`)
    return channelsUnder(filter).some(parsed => mayReadSome(principal, parsed))
      ? allow(`role ${principal.role}: ${widest}`)
      : deny(`nothing readable under ${filter}`)
  })
}

/** As {@link topicBarrier}, of a filter. */
export function filterBarrier(principal: Principal, filter: string): string | null {
  if (!isFilter(filter)) return 'not a well-formed filter'
  if (filter.split('/', 1)[0] !== principal.org) return 'filters begin with your own organisation'
  if (!isFilterShared(principal, filter)) return 'reaches beyond the share link'
  const isRead = channelsUnder(filter).some(({ channel }) => !PLATFORM_ALONE.subscribe.has(channel))
  return isRead ? null : `no channel has topics under ${filter}`
}

export const EVERY_QOS: readonly Qos[] = [0, 1, 2]

/** Only where a rule asks for the QoS, and none is given, there is more than one manner to try. */
function inSomeManner({ acl }: Principal, manner: Manner, decide: (exact: Manner) => Decision): Decision {
  if (manner.qos !== undefined || !acl.some(namesQos)) return decide(manner)
  const decisions = EVERY_QOS.map(qos => decide({ ...manner, qos }))
  return decisions.find(({ allowed }) => allowed) ?? decisions[0]!
}

function byClaim({ permission, action, topic }: AclRule): Decision {
  return { allowed: permission === 'allow', reason: `acl claim: ${permission} ${action} ${topic}` }
}

/** The widest filters a role may hold. */
function widestFilters({ org, role, sub }: Principal): string[] {
  const own = [`${org}/users/${sub}/#`, `${org}/fences/#`]
  if (role === 'device') return [...own, `${org}/devices/${sub}/#`]
  const filters = [...own, `${org}/devices/#`, `${org}/notifications/#`, `${org}/sos/#`, `${org}/incidents/#`]
  filters.push(`${org}/homeassistant/#`)
  // What an admin may not read under `org/#`, other people's inboxes, is withheld per message.
  return role === 'admin' ? [...filters, `${org}/#`] : filters
}

/** @param parsed a channel with the parameters as a filter pins them, `+` where it leaves them open */
function mayReadSome(principal: Principal, { channel, params }: ParsedTopic): boolean {
  const scope = (CHANNELS[channel] as Channel).subscribe[principal.role]
  if (scope === undefined) return false
  const id = params.deviceId ?? params.userId
  if (scope === 'any' || id === undefined) return true
  // A wildcard over granted devices is narrowed per message; one over others' own topics has nothing to give.
  if (id === '+') return scope === 'granted'
  return scope === 'own' ? id === principal.sub : principal.devices.has(id)
}

function decideByRole(principal: Principal, action: Action, { channel, params }: ParsedTopic): Decision {
  const rights: Rights = (CHANNELS[channel] as Channel)[action]
  const scope = rights[principal.role]
  if (scope === undefined) return deny(`role ${principal.role} may not ${action} ${channel}`)
  const inScope =
    params.deviceId !== undefined
      ? deviceInScope(principal, scope, params.deviceId)
      : scope !== 'own' || params.userId === principal.sub
  return inScope ? allow(`role ${principal.role}`) : deny(`role ${principal.role}: ${scope} only`)
}

function deviceInScope(principal: Principal, scope: Scope, deviceId: string): boolean {
  if (scope === 'any') return true
  return scope === 'own' ? deviceId === principal.sub : principal.devices.has(deviceId)
}
