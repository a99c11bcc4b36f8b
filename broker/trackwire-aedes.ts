import { Aedes, type Client, type PublishPacket } from 'aedes'

const swallowed = Symbol('swallowed')
type Done = (error?: Error) => void
interface Registry {
  clients: Record<string, Client>
  connectedClients: number
}
interface Untyped {
  unregisterClient(client: Client): void
}

/**
 * Marks a published packet as one that goes no further: it is acknowledged, so that the sender does not repeat it for
 * ever, but neither retained nor routed. Aedes itself only knows "pass it on" and "close the connection".
 */
export function swallow(packet: object): void {
  ;(packet as { [swallowed]?: true })[swallowed] = true
}

/** Aedes with two methods changed; everything else is set through its options. */
export class TrackwireAedes extends Aedes {
  /** `publish(packet, done)` from outside, `publish(packet, client, done)` from Aedes' own packet handlers. */
  override publish(packet: PublishPacket, clientOrDone: Client | null | Done, done?: Done): void {
    const callback = typeof clientOrDone === 'function' ? clientOrDone : done
    if ((packet as { [swallowed]?: true })[swallowed]) return callback?.()
    const inner = super.publish as unknown as (packet: PublishPacket, client: Client | null, done: Done) => void
    inner.call(this, packet, typeof clientOrDone === 'function' ? null : clientOrDone, callback ?? (() => {}))
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
