import type { Connection } from '../connections.ts'
import type { Tell } from '../notices.ts'

/** setTimeout takes no more than 2^31 - 1 ms; longer waits are taken in steps. */
const MAX_TIMEOUT_MS = 2_147_483_647

/** Ends a connection when its token expires. A will is published, since no DISCONNECT was sent. [MQTT-3.1.2-8] */
export class TokenExpiry {
  readonly #timers = new Map<Connection, NodeJS.Timeout>()
  readonly #tell: Tell
  readonly #now: () => number

  constructor(tell: Tell, now: () => number) {
    this.#tell = tell
    this.#now = now
  }

  /** Starts the timer, or starts it anew after the token was renewed. */
  watch(connection: Connection): void {
    this.forget(connection)
    const remainingMs = connection.principal.expiresAtMs - this.#now()
    const timer = setTimeout(
      () => {
        if (connection.principal.expiresAtMs > this.#now()) this.watch(connection)
        else this.#end(connection)
      },
      Math.min(Math.max(remainingMs, 0), MAX_TIMEOUT_MS),
    )
    timer.unref()
    this.#timers.set(connection, timer)
  }

  forget(connection: Connection): void {
    clearTimeout(this.#timers.get(connection))
    this.#timers.delete(connection)
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
  }

  #end(connection: Connection): void {
    this.forget(connection)
    this.#tell(connection.principal, {
      code: 'token_expired',
      message: 'the token has expired; connect again with a new one',
      topic: '$auth/token',
    })
    // The notice leaves with the next turn of the event loop; the connection ends after it.
    setImmediate(() => setImmediate(() => connection.client.conn.destroy()))
  }
}
