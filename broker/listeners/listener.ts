import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Transport } from '../connections.ts'

/** Hands an accepted byte stream to the broker, with the request that it was upgraded from. */
export type Accept = (stream: Duplex, transport: Transport, request?: IncomingMessage) => void

export interface Listener {
  /** Where it really listens, e.g. `mqtt://127.0.0.1:1883`. */
  readonly address: string
  /** Stops accepting; connections that were accepted live on. */
  stop(): void
}
