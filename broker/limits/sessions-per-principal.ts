import { ownerOf } from '../client-namespace.ts'

/** Which sessions are stored, by principal, and which of them was away for longest. */
export class SessionsPerPrincipal {
  readonly #byOwner = new Map<string, Map<string, number>>()
  readonly #most: number
  readonly #isConnected: (clientId: string) => boolean

  /** @param isConnected whether a connection stands, or is being set up, under this client id */
  constructor(most: number | null, isConnected: (clientId: string) => boolean) {
    this.#most = most ?? Number.POSITIVE_INFINITY
    this.#isConnected = isConnected
  }

  /**
   * A session is stored. @returns the client ids of those that have to go for it: connected ones stay
   * @param seenMs when it was last connected
   */
  add(clientId: string, seenMs: number): string[] {
    const sessions = this.#of(clientId)
    if (sessions.has(clientId)) return []
    sessions.set(clientId, seenMs)
    if (sessions.size <= this.#most) return []
    return [...sessions]
      .filter(([other]) => other !== clientId && !this.#isConnected(other))
      .sort(([, a], [, b]) => a - b)
      .slice(0, sessions.size - this.#most)
      .map(([other]) => other)
  }

  /** The connection to a stored session ended. */
  left(clientId: string, seenMs: number): void {
    const sessions = this.#byOwner.get(ownerKey(clientId))
    if (sessions?.has(clientId)) sessions.set(clientId, seenMs)
  }

  remove(clientId: string): void {
    const key = ownerKey(clientId)
    const sessions = this.#byOwner.get(key)
    sessions?.delete(clientId)
    if (sessions?.size === 0) this.#byOwner.delete(key)
  }

  #of(clientId: string): Map<string, number> {
    const key = ownerKey(clientId)
    let sessions = this.#byOwner.get(key)
    if (sessions === undefined) {
      sessions = new Map()
      this.#byOwner.set(key, sessions)
    }
    return sessions
  }
}

function ownerKey(clientId: string): string {
  const owner = ownerOf(clientId)
  return owner === null ? '' : `${owner.org}/${owner.sub}`
}
