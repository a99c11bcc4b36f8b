import { type BackOffPlan, backOffMs } from './back-off.ts'
import { sleep } from './clock.ts'
import type { Random } from './random.ts'

/** How a connection ended, or why there was none. */
export interface Attempt {
  readonly wasUp: boolean
  /** In plain words. */
  readonly reason: string
  /** The other side turned the log-in down. */
  readonly refused: boolean
}

export interface ConnectingOptions {
  readonly backOff: BackOffPlan
  readonly random: Random
  /** Resolves when the connection has ended, or could not be made. */
  readonly connectOnce: () => Promise<Attempt>
  /** Ends the connection without a word. */
  readonly drop: () => void
  readonly onDown: (reason: string, refused: boolean) => void
}

export interface Connecting {
  /** Cuts the connection as a dead zone would, and stays away until {@link Connecting.restore}. */
  cut(): void
  restore(): void
  /** Makes no further connection; the one that stands is the caller's to end. */
  stop(): void
  /** Settles when the last connection has ended. */
  readonly ended: Promise<void>
}

/** Makes one connection after the other, with back-off between them. */
export function keepConnecting({ backOff, random, connectOnce, drop, onDown }: ConnectingOptions): Connecting {
  const stopping = new AbortController()
  let held = false
  let wake = new AbortController()

  const look = () => {
    wake.abort()
    wake = new AbortController()
  }

  async function run() {
    let failures = 0
    while (!stopping.signal.aborted) {
      if (held) {
        await sleep(2 ** 30, wake.signal)
        continue
      }
      const { wasUp, reason, refused } = await connectOnce()
      if (stopping.signal.aborted) break
      onDown(reason, refused)
      if (held) continue
      failures = wasUp ? 0 : failures + 1
      await sleep(backOffMs(backOff, failures, random), wake.signal)
    }
  }

  return {
    cut() {
      held = true
      drop()
      look()
    },
    restore() {
      held = false
      look()
    },
    stop() {
      stopping.abort()
      look()
    },
    ended: run(),
  }
}
