import type { Connection } from '../connections.ts'
import type { Tell } from '../notices.ts'

/** A token that has expired by a little is admitted, since clocks differ; it is good for that little. */
const CLOCK_LEEWAY_MS = 30_000
/** setTimeout takes no more than 2^31 - 1 ms; longer waits are taken in steps. */
const MAX_TIMEOUT_MS = 2_147_483_647

const TOKEN_EXPIRED = { code: 'token_expired', message: 'the token has expired; connect again with a new one' }
const CERTIFICATE_EXPIRED = {
  code: 'certificate_expired',
  message: 'the client certificate has expired; this device needs another one',
}

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
    const { expiresAtMs } = connection.principal
    this.#wait(connection, expiresAtMs > this.#now() ? expiresAtMs : expiresAtMs + CLOCK_LEEWAY_MS)
  }

  #wait(connection: Connection, endsAtMs: number): void {
    this.forget(connection)
    const timer = setTimeout(
      () => {
        if (endsAtMs > this.#now()) this.#wait(connection, endsAtMs)
        else this.#expired(connection)
      },
      Math.min(Math.max(endsAtMs - this.#now(), 0), MAX_TIMEOUT_MS),
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

  #expired(connection: Connection): void {
    const { certificate } = connection
    const byCertificate = certificate !== undefined && certificate.validToMs <= this.#now()
    this.end(connection, byCertificate ? CERTIFICATE_EXPIRED : TOKEN_EXPIRED)
  }

  /** Tells the principal why, and ends the connection. */
  end(connection: Connection, { code, message }: { code: string; message: string }): void {
    this.forget(connection)
    this.#tell(connection.principal, { code, message, topic: '$auth/token' })
    // The notice leaves with the next turn of the event loop; the connection ends after it.
    setImmediate(() => setImmediate(() => connection.client.conn.destroy()))
  }
}
