import type { AedesOptions, AedesPublishPacket, Client } from 'aedes'
import { buildTopic, type ChannelName } from '../../contract/index.ts'
import { isExpiredCommand } from '../command-lane.ts'
import type { Connection, Connections } from '../connections.ts'
import type { Bus } from '../delivery/bus.ts'
import type { OwnTracksSecret } from '../owntracks.ts'
import { sealedForPhone } from '../owntracks-friends.ts'
import type { ParsedTopics } from './reader.ts'
import { narrow, type ShareGate } from './share-gate.ts'

type AuthorizeForward = NonNullable<AedesOptions['authorizeForward']>

/** What a connection is shown of a message: all of it, or of a share link's view less. */
export interface Forwarded {
  readonly payload: string | Buffer
  readonly channel: ChannelName | undefined
}

/** The last gate before a message reaches a connection; null: it does not. */
export type Forward = (connection: Connection, packet: AedesPublishPacket) => Forwarded | null

/**
 * What a connection may read now, so a wildcard gives exactly the devices it may see.
 */
export function forwardThrough(options: {
  bus: Bus
  topics: ParsedTopics
  shares: ShareGate | undefined
  ownTracks: OwnTracksSecret | undefined
  now: () => number
}): Forward {
  const { bus, topics, shares, ownTracks, now } = options
  return (connection, packet) => {
    if (alreadyHanded(connection, bus.emission)) return null
    if (!mayReceive(connection, packet.topic)) return null
    const channel = topics.of(packet.topic)?.channel
    if (channel === 'command' && isExpiredCommand(packet, now())) return null
    const { share } = connection.principal
    if (share === undefined) return { payload: sealedForPhone(connection, packet, ownTracks), channel }
    const copy = { ...packet }
    return narrow(share, copy, shares, now()) ? { payload: copy.payload, channel } : null
  }
}

/** The same for what Aedes sends of a session's queue. */
export function authorizeForward(options: {
  connections: Connections
  topics: ParsedTopics
  shares: ShareGate | undefined
  ownTracks: OwnTracksSecret | undefined
  now: () => number
}): AuthorizeForward {
  const { connections, topics, shares, ownTracks, now } = options
  return (client: Client, packet: AedesPublishPacket) => {
    const connection = connections.of(client)
    if (connection === undefined || !(client as unknown as { connackSent: boolean }).connackSent) return null
    if (!mayReceive(connection, packet.topic)) return null
    if (topics.of(packet.topic)?.channel === 'command' && isExpiredCommand(packet, now())) return null
    const { share } = connection.principal
    if (share !== undefined && !narrow(share, packet, shares, now())) return null
    packet.payload = sealedForPhone(connection, packet, ownTracks)
    return packet
  }
}

/** One packet goes to a connection once, however many of its subscriptions match. [MQTT-3.3.5-1] */
function alreadyHanded(connection: Connection, emission: number): boolean {
  if (emission === 0) return false
  if (connection.lastEmission === emission) return true
  connection.lastEmission = emission
  return false
}

/** Who is cut off hears why, and no more. */
export function mayReceive({ isCut, principal, reader, grantedQos }: Connection, topic: string): boolean {
  if (isCut && topic !== buildTopic('errors', { org: principal.org, userId: principal.sub })) return false
  return reader.mayReceive(topic, grantedQos.of(topic))
}
