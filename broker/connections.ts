import type { Client } from 'aedes'
import type { Principal } from '../contract/index.ts'
import type { DeviceCertificate } from './auth/client-certificate.ts'
import type { GrantedQos } from './delivery/granted-qos.ts'
import type { OrderedAnswers } from './delivery/ordered-answers.ts'

export type Transport = 'tcp' | 'tls' | 'websocket'

/** What the broker knows of one admitted connection. */
export interface Connection {
  readonly client: Client
  /** Changes when the token is renewed in place. */
  principal: Principal
  /** The client id as the client sent it; `client.id` is the namespaced one. */
  readonly ownClientId: string
  readonly username: string | undefined
  readonly transport: Transport
  /** Where it comes from, when the transport knows. */
  readonly address: string | undefined
  /** What it showed in the TLS handshake and was admitted by: the connection does not outlive it. */
  readonly certificate: DeviceCertificate | undefined
  readonly connectedAtMs: number
  /** Times of this connection's forbidden publishes within the last minute. */
  forbiddenAtMs: number[]
  /** Remembered answers of "may it receive this topic?", emptied when rights change. */
  readonly receivable: Map<string, boolean>
  /** The last packet handed to it by the bus: two of its subscriptions may match the same one. */
  lastEmission: number
  /** Filters that were granted and are on their way into Aedes' table: they count as held. */
  readonly granting: Set<string>
  readonly grantedQos: GrantedQos
  /** QoS 1 and 2 publishes are answered in the order in which they came. [MQTT-4.6.0-2] */
  readonly answers: OrderedAnswers
  /** Payload bytes handed to it in this turn of the event loop, not yet in its socket buffer. */
  handedBytes: number
  /** Its will spoke for its status already. */
  willSpoke: boolean
}

/**
 * All admitted connections. Aedes' own table is keyed by client id and loses the newer of two connections when the older
 * one closes late; this one is keyed by the connection itself.
 */
export class Connections {
  /** Outlives the connection itself: a will is published after its socket closed. */
  readonly #byClient = new WeakMap<Client, Connection>()
  readonly #live = new Set<Connection>()
  readonly #byPrincipal = new Map<string, Set<Connection>>()

  add(connection: Connection): void {
    this.#byClient.set(connection.client, connection)
    this.#live.add(connection)
    const key = keyOf(connection.principal)
    const set = this.#byPrincipal.get(key) ?? new Set()
    set.add(connection)
    this.#byPrincipal.set(key, set)
  }

  remove(connection: Connection): void {
    this.#live.delete(connection)
    const key = keyOf(connection.principal)
    const set = this.#byPrincipal.get(key)
    set?.delete(connection)
    if (set?.size === 0) this.#byPrincipal.delete(key)
  }

  of(client: Client): Connection | undefined {
    return this.#byClient.get(client)
  }

  /** Whether this principal has another live connection. */
  hasOther(connection: Connection): boolean {
    return [...this.ofPrincipal(connection.principal)].some(other => other !== connection)
  }

  /** The live connections of one principal. */
  ofPrincipal(principal: Pick<Principal, 'org' | 'sub'>): ReadonlySet<Connection> {
    return this.#byPrincipal.get(keyOf(principal)) ?? new Set()
  }

  all(): Iterable<Connection> {
    return this.#live
  }

  get size(): number {
    return this.#live.size
  }
}

function keyOf({ org, sub }: Pick<Principal, 'org' | 'sub'>): string {
  return `${org}/${sub}`
}
