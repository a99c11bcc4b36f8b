import { Aedes, type Client, type PublishPacket } from 'aedes'

const swallowed = Symbol('swallowed')
type Done = (error?: Error) => void
interface Registry {
  clients: Record<string, Client>
  connectedClients: number
}
interface Untyped {
  registerClient(client: Client): void
  unregisterClient(client: Client): void
}

/**
 * Marks a published packet as one that goes no further: it is acknowledged, so that the sender does not repeat it for
 * ever, but neither retained nor routed. Aedes itself only knows "pass it on" and "close the connection".
 */
export function swallow(packet: object): void {
  ;(packet as { [swallowed]?: true })[swallowed] = true
}

/** Aedes with three methods changed; everything else is set through its options. */
export class TrackwireAedes extends Aedes {
  /**
   * Aedes closes the connection of a topic or filter with more levels, which is valid MQTT, and takes no more than 100 as an option.
   * Our own rules refuse what no channel has, and say so; none of it gets as far as the trees that cannot hold it.
   */
  readonly maxTopicLevels = 65_536
  #publishing = 0
  #whenIdle: (() => void)[] = []

  /** `publish(packet, done)` from outside, `publish(packet, client, done)` from Aedes' own packet handlers. */
  override publish(packet: PublishPacket, clientOrDone: Client | null | Done, done?: Done): void {
    const answer = typeof clientOrDone === 'function' ? clientOrDone : done
    this.#publishing += 1
    const callback = (error?: Error) => {
      this.#publishing -= 1
      answer?.(error)
      if (this.#publishing === 0) for (const resolve of this.#whenIdle.splice(0)) resolve()
    }
    if ((packet as { [swallowed]?: true })[swallowed]) return callback()
    const inner = super.publish as unknown as (packet: PublishPacket, client: Client | null, done: Done) => void
    inner.call(this, packet, typeof clientOrDone === 'function' ? null : clientOrDone, callback)
  }

  /** Resolves when nothing is on its way through the store, wills of the connections just closed included. */
  idle(): Promise<void> {
    return this.#publishing === 0 ? Promise.resolve() : new Promise(resolve => this.#whenIdle.push(resolve))
  }

  /** A connection that ended while its CONNECT was worked on is not entered: Aedes would keep it for ever. */
  registerClient(client: Client): void {
    if ((client as unknown as { closed: boolean }).closed) return
    ;(Aedes.prototype as unknown as Untyped).registerClient.call(this, client)
  }

  /** Aedes deletes by client id: an old connection that closes late would delete its successor's entry. */
  unregisterClient(client: Client): void {
    const registry = this as unknown as Registry
    if (registry.clients[client.id] === client) {
      ;(Aedes.prototype as unknown as Untyped).unregisterClient.call(this, client)
    } else {
      registry.connectedClients -= 1
      this.emit('clientDisconnect', client)
    }
  }
}
