/** A connection that lets more messages than this come while its session is resumed is closed: they wait in its session. */
const MOST_HELD = 10_000

interface QueuedPacket {
  readonly cmd?: string
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
  async *queued(client: object, packets: AsyncIterable<QueuedPacket>): AsyncGenerator<QueuedPacket> {
    const { connecting } = client as Connecting
    for await (const packet of packets) {
      if (connecting) this.#of(client).queued.add(keyOf(packet))
      yield packet
    }
  }

  /**
   * Runs what sends a message: at once, unless the session is being resumed and the message is none of its queue.
   * @returns whether it is one of its queue; `sent`: it was queued before the queue was read, and has left with it
   */
  async send(client: object, packet: unknown, work: () => Promise<void>): Promise<'queued' | 'live' | 'sent'> {
    const message = packet as QueuedPacket
    const { connecting, conn } = client as Connecting
    const isHeldUp = connecting || (this.#resuming.get(client)?.held ?? 0) > 0
    if (!isHeldUp || message.cmd !== 'publish') {
      await work()
      return 'live'
    }
    const resuming = this.#of(client)
    if (resuming.queued.has(keyOf(message))) {
      await work()
      return 'queued'
    }
    resuming.held += 1
    if (resuming.held > MOST_HELD) conn.destroy()
    const key = keyOf(message)
    const turn = resuming.last.then(async () => {
      if (resuming.queued.has(key)) return 'sent'
      await work()
      return 'live'
    })
    const done = () => {
      resuming.held -= 1
    }
    resuming.last = turn.then(done, done)
    return turn
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

function keyOf({ brokerId, brokerCounter }: QueuedPacket): string {
  return `${brokerId}:${brokerCounter}`
}
