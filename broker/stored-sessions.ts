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
  /** Null for a session of an earlier version, which stored no claims, and for one that was left with nothing in it. */
  owner: SessionOwner | null
  endedAtMs: number | null
  /** Decides what is queued for it; null: nothing is. */
  reader: Reader | null
  connection: Connection | undefined
  /** The connection found it here. [MQTT-3.2.2-2] */
  isResumed: boolean
  isStored: boolean
}

/**
 * The sessions that outlive their connections, and what may be queued for each. A token that expired meanwhile takes nothing
 * away: it was good when the session was left. What counts is what the database says of its principal now.
 *
 * One with nothing in it is a session too, and CONNACK says so: fleets are full of devices that ask for one and only send. It is kept in
 * memory alone, as an entry, costs its client no other way to connect (connect-path.ts), and is gone after a restart.
 */
export class StoredSessions {
  readonly #sessions = new Map<string, StoredSession>()
  readonly #byPrincipal = new Map<string, Set<StoredSession>>()
  readonly #readerOf: (owner: SessionOwner) => Reader | null
  readonly #store: (id: string, owner: SessionOwner) => void
  readonly #mostEmpty: number

  /**
   * @param options.readerOf null when the principal may not come back as it is: banned or revoked
   * @param options.mostEmpty so many that nothing is stored of are known of one principal; they drive out no other
   */
  constructor(options: {
    readerOf: (owner: SessionOwner) => Reader | null
    store: (id: string, owner: SessionOwner) => void
    mostEmpty: number | null
  }) {
    this.#readerOf = options.readerOf
    this.#store = options.store
    this.#mostEmpty = options.mostEmpty ?? Number.POSITIVE_INFINITY
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
    const known = this.#sessions.get(connection.client.id)
    const session = known ?? this.#add(connection.client.id)
    session.isResumed = known !== undefined
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

  /** Something of it is stored from now on. @returns whether that is new */
  keep(id: string): boolean {
    const session = this.#sessions.get(id)
    if (session === undefined || session.isStored) return false
    session.isStored = true
    this.#save(session)
    return true
  }

  /** Its connection is gone. */
  end(connection: Connection, nowMs: number): void {
    const session = this.#of(connection)
    if (session === undefined) return
    session.connection = undefined
    session.endedAtMs = nowMs
    if (session.isStored) this.#save(session)
    else this.#leaveEmpty(session)
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

  /** Whether something of it is in the store, or may be soon: somebody is connected to it. */
  isHeld(id: string): boolean {
    const session = this.#sessions.get(id)
    return session !== undefined && (session.isStored || session.connection !== undefined)
  }

  /** Whether the connection that speaks for it found it here. */
  isResumed(id: string): boolean {
    return this.#sessions.get(id)?.isResumed ?? false
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

  /** Those of one principal, or of a whole organisation (`sub: null`), that nobody is connected to and something may be queued for. */
  left({ org, sub }: { readonly org: string | null; readonly sub: string | null }): StoredSession[] {
    const candidates =
      sub === null
        ? [...this.#sessions.values()].filter(({ id }) => org === null || id.startsWith(`${org}/`))
        : [...(this.#byPrincipal.get(`${org}/${sub}`) ?? [])]
    return candidates.filter(({ connection, owner }) => connection === undefined && owner !== null)
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

  /** Nothing waits for it, so it needs no reader; of too many the one that was left first is forgotten. */
  #leaveEmpty(session: StoredSession): void {
    session.owner = null
    session.reader = null
    const ofPrincipal = this.#byPrincipal.get(principalKey(session.id))!
    ofPrincipal.delete(session)
    ofPrincipal.add(session)
    if (ofPrincipal.size <= this.#mostEmpty) return
    const empty = [...ofPrincipal].filter(({ isStored, connection }) => !isStored && connection === undefined)
    if (empty.length > this.#mostEmpty) this.delete(empty[0]!.id)
  }

  #add(id: string): StoredSession {
    const session: StoredSession = {
      id,
      owner: null,
      endedAtMs: null,
      reader: null,
      connection: undefined,
      isResumed: false,
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
