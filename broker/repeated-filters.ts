import type { Client, Subscription } from 'aedes'

interface SubscribePacket {
  messageId?: number | undefined
  readonly subscriptions: readonly Subscription[]
}
interface Owed {
  readonly messageId: number
  readonly filters: readonly string[]
}

/**
 * SUBACK has one code for each filter of its SUBSCRIBE, also where one is named twice [MQTT-3.8.4-5]. Aedes drops the repeats,
 * and their codes with them: for such a packet it is kept from answering, and the answer is given here.
 */
export class RepeatedFilters {
  /** By the subscriptions of the packet: Aedes makes a list of its own, of the same objects. */
  readonly #owed = new WeakMap<Subscription, Owed>()

  /** Looks at a SUBSCRIBE before Aedes does. */
  note(packet: SubscribePacket): void {
    if (packet.messageId === undefined) return
    const filters = packet.subscriptions.map(({ topic }) => topic)
    if (new Set(filters).size === filters.length) return
    for (const subscription of packet.subscriptions) {
      this.#owed.set(subscription, { messageId: packet.messageId, filters })
    }
    // Without one Aedes sends no SUBACK.
    packet.messageId = undefined
  }

  /** @param subscriptions with the granted QoS, 128 = refused; before their retained messages are sent */
  answer(client: Client, subscriptions: readonly Subscription[]): void {
    const owed = subscriptions[0] && this.#owed.get(subscriptions[0])
    if (owed === undefined) return
    const codes = new Map(subscriptions.map(({ topic, qos }) => [topic, qos]))
    const granted = owed.filters.map(filter => codes.get(filter)!)
    client.conn.write(suback(owed.messageId, granted))
  }
}

/** MQTT 3.1.1 §3.9 */
function suback(messageId: number, granted: readonly number[]): Buffer {
  const length: number[] = []
  for (let rest = 2 + granted.length; length.length === 0 || rest > 0; rest >>= 7) {
    length.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
  }
  return Buffer.from([0x90, ...length, messageId >> 8, messageId & 0xff, ...granted])
}
