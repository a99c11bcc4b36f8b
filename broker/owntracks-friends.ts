import type { AedesPublishPacket } from 'aedes'
import {
  buildTopic,
  decideTopic,
  friendTopic,
  isOwnTracksFilter,
  type LocationUpdate,
  locationForFriends,
  matchesFilter,
  type Principal,
  parseFriendTopic,
  parseTopic,
} from '../contract/index.ts'
import type { Connection } from './connections.ts'
import type { OwnTracksSecret } from './owntracks.ts'
import type { OutgoingMessage } from './publish.ts'

interface Retained {
  readonly topic: string
  readonly payload: Buffer
}

/** The `last` of a device as its friends' apps read it; null for any other message. */
export function asFriend<Message extends { readonly topic: string; readonly payload: string | Buffer }>(
  message: Message,
): { readonly topic: string; readonly payload: () => string } | null {
  const parsed = parseTopic(message.topic)
  if (parsed?.channel !== 'last' || message.payload.length === 0) return null
  const friend = { org: parsed.params.org!, deviceId: parsed.params.deviceId! }
  const topic = friendTopic(friend)
  if (topic === null) return null
  const payload = () =>
    JSON.stringify(locationForFriends(friend, JSON.parse(message.payload.toString()) as LocationUpdate))
  return { topic, payload }
}

/**
 * What a subscription of OwnTracks is shown at once: the retained newest positions, made from ours, so that nothing is kept twice.
 * Who may see which is decided when they are handed out.
 */
export function* friendsUnder<Packet extends Retained>(filter: string, retained: Iterable<Packet>): Generator<Packet> {
  if (!isOwnTracksFilter(filter)) return
  for (const packet of retained) {
    const friend = asFriend(packet)
    if (friend === null || !matchesFilter(filter, friend.topic)) continue
    yield { ...packet, topic: friend.topic, payload: Buffer.from(friend.payload()) }
  }
}

/** A newest position that moved, for the apps that listen; null where nobody does. QoS 0: the next one is a second away. */
export function messageForFriends(
  message: OutgoingMessage,
  isHeard: (topic: string) => boolean,
): OutgoingMessage | null {
  const friend = asFriend(message)
  if (friend === null || !isHeard(friend.topic)) return null
  return { topic: friend.topic, payload: friend.payload(), qos: 0, retain: false }
}

/** Whether a principal may be sent what the platform says under `owntracks/`: of devices that it may see, and is not itself. */
export function mayReceiveFriend(principal: Principal, topic: string): boolean {
  const friend = parseFriendTopic(topic)
  if (friend === null || principal.share !== undefined || principal.org === 'owntracks') return false
  // Never published, but handed to the phone that it is for.
  if (friend.part === 'cmd') return true
  const { org, deviceId } = friend
  if (org !== principal.org || (principal.role === 'device' && principal.sub === deviceId)) return false
  return decideTopic(principal, 'subscribe', buildTopic('last', { org, deviceId })).allowed
}

/** The payload that a connection is sent: to an app that encrypts, everything is encrypted. */
export function sealedForPhone(
  { sealsOwnTracks }: Connection,
  { topic, payload }: Pick<AedesPublishPacket, 'topic' | 'payload'>,
  secret: OwnTracksSecret | undefined,
): string | Buffer {
  if (!sealsOwnTracks || secret === undefined || parseFriendTopic(topic) === null) return payload
  if (parseTopic(topic) !== null || payload.length === 0) return payload
  const data = secret.seal(JSON.parse(payload.toString()))
  return Buffer.from(JSON.stringify({ _type: 'encrypted', data }))
}
