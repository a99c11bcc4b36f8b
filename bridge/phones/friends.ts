import { cardForFriends, locationForFriends, type Principal, visibleDevices } from '../../contract/index.ts'
import type { Database } from '../store/database.ts'
import { listFriends } from '../store/owntracks.ts'

/** An app shows a few dozen; an answer goes with every position that a phone sends. */
const MAX_FRIENDS = 200

/**
 * Whom an app in HTTP mode shows beside its own phone: the devices that its token may see, a `location` and a `card` of each. None
 * for gateways, which only pass on.
 * @param mayRead whether the token may see one of these devices
 */
export async function friendsOf(
  db: Database,
  principal: Principal,
  { own, mayRead }: { own: string | null; mayRead: (deviceId: string) => boolean },
): Promise<object[]> {
  if (principal.role === 'service') return []
  const visible = candidates(principal)
  const seen = visible?.filter(deviceId => deviceId !== own && mayRead(deviceId)) ?? null
  if (seen?.length === 0) return []
  const { org } = principal
  const rows = await listFriends(db, org, { visible: seen, without: own, limit: MAX_FRIENDS })
  return rows
    .filter(({ deviceId }) => mayRead(deviceId))
    .flatMap(({ deviceId, newest, name, face }) => {
      const friend = { org, deviceId }
      if (newest === null) return []
      const position = locationForFriends(friend, newest)
      return name === null && face === null ? [position] : [position, cardForFriends(friend, { name, face }, newest)]
    })
}

/** Those that it may be able to see, without looking at all of a large organisation; null: any. */
function candidates(principal: Principal): string[] | null {
  const byRole = visibleDevices(principal)
  if (byRole === 'all') return null
  const named = new Set(byRole)
  for (const { permission, action, topic } of principal.acl) {
    if (permission === 'deny' || action === 'publish') continue
    const [, channel, deviceId] = topic.split('/')
    if (channel === 'devices' && deviceId !== undefined && !/[+#]/.test(deviceId)) named.add(deviceId)
    // A wildcard over devices, or over all: whoever has one sees most of them anyway.
    else if (/^(devices|[+#])$/.test(channel ?? '#')) return null
  }
  return [...named]
}
