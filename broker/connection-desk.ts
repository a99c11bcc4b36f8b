import type { Role } from '../contract/index.ts'
import type { EndConnection } from './auth/end-connection.ts'
import type { Connection, Connections, Transport } from './connections.ts'

/** One connection, as its organisation's administrator sees it. */
export interface ConnectionView {
  readonly id: string
  readonly sub: string
  readonly role: Role
  readonly clientId: string
  readonly transport: Transport
  /** IP address. */
  readonly address: string | null
  /** Milliseconds since the Unix epoch, like `tokenExpiresAt`. */
  readonly since: number
  readonly tokenExpiresAt: number
  readonly cleanSession: boolean
  /** Topic filters. */
  readonly subscriptions: readonly string[]
  /** Bytes that wait for the client to read them. */
  readonly queuedBytes: number
}

const KICKED = { code: 'kicked', message: 'an administrator ended the connection; it may come back' } as const

/** Who is connected; and an administrator's way to end it. No organisation sees another's. */
export class ConnectionDesk {
  readonly #connections: Connections
  readonly #end: EndConnection
  /** Ids of an earlier process mean nobody. */
  readonly #prefix: string

  constructor(options: { connections: Connections; end: EndConnection; startedAtMs: number }) {
    this.#connections = options.connections
    this.#end = options.end
    this.#prefix = options.startedAtMs.toString(36)
  }

  /**
   * The oldest first.
   * @param page.after the id of the last one before them
   */
  list(org: string, page: { readonly after?: string | undefined; readonly limit: number }): ConnectionView[] {
    const after = page.after === undefined ? 0 : (this.#numberOf(page.after) ?? 0)
    const found: ConnectionView[] = []
    for (const connection of this.#connections.all()) {
      if (found.length >= page.limit) break
      if (connection.principal.org === org && connection.id > after) found.push(this.#view(connection))
    }
    return found
  }

  find(org: string, id: string): ConnectionView | undefined {
    const connection = this.#find(org, id)
    return connection && this.#view(connection)
  }

  /** Ends one connection. @returns whether it stood */
  disconnect(org: string, id: string): boolean {
    const connection = this.#find(org, id)
    if (connection !== undefined) this.#end(connection, KICKED)
    return connection !== undefined
  }

  /** Ends every connection of one principal. @returns how many stood */
  disconnectPrincipal(org: string, sub: string): number {
    const held = [...this.#connections.ofPrincipal({ org, sub })]
    for (const connection of held) this.#end(connection, KICKED)
    return held.length
  }

  #find(org: string, id: string): Connection | undefined {
    const number = this.#numberOf(id)
    for (const connection of this.#connections.all()) {
      if (connection.id === number && connection.principal.org === org) return connection
    }
    return undefined
  }

  #numberOf(id: string): number | undefined {
    const [prefix, number] = id.split('-')
    return prefix === this.#prefix && /^\d{1,15}$/.test(number ?? '') ? Number(number) : undefined
  }

  #view(connection: Connection): ConnectionView {
    const { id, client, principal, ownClientId, transport, address, connectedAtMs, issued } = connection
    return {
      id: `${this.#prefix}-${id}`,
      sub: principal.sub,
      role: principal.role,
      clientId: ownClientId,
      transport,
      address: address ?? null,
      since: connectedAtMs,
      tokenExpiresAt: issued.expiresAtMs,
      cleanSession: client.clean,
      subscriptions: Object.keys((client as unknown as { subscriptions: object }).subscriptions),
      queuedBytes: client.conn.writableLength,
    }
  }
}
