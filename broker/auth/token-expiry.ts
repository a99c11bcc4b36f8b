import type { Clock } from '../clock.ts'
import type { Connection } from '../connections.ts'
import type { Tell } from '../notices.ts'

/** A token that has expired by a little is admitted, since clocks differ; it is good for that little. */
const CLOCK_LEEWAY_MS = 30_000
/** setTimeout takes no more than 2^31 - 1 ms; longer waits are taken in steps. */
const MAX_TIMEOUT_MS = 2_147_483_647
const NOTICE_MS = 60_000
/** Of a token with less than this to live the notice comes when a third of that is left. */
const SHORT_LIFE_MS = 2 * NOTICE_MS

interface Watch {
  readonly endsAtMs: number
  noticeAtMs: number | undefined
  timer: unknown
}

const EXACT_BELOW_MS = 10_000

/**
 * Tells a connection that its token is about to expire, and ends it when it does. A will is published, since no DISCONNECT was
 * sent. [MQTT-3.1.2-8]
 */
export class TokenExpiry {
  readonly #watches = new Map<Connection, Watch>()
  readonly #tell: Tell
  readonly #end: (connection: Connection) => void
  readonly #clock: Clock

  constructor(options: { tell: Tell; end: (connection: Connection) => void; clock: Clock }) {
    this.#tell = options.tell
    this.#end = options.end
    this.#clock = options.clock
  }

  /** Starts to watch the token, or the one that took its place. */
  watch(connection: Connection): void {
    this.forget(connection)
    const now = this.#clock.now()
    const { expiresAtMs } = connection.issued
    const endsAtMs = expiresAtMs > now ? expiresAtMs : expiresAtMs + CLOCK_LEEWAY_MS
    const life = endsAtMs - now
    const noticeAtMs = endsAtMs - (life < SHORT_LIFE_MS ? Math.floor(life / 3) : NOTICE_MS)
    const watch: Watch = { endsAtMs, noticeAtMs, timer: undefined }
    this.#watches.set(connection, watch)
    this.#wait(connection, watch)
  }

  forget(connection: Connection): void {
    const watch = this.#watches.get(connection)
    if (watch === undefined) return
    this.#clock.clearTimeout(watch.timer)
    this.#watches.delete(connection)
  }

  close(): void {
    for (const connection of [...this.#watches.keys()]) this.forget(connection)
  }

  #wait(connection: Connection, watch: Watch): void {
    const next = watch.noticeAtMs ?? watch.endsAtMs
    const exactly = Math.min(Math.max(next - this.#clock.now(), 0), MAX_TIMEOUT_MS)
    // Timers of the same duration share a list: in whole seconds there are few, and the rest is waited for after it.
    const wait = exactly > EXACT_BELOW_MS ? exactly - (exactly % 1_000) : exactly
    watch.timer = this.#clock.setTimeout(() => this.#step(connection, watch), wait)
  }

  #step(connection: Connection, watch: Watch): void {
    const now = this.#clock.now()
    if (now >= watch.endsAtMs) {
      void this.#expire(connection, watch)
      return
    }
    if (watch.noticeAtMs !== undefined && now >= watch.noticeAtMs) {
      watch.noticeAtMs = undefined
      this.#tell(connection.principal, {
        code: 'token_expiring',
        message: `the token expires at ${new Date(watch.endsAtMs).toISOString()}; publish a new one to $auth/token`,
        topic: '$auth/token',
      })
    }
    this.#wait(connection, watch)
  }

  /** A renewal that came in time is waited for. */
  async #expire(connection: Connection, watch: Watch): Promise<void> {
    while (connection.renewing !== undefined) await connection.renewing
    if (this.#watches.get(connection) !== watch) return
    this.forget(connection)
    this.#end(connection)
  }
}
