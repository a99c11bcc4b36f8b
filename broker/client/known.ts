import type { Admission, ConnectRefused } from '../auth/admit.ts'
import type { Connection, Transport } from '../connections.ts'
import type { Subscriber } from '../delivery/subscriber.ts'
import type { Peer } from '../listeners/listener.ts'

/** What the broker knows of a client from the moment its stream is accepted. */
export interface Known {
  readonly transport: Transport
  readonly peer: Peer
  readonly subscriber: Subscriber
  /** Set once its CONNECT was judged. */
  admission: Admission | ConnectRefused | undefined
  /** Set once it entered; outlives the connection itself, since a will is published after its socket closed. */
  connection: Connection | undefined
}

/** A field of the client: tens of thousands of entries in a weak map cost more room, and every garbage collection goes through them. */
export const known = Symbol('known of the client')

export function knownOf(client: object): Known | undefined {
  return (client as { [known]?: Known })[known]
}

export function setKnown(client: object, what: Known): void {
  ;(client as { [known]?: Known })[known] = what
}
