import { buildTopic, decideTopic, parseOwnTracksTopic } from '../contract/index.ts'
import type { CommandAddress, DeviceAddress } from './command-lane.ts'
import type { Connection, Connections } from './connections.ts'
import { encodeAcknowledged, encodePublish } from './delivery/encode-publish.ts'
import type { OwnTracksSecret } from './owntracks.ts'
import { sealedForPhone } from './owntracks-friends.ts'

export interface PhoneLaneOptions {
  readonly connections: Connections
  readonly secret: OwnTracksSecret | undefined
  /** The phone has acknowledged the message; whether its app did it, OwnTracks does not say. */
  readonly acknowledged: (command: CommandAddress) => void
}

interface Phone {
  readonly connection: Connection
  /** Its command topic, by the names that the phone chose. */
  readonly topic: string
}

/**
 * Commands on their way to OwnTracks apps. As with those of the contract the platform keeps what waits, so nothing of it is queued
 * in a session.
 */
export class PhoneLane {
  readonly #options: PhoneLaneOptions

  constructor(options: PhoneLaneOptions) {
    this.#options = options
  }

  /** The newest connection of a phone that would get a command for the device now; null when there is none. */
  linkOf(device: DeviceAddress): { readonly id: string } | null {
    const phone = this.#phoneOf(device)
    return phone === null ? null : { id: `owntracks-${phone.connection.id}` }
  }

  /** @param command.message `_type: cmd`, see `encodeOwnTracksCommand` */
  send({ message, ...command }: CommandAddress & { readonly message: object }): void {
    const phone = this.#phoneOf(command)
    if (phone === null) return
    const { secret, acknowledged } = this.#options
    const { connection, topic } = phone
    const payload = sealedForPhone(connection, { topic, payload: JSON.stringify(message) }, secret)
    const packet = { topic, payload, retain: false }
    if (connection.grantedQos.of(topic) === 0) return connection.outgoing.send(encodePublish(packet))
    const bytes = topic.length + payload.length
    const encode = (packetId: number) => encodeAcknowledged(packet, 1, packetId, false)
    const onAcknowledged = () => acknowledged(command)
    connection.outgoing.sendAcknowledged({ topic, bytes, store: undefined, onAcknowledged, encode }, false)
  }

  #phoneOf(device: DeviceAddress): Phone | null {
    let newest: Phone | null = null
    for (const connection of this.#options.connections.all()) {
      const topic = commandTopicOf(connection, device)
      if (topic !== null) newest = { connection, topic }
    }
    return newest
  }
}

/** Where a phone listens to the commands of a device: its own, or one that its driver may send for. */
export function commandTopicOf(
  { client, principal, isCut }: Connection,
  { org, deviceId }: DeviceAddress,
): string | null {
  if (isCut || principal.org !== org || principal.share !== undefined || org === 'owntracks') return null
  const { subscriptions } = client as unknown as { readonly subscriptions: Readonly<Record<string, unknown>> }
  const own = Object.keys(subscriptions).find(filter => {
    if (!filter.startsWith('owntracks/') || /[+#]/.test(filter)) return false
    const said = parseOwnTracksTopic(filter)
    return said?.part === 'cmd' && (principal.role === 'device' || said.device === deviceId)
  })
  if (own === undefined) return null
  if (principal.role === 'device') return principal.sub === deviceId ? own : null
  return decideTopic(principal, 'publish', buildTopic('location', { org, deviceId })).allowed ? own : null
}
