import type { Logger } from 'pino'
import { fillAcl, type Principal, type Qos, TrackwireError } from '../../contract/index.ts'
import type { Connection, Connections } from '../connections.ts'
import type { Tell } from '../notices.ts'
import { decideSubscription } from '../owntracks.ts'
import type { StoredSession, StoredSessions } from '../stored-sessions.ts'
import { mayReceive } from './authorize-forward.ts'
import type { EndConnection } from './end-connection.ts'
import type { Newcomers } from './newly-readable.ts'
import { type ParsedTopics, Reader } from './reader.ts'
import type { Rights, RightsChange } from './rights.ts'
import { sameRights } from './same-rights.ts'

/** So long at a time: what comes in meanwhile need not wait for an organisation of ten thousand connections. */
const SLICE_MS = 5

interface Held {
  readonly subscriptions: Record<string, { readonly qos: Qos }>
}

export interface LiveRightsOptions {
  readonly rights: Rights
  readonly connections: Connections
  readonly sessions: StoredSessions
  readonly topics: ParsedTopics
  readonly newcomers: Newcomers
  readonly tell: Tell
  readonly end: EndConnection
  /** Takes subscriptions away from a connection and from its session. */
  readonly drop: (connection: Connection, filters: readonly string[]) => void
  readonly logger: Logger
}

/** Carries changed rights to the connections that stand and to the sessions that are stored. */
export class LiveRights {
  readonly #options: LiveRightsOptions
  readonly #waiting = new Set<Connection | StoredSession>()
  /** Subscriptions were being made when their rights changed. */
  readonly #subscribing = new WeakSet<Connection>()
  readonly #stop: () => void
  #isWorking = false

  constructor(options: LiveRightsOptions) {
    this.#options = options
    this.#stop = options.rights.onChange(change => this.#changed(change))
  }

  close(): void {
    this.#stop()
    this.#waiting.clear()
  }

  /** The rights of a connection as of now, by the token that it holds. */
  reassess(connection: Connection): void {
    if (!this.#options.connections.has(connection) || connection.isCut) return
    let principal: Principal
    try {
      principal = currentPrincipal(this.#options.rights, connection)
    } catch (error) {
      if (!(error instanceof TrackwireError)) throw error
      this.#options.end(connection, { code: error.code, message: error.message, isCut: true })
      this.#options.sessions.renew(connection)
      return
    }
    this.apply(connection, principal)
  }

  /** Puts other rights in force: subscriptions that are lost are dropped and told, what is newly visible is shown. */
  apply(connection: Connection, principal: Principal): void {
    const { topics, sessions, newcomers } = this.#options
    const before = connection.principal
    connection.principal = principal
    // Most of those who are asked after a change of their organisation have the rights that they had.
    if (sameRights(before, principal)) {
      sessions.renew(connection)
      return
    }
    connection.reader = new Reader(principal, topics)
    connection.outgoing.withdraw(topic => mayReceive(connection, topic))
    sessions.renew(connection)
    this.#prune(connection)
    if (connection.granting.size > 0) this.#subscribing.add(connection)
    newcomers.show(connection, before)
  }

  /** Subscriptions were made: those that were allowed by rights which changed meanwhile are looked at again. */
  subscribed(connection: Connection): void {
    if (!this.#subscribing.has(connection)) return
    if (connection.granting.size === 0) this.#subscribing.delete(connection)
    this.#prune(connection)
  }

  /** Drops what may not be held any more. */
  #prune(connection: Connection): void {
    const { drop, tell } = this.#options
    const { principal } = connection
    const held = Object.entries((connection.client as unknown as Held).subscriptions)
    const lost = held.filter(([filter, { qos }]) => !decideSubscription(principal, filter, { qos }).allowed)
    if (lost.length === 0) return
    const filters = lost.map(([filter]) => filter)
    drop(connection, filters)
    for (const topic of filters) {
      const message = 'what you may see has changed, and does not allow it any more'
      tell(connection.principal, { code: 'subscribe_forbidden', message, topic })
    }
  }

  #changed(change: RightsChange): void {
    const { connections, sessions } = this.#options
    for (const connection of connections.about(change)) this.#waiting.add(connection)
    for (const session of sessions.left(change)) this.#waiting.add(session)
    if (!this.#isWorking) this.#work()
  }

  #work(): void {
    const until = performance.now() + SLICE_MS
    for (const one of this.#waiting) {
      this.#waiting.delete(one)
      this.#look(one)
      if (performance.now() > until) break
    }
    this.#isWorking = this.#waiting.size > 0
    if (this.#isWorking) setImmediate(() => this.#work())
  }

  #look(one: Connection | StoredSession): void {
    try {
      if ('client' in one) this.reassess(one)
      else this.#options.sessions.reassess(one)
    } catch (error) {
      this.#options.logger.error({ err: error }, 'changed rights could not be put in force')
    }
  }
}

/**
 * Whom a token stands for now.
 * @throws TrackwireError principal_banned, token_revoked
 */
export function currentPrincipal(
  rights: Rights,
  { issued, ownClientId, username }: Pick<Connection, 'issued' | 'ownClientId' | 'username'>,
): Principal {
  return fillAcl(rights.current(issued), { clientId: ownClientId, username })
}
