import type { Action } from './acl.ts'
import type { ChannelName } from './channels.ts'
import type { Principal } from './claims.ts'
import type { ShareScope } from './share-scope.ts'
import { channelsUnder, type ParsedTopic } from './topics.ts'

/** All that a share link shows of a device over MQTT. */
const SHARED: readonly ChannelName[] = ['location', 'last', 'status']

/**
 * Whether the scope of a share link leaves a topic to its bearer. It only narrows: role and `acl` are asked as well.
 * Publishing is closed but for the renewal of the token itself.
 */
export function isShared(principal: Principal, action: Action, { channel, params }: ParsedTopic): boolean {
  const { share, sub } = principal
  if (share === undefined) return true
  if (action === 'publish') return channel === 'authToken'
  if (channel === 'errors') return params.userId === sub
  return SHARED.includes(channel) && (params.deviceId === '+' || share.devices.includes(params.deviceId!))
}

/** The same of a filter: whatever it matches has to be shared. A wildcard in the device's place is narrowed per message. */
export function isFilterShared(principal: Principal, filter: string): boolean {
  return principal.share === undefined || channelsUnder(filter).every(topic => isShared(principal, 'subscribe', topic))
}

/** Whether a token may take the place of another one: of the same link (the platform says how far it goes by now), else of the same scope. */
export function isSameShare(held: ShareScope | undefined, renewed: ShareScope | undefined): boolean {
  if (held?.link !== undefined) return renewed?.link === held.link && renewed.view === held.view
  return canonical(held) === canonical(renewed)
}

function canonical(share: ShareScope | undefined): string | undefined {
  return share && JSON.stringify(Object.entries(share).sort(([a], [b]) => (a < b ? -1 : 1)))
}
