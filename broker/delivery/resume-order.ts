/** A connection that lets more messages than this come while its session is resumed is closed: they wait in its session. */
const MOST_HELD = 10_000

interface QueuedPacket {
  readonly brokerId?: string
  readonly brokerCounter?: number
}
interface Connecting {
  readonly connecting?: boolean
  readonly conn: { destroy(): void }
  once(event: 'connected', listener: () => void): void
}
interface Resuming {
  /** Messages that the session sends from its queue. */
  readonly queued: Set<string>
  /** Messages that wait for the queue or for each other. */
  held: number
  /** Settles when the last of them had its turn. */
  last: Promise<void>
}

/**
 * Keeps the order of a topic while a session is resumed. [MQTT-4.6.0-6] Aedes takes up the subscriptions first and then sends what is
 * queued one by one, so that a correction published meanwhile overtook the queued event that it takes back.
 */
export class ResumeOrder {
  readonly #resuming = new WeakMap<object, Resuming>()

  /** Passes on what is queued for a session, remembering what it is. */
  async *queued<Packet extends object>(client: object, packets: AsyncIterable<Packet>): AsyncGenerator<Packet> {
    const { connecting } = client as Connecting
    for await (const packet of packets) {
      if (connecting) this.#of(client).queued.add(keyOf(packet))
      yield packet
    }
  }

  /**
   * Has a live message sent in its turn: at once, unless the session is being resumed. Not at all when it was queued before the queue was
   * read, and has left with it.
   */
  live(client: object, packet: object, send: () => void): void {
    const { connecting, conn } = client as Connecting
    const isHeldUp = connecting || (this.#resuming.get(client)?.held ?? 0) > 0
    if (!isHeldUp) return send()
    const resuming = this.#of(client)
    resuming.held += 1
    if (resuming.held > MOST_HELD) conn.destroy()
    const key = keyOf(packet)
    resuming.last = resuming.last.then(() => {
      resuming.held -= 1
      if (!resuming.queued.has(key)) send()
    })
  }

  #of(client: object): Resuming {
    let resuming = this.#resuming.get(client)
    if (resuming === undefined) {
      const sent = new Promise<void>(resolve => (client as Connecting).once('connected', resolve))
      resuming = { queued: new Set(), held: 0, last: sent }
      this.#resuming.set(client, resuming)
    }
    return resuming
  }
}

function keyOf(packet: object): string {
  const { brokerId, brokerCounter } = packet as QueuedPacket
  return `${brokerId}:${brokerCounter}`
}
