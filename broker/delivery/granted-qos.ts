import type { AedesPublishPacket, Client } from 'aedes'
import { matchesFilter } from '../../contract/index.ts'

type Qos = 0 | 1 | 2
type Deliver = (packet: AedesPublishPacket, done: () => void) => void
interface Delivering {
  readonly subscriptions: Record<string, { qos: Qos } | undefined>
  deliver0: Deliver
  deliverQoS: Deliver
}

const REMEMBERED_TOPICS = 10_000

/** The QoS that each subscription of one connection was granted. */
export class GrantedQos {
  readonly #filters = new Map<string, Qos>()
  readonly #topics = new Map<string, Qos>()

  grant(filter: string, qos: Qos): void {
    this.#filters.set(filter, qos)
    this.#topics.clear()
  }

  revoke(filter: string): void {
    this.#filters.delete(filter)
    this.#topics.clear()
  }

  /** The maximum of all subscriptions that match the topic. [MQTT-3.3.5-1] */
  of(topic: string): Qos {
    let qos = this.#topics.get(topic)
    if (qos === undefined) {
      qos = 0
      for (const [filter, granted] of this.#filters) if (granted > qos && matchesFilter(filter, topic)) qos = granted
      if (this.#topics.size >= REMEMBERED_TOPICS) this.#topics.clear()
      this.#topics.set(topic, qos)
    }
    return qos
  }
}

/**
 * Delivers every message at the lower of its own QoS and the granted one. [MQTT-3.8.4-6]
 *
 * Aedes sends a retained message at its own QoS whatever was granted, lowers a live one by the subscription of exactly its
 * topic only (a wildcard is overlooked), and where two subscriptions overlap, whichever is met first decides.
 */
export function deliverAtGrantedQos(client: Client, granted: () => GrantedQos | undefined): void {
  const delivering = client as unknown as Delivering
  const { deliver0, deliverQoS } = delivering
  const deliver: Deliver = (packet, done) => {
    if (packet.qos === 0) return deliver0(packet, done)
    const most = granted()?.of(packet.topic) ?? 0
    if (most === 0) return deliver0(packet, done)
    // The packet is this subscription's own copy.
    if (most < packet.qos) packet.qos = most
    const exact = delivering.subscriptions[packet.topic]
    // Aedes would lower the message by this one, and a session would wait for ever for its acknowledgement.
    if (exact !== undefined && exact.qos < packet.qos) exact.qos = packet.qos
    deliverQoS(packet, done)
  }
  delivering.deliver0 = deliver
  delivering.deliverQoS = deliver
}
