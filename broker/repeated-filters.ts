import type { Client, Subscription } from 'aedes'

interface SubscribePacket {
  messageId?: number | undefined
  readonly subscriptions: readonly Subscription[]
}
type Asked = Pick<Subscription, 'topic' | 'qos'>
interface Owed {
  readonly messageId: number
  readonly asked: readonly Asked[]
}

const REFUSED = 128

/**
 * SUBACK has one code for each filter of its SUBSCRIBE, also where one is named twice [MQTT-3.8.4-5], each as if it had come alone
 * [MQTT-3.8.4-4]. Aedes drops all but the last, and their codes with them: for such a packet it is kept from answering, and the answer is
 * given here.
 */
export class RepeatedFilters {
  /** By the subscriptions of the packet: Aedes makes a list of its own, of the same objects. */
  readonly #owed = new WeakMap<Subscription, Owed>()
  readonly #mayHold: (client: Client, asked: Asked) => boolean

  constructor(mayHold: (client: Client, asked: Asked) => boolean) {
    this.#mayHold = mayHold
  }

  /** Looks at a SUBSCRIBE before Aedes does. */
  note(packet: SubscribePacket): void {
    if (packet.messageId === undefined) return
    const asked = packet.subscriptions.map(({ topic, qos }) => ({ topic, qos }))
    if (new Set(asked.map(({ topic }) => topic)).size === asked.length) return
    const owed = { messageId: packet.messageId, asked }
    for (const subscription of packet.subscriptions) this.#owed.set(subscription, owed)
    // Without one Aedes sends no SUBACK.
    packet.messageId = undefined
  }

  /** @param subscriptions with the granted QoS, 128 = refused; before their retained messages are sent */
  answer(client: Client, subscriptions: readonly Subscription[]): void {
    const owed = subscriptions[0] && this.#owed.get(subscriptions[0])
    if (owed === undefined) return
    const held = new Set(subscriptions.filter(({ qos }) => qos !== (REFUSED as number)).map(({ topic }) => topic))
    const codes = owed.asked.map(asked => (held.has(asked.topic) && this.#mayHold(client, asked) ? asked.qos : REFUSED))
    client.conn.write(suback(owed.messageId, codes))
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
