import type { AedesOptions, AedesPublishPacket, Client } from 'aedes'
import { buildTopic } from '../../contract/index.ts'
import { isExpiredCommand } from '../command-lane.ts'
import type { Connection, Connections } from '../connections.ts'
import type { Bus } from '../delivery/bus.ts'
import { laneFor } from '../delivery/slow-consumers.ts'
import type { BrokerMetrics } from '../metrics.ts'
import type { OwnTracksSecret } from '../owntracks.ts'
import { sealForPhone } from '../owntracks-friends.ts'
import { narrow, type ShareGate } from './share-gate.ts'

type AuthorizeForward = NonNullable<AedesOptions['authorizeForward']>

/**
 * The last gate before a message reaches a connection: what it may read now (so a wildcard gives exactly the devices it
 * may see), and what a consumer that does not read may still be sent.
 */
export function authorizeForward(options: {
  connections: Connections
  bus: Bus
  metrics: BrokerMetrics
  shares: ShareGate | undefined
  ownTracks: OwnTracksSecret | undefined
  now: () => number
}): AuthorizeForward {
  const { connections, bus, metrics, shares, ownTracks, now } = options
  return (client: Client, packet: AedesPublishPacket) => {
    const connection = connections.of(client)
    // A live message written before CONNACK breaks the client; what matters waits in the session's queue.
    if (connection === undefined || !(client as unknown as { connackSent: boolean }).connackSent) return null
    if (alreadyHanded(connection, bus.emission)) return null
    if (!mayReceive(connection, packet.topic)) return null
    if (isExpiredCommand(packet, now())) return null
    if (connection.principal.share !== undefined && !narrow(connection.principal.share, packet, shares, now()))
      return null
    sealForPhone(connection, packet, ownTracks)
    const lane = laneFor(client, packet.qos, connection.handedBytes)
    if (lane === 'deliver') {
      countHanded(connection, packet.payload.length)
      return packet
    }
    metrics.slowConsumers.inc({ lane })
    if (lane === 'drop') return null
    client.conn.destroy()
    // Refusing a queued message deletes it from the session; this one waits there for the next connection.
    return packet.qos > 0 ? packet : null
  }
}

function countHanded(connection: Connection, bytes: number): void {
  if (connection.handedBytes === 0) {
    setImmediate(() => {
      connection.handedBytes = 0
    })
  }
  connection.handedBytes += bytes
}

/** One packet goes to a connection once, however many of its subscriptions match. [MQTT-3.3.5-1] */
function alreadyHanded(connection: Connection, emission: number): boolean {
  if (emission === 0) return false
  if (connection.lastEmission === emission) return true
  connection.lastEmission = emission
  return false
}

/** Who is cut off hears why, and no more. */
function mayReceive({ isCut, principal, reader, grantedQos }: Connection, topic: string): boolean {
  if (isCut && topic !== buildTopic('errors', { org: principal.org, userId: principal.sub })) return false
  return reader.mayReceive(topic, grantedQos.of(topic))
}
