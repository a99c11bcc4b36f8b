import type { Client } from 'aedes'
import type { Principal } from '../contract/index.ts'
import type { DeviceCertificate } from './auth/client-certificate.ts'
import type { PublishRights } from './auth/publish-rights.ts'
import type { Reader } from './auth/reader.ts'
import { knownOf } from './client/known.ts'
import type { GrantedQos } from './delivery/granted-qos.ts'
import type { OrderedAnswers } from './delivery/ordered-answers.ts'
import type { Outgoing } from './delivery/outgoing.ts'

export type Transport = 'tcp' | 'tls' | 'websocket'

/** Where a byte stream comes from. */
export interface Origin {
  readonly transport: Transport
  /** The peer's IP address; undefined when it was gone already. */
  readonly address: string | undefined
}

/** What the broker knows of one admitted connection. */
export interface Connection extends Origin {
  /** Counts up from 1 with every connection of this process. */
  readonly id: number
  readonly client: Client
  /** As its token says; another one when the token is renewed in place. */
  issued: Principal
  /** What is in force now: the token, and what became of its rights since. */
  principal: Principal
  /** Decides what it may receive, by `principal`. */
  reader: Reader
  readonly publishRights: PublishRights
  /** All of its principal, itself among them: {@link Connections} says. Asked for every message. */
  siblings: ReadonlySet<Connection>
  /** Its principal may not be here any more: nothing comes of what it still sends, and it gets nothing but the reason. */
  isCut: boolean
  /** Settles when the renewals of its token that came so far are done. */
  renewing: Promise<void> | undefined
  /** The client id as the client sent it; `client.id` is the namespaced one. */
  readonly ownClientId: string
  readonly username: string | undefined
  /** What it showed in the TLS handshake and was admitted by: the connection does not outlive it. */
  readonly certificate: DeviceCertificate | undefined
  readonly connectedAtMs: number
  /** Times of this connection's forbidden publishes within the last minute. */
  forbiddenAtMs: number[]
  /** The last packet handed to it by the bus: two of its subscriptions may match the same one. */
  lastEmission: number
  /** Filters that were granted and are on their way into Aedes' table: they count as held. */
  granting: Set<string>
  readonly grantedQos: GrantedQos
  /** QoS 1 and 2 publishes are answered in the order in which they came. [MQTT-4.6.0-2] */
  readonly answers: OrderedAnswers
  /** It sent OwnTracks messages encrypted, and can read no others for certain. */
  sealsOwnTracks: boolean
  readonly outgoing: Outgoing
  /** Its will spoke for its status already. */
  willSpoke: boolean
}

/** Of almost all connections at almost all times: they share it. */
export const NOTHING_GRANTING = new Set<string>()

/** Of a connection that is not among the {@link Connections} yet. */
export const NO_SIBLINGS: ReadonlySet<Connection> = new Set()

/**
 * All admitted connections. Aedes' own table is keyed by client id and loses the newer of two connections when the older
 * one closes late; this one is keyed by the connection itself.
 */
export class Connections {
  readonly #live = new Set<Connection>()
  /** Almost every principal has one connection: only those with more have a set. */
  readonly #byPrincipal = new Map<string, Connection | Set<Connection>>()

  add(connection: Connection): void {
    const { client, principal } = connection
    const what = knownOf(client)
    if (what !== undefined) what.connection = connection
    this.#live.add(connection)
    const key = keyOf(principal)
    const before = this.#byPrincipal.get(key)
    if (before === undefined) {
      this.#byPrincipal.set(key, connection)
      return
    }
    const set = before instanceof Set ? before : new Set([before])
    set.add(connection)
    this.#byPrincipal.set(key, set)
    for (const one of set) one.siblings = set
  }

  /** Whether it is admitted and has not ended. */
  has(connection: Connection): boolean {
    return this.#live.has(connection)
  }

  remove(connection: Connection): void {
    this.#live.delete(connection)
    const key = keyOf(connection.principal)
    const held = this.#byPrincipal.get(key)
    if (held instanceof Set) held.delete(connection)
    if (held === connection || (held instanceof Set && held.size === 0)) this.#byPrincipal.delete(key)
  }

  of(client: Client): Connection | undefined {
    return knownOf(client)?.connection
  }

  /** Whether this principal has another live connection. */
  hasOther(connection: Connection): boolean {
    return [...this.ofPrincipal(connection.principal)].some(other => other !== connection)
  }

  /** The live connections of one principal. */
  ofPrincipal(principal: Pick<Principal, 'org' | 'sub'>): ReadonlySet<Connection> {
    const held = this.#byPrincipal.get(keyOf(principal))
    if (held instanceof Set) return held
    return held === undefined ? NOBODY : new Set([held])
  }

  /** The live connections of whom a change of rights is about. */
  about({ org, sub }: { readonly org: string | null; readonly sub: string | null }): Iterable<Connection> {
    if (org === null) return this.#live
    if (sub !== null) return this.ofPrincipal({ org, sub })
    return [...this.#live].filter(({ principal }) => principal.org === org)
  }

  /** In the order in which they came. */
  all(): Iterable<Connection> {
    return this.#live
  }

  get size(): number {
    return this.#live.size
  }
}

const NOBODY: ReadonlySet<Connection> = new Set()

function keyOf({ org, sub }: Pick<Principal, 'org' | 'sub'>): string {
  return `${org}/${sub}`
}
