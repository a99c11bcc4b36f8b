import type { Duplex } from 'node:stream'
import type { Origin } from '../connections.ts'

/** Hands an accepted byte stream to the broker. */
export type Accept = (stream: Duplex, origin: Origin) => void

export interface Listener {
  /** Where it really listens, e.g. `mqtt://127.0.0.1:1883`. */
  readonly address: string
  /** Stops accepting; connections that were accepted live on. */
  stop(): void
}
