import { CHANNELS, type Channel, type Rights, type Scope } from './channels.ts'
import type { AclRule, Principal } from './claims.ts'
import { channelsUnder, coversFilter, isFilter, matchesFilter, type ParsedTopic, parseTopic } from './topics.ts'

export type Action = 'publish' | 'subscribe'

export interface Decision {
  readonly allowed: boolean
  /** One clause that a person can read: which rule decided. */
  readonly reason: string
}

const allow = (reason: string): Decision => ({ allowed: true, reason })
const deny = (reason: string): Decision => ({ allowed: false, reason })

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

/** May the principal publish to, or receive from, this topic name? Pure; the organisation is checked before any claim. */
export function decideTopic(
  principal: Principal,
  action: Action,
  topic: string,
  parsed: ParsedTopic | null = parseTopic(topic),
): Decision {
  if (parsed === null) return deny('no channel has this topic')
  if (parsed.params.org !== undefined && parsed.params.org !== principal.org) return deny('another organisation')
  for (const rule of principal.acl) {
    if (appliesTo(rule, action) && matchesFilter(rule.topic, topic)) {
      return { allowed: rule.permission === 'allow', reason: `acl claim: ${rule.permission} ${rule.topic}` }
    }
  }
  return decideByRole(principal, action, parsed)
}

/**
 * May the principal hold this subscription? A wildcard over devices is granted to those who may see some of them:
 * what is delivered is then decided per message by {@link decideTopic}, so the filter never widens anything.
 */
export function decideFilter(principal: Principal, filter: string): Decision {
  if (!isFilter(filter)) return deny('not a well-formed filter')
  if (filter.split('/', 1)[0] !== principal.org) return deny('filters begin with your own organisation')
  for (const rule of principal.acl) {
    if (appliesTo(rule, 'subscribe') && coversFilter(rule.topic, filter)) {
      return { allowed: rule.permission === 'allow', reason: `acl claim: ${rule.permission} ${rule.topic}` }
    }
  }
  const pattern = widestFilters(principal).find(widest => coversFilter(widest, filter))
  if (pattern === undefined) return deny(`role ${principal.role} may not read ${filter}`)
  const readable = channelsUnder(filter).some(({ channel, params }) => {
    const scope = (CHANNELS[channel] as Channel).subscribe[principal.role]
    if (scope === undefined) return false
    const id = params.deviceId ?? params.userId
    if (scope === 'any' || id === undefined) return true
    // A wildcard over granted devices is narrowed per message; one over others' own topics has nothing to give.
    if (id === '+') return scope === 'granted'
    return scope === 'own' ? id === principal.sub : principal.devices.has(id)
  })
  return readable ? allow(`role ${principal.role}: ${pattern}`) : deny(`nothing readable under ${filter}`)
}

/** The widest filters a role may hold. */
function widestFilters({ org, role, sub }: Principal): string[] {
  const own = [`${org}/users/${sub}/#`, `${org}/fences/#`]
  if (role === 'device') return [...own, `${org}/devices/${sub}/#`]
  const filters = [...own, `${org}/devices/#`, `${org}/notifications/#`, `${org}/sos/#`, `${org}/incidents/#`]
  // What an admin may not read under `org/#`, other people's inboxes, is withheld per message.
  return role === 'admin' ? [...filters, `${org}/#`] : filters
}

function appliesTo(rule: AclRule, action: Action): boolean {
  return rule.action === 'all' || rule.action === action
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
