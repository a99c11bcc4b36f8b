import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { SecureContextOptions } from 'node:tls'
import type { ShownCertificate } from '../auth/client-certificate.ts'
import type { Transport } from '../connections.ts'

/** Who is at the other end, as far as the transport knows. */
export interface Peer {
  readonly address?: string | undefined
  readonly certificate?: ShownCertificate | undefined
  /** What a WebSocket was upgraded from. */
  readonly request?: IncomingMessage | undefined
}

/** Hands an accepted byte stream to the broker. */
export type Accept = (stream: Duplex, transport: Transport, peer?: Peer) => void

export interface Listener {
  /** Where it really listens, e.g. `mqtt://127.0.0.1:1883`. */
  readonly address: string
  /** Stops accepting; connections that were accepted live on. */
  stop(): void
  /** New handshakes use this; standing connections live on. Only where it is TLS. */
  renewTls?(tls: SecureContextOptions): void
}
