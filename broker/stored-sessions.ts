import type { Principal, Qos } from '../contract/index.ts'
import type { Reader } from './auth/reader.ts'
import { ownerOf } from './client-namespace.ts'
import type { Connection } from './connections.ts'

/** Whose a session is: the claims of the last token that its client showed, kept beside it in the store. */
export interface SessionOwner {
  readonly issued: Principal
  readonly ownClientId: string
  readonly username: string | undefined
  /** When its last connection ended; null while one stands. */
  readonly endedAtMs: number | null
}

export interface StoredSession {
  /** The namespaced client id. */
  readonly id: string
  /** Null for a session of an earlier version, which stored no claims. */
  owner: SessionOwner | null
  endedAtMs: number | null
  /** Decides what is queued for it; null: nothing is. */
  reader: Reader | null
  connection: Connection | undefined
  isStored: boolean
}

/**
 * The sessions that outlive their connections, and what may be queued for each. A token that expired meanwhile takes nothing
 * away: it was good when the session was left. What counts is what the database says of its principal now.
 */
export class StoredSessions {
  readonly #sessions = new Map<string, StoredSession>()
  readonly #byPrincipal = new Map<string, Set<StoredSession>>()
  readonly #readerOf: (owner: SessionOwner) => Reader | null
  readonly #store: (id: string, owner: SessionOwner) => void

  /** @param options.readerOf null when the principal may not come back as it is: banned or revoked */
  constructor(options: {
    readerOf: (owner: SessionOwner) => Reader | null
    store: (id: string, owner: SessionOwner) => void
  }) {
    this.#readerOf = options.readerOf
    this.#store = options.store
  }

  /** Takes up a session found in the store at the start. */
  restore(id: string, owner: SessionOwner | null, nowMs: number): void {
    const session = this.#add(id)
    session.owner = owner
    session.isStored = true
    // One that stood when the process ended was left then, or a little later.
    session.endedAtMs = owner?.endedAtMs ?? nowMs
    session.reader = owner === null ? null : this.#readerOf(owner)
    if (owner?.endedAtMs === null) this.#save(session)
  }

  /** The connection now speaks for its session. */
  begin(connection: Connection): void {
    const session = this.#sessions.get(connection.client.id) ?? this.#add(connection.client.id)
    session.connection = connection
    this.renew(connection)
  }

  /** Its token, or what its principal may receive, is another one now. */
  renew(connection: Connection): void {
    const session = this.#of(connection)
    if (session === undefined) return
    const { issued, ownClientId, username } = connection
    session.reader = connection.isCut ? null : connection.reader
    if (session.owner?.issued === issued && session.endedAtMs === null) return
    session.owner = { issued, ownClientId, username, endedAtMs: null }
    session.endedAtMs = null
    if (session.isStored) this.#save(session)
  }

  /** Something of it is stored from now on. */
  keep(id: string): void {
    const session = this.#sessions.get(id)
    if (session === undefined || session.isStored) return
    session.isStored = true
    this.#save(session)
  }

  /** Its connection is gone; one that nothing is stored of goes with it. */
  end(connection: Connection, nowMs: number): void {
    const session = this.#of(connection)
    if (session === undefined) return
    session.connection = undefined
    session.endedAtMs = nowMs
    if (session.isStored) this.#save(session)
    else this.delete(session.id)
  }

  /** @returns whether something of it is in the store */
  delete(id: string): boolean {
    const session = this.#sessions.get(id)
    if (session === undefined) return false
    this.#sessions.delete(id)
    const key = principalKey(id)
    const set = this.#byPrincipal.get(key)
    set?.delete(session)
    if (set?.size === 0) this.#byPrincipal.delete(key)
    return session.isStored
  }

  has(id: string): boolean {
    return this.#sessions.has(id)
  }

  /** Whether a message of this topic waits for a subscription of the session. */
  mayQueue(id: string, topic: string, qos: Qos): boolean {
    return this.#sessions.get(id)?.reader?.mayReceive(topic, qos) ?? false
  }

  /** What its principal may receive is asked anew; while it is connected, its connection knows. */
  reassess(session: StoredSession): void {
    if (session.connection !== undefined || session.owner === null) return
    if (this.#sessions.get(session.id) === session) session.reader = this.#readerOf(session.owner)
  }

  /** Those of one principal, or of a whole organisation (`sub: null`), that nobody is connected to. */
  left({ org, sub }: { readonly org: string | null; readonly sub: string | null }): StoredSession[] {
    const candidates =
      sub === null
        ? [...this.#sessions.values()].filter(({ id }) => org === null || id.startsWith(`${org}/`))
        : [...(this.#byPrincipal.get(`${org}/${sub}`) ?? [])]
    return candidates.filter(({ connection }) => connection === undefined)
  }

  /** Ids of sessions that nobody came back to since. */
  leftBefore(atMs: number): string[] {
    return [...this.#sessions.values()]
      .filter(({ connection, endedAtMs }) => connection === undefined && endedAtMs !== null && endedAtMs < atMs)
      .map(({ id }) => id)
  }

  /** Whether it is there, and nobody is connected to it. */
  isLeft(id: string): boolean {
    const session = this.#sessions.get(id)
    return session !== undefined && session.connection === undefined
  }

  /** Sessions that outlive their connections, connected or not. */
  get size(): number {
    return this.#sessions.size
  }

  #of(connection: Connection): StoredSession | undefined {
    const session = this.#sessions.get(connection.client.id)
    // After a takeover the session is its successor's.
    return session?.connection === connection ? session : undefined
  }

  #add(id: string): StoredSession {
    const session: StoredSession = {
      id,
      owner: null,
      endedAtMs: null,
      reader: null,
      connection: undefined,
      isStored: false,
    }
    this.#sessions.set(id, session)
    const key = principalKey(id)
    const set = this.#byPrincipal.get(key) ?? new Set()
    set.add(session)
    this.#byPrincipal.set(key, set)
    return session
  }

  #save({ id, owner, endedAtMs }: StoredSession): void {
    if (owner !== null) this.#store(id, { ...owner, endedAtMs })
  }
}

function principalKey(id: string): string {
  const owner = ownerOf(id)
  return owner === null ? '' : `${owner.org}/${owner.sub}`
}
