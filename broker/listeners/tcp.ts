import { constants } from 'node:crypto'
import { createServer, type Server, type Socket } from 'node:net'
import {
  createServer as createTlsServer,
  type SecureContextOptions,
  type TLSSocket,
  type TlsOptions,
  type Server as TlsServer,
} from 'node:tls'
import { shownCertificate } from '../auth/client-certificate.ts'
import type { ConnectionLimits } from '../limits/connection-limits.ts'
import type { Accept, Listener } from './listener.ts'

export interface TcpOptions {
  readonly host: string
  /** 0 = any free port. */
  readonly port: number
  /** With a `ca`, clients are asked for a certificate of it; `crl` holds back those that were revoked. */
  readonly tls?: SecureContextOptions
  /** Whether a handshake without a certificate of the CA fails. */
  readonly clientCertificate?: 'optional' | 'required'
  /** Told of handshakes that failed, for the log. */
  readonly onHandshakeFailed?: (error: Error, address: string | undefined) => void
}

const KEEP_ALIVE_PROBE_MS = 60_000
const TLS_HANDSHAKE_TIMEOUT_MS = 10_000
/** Connections that wait to be accepted; the system may allow fewer. One that finds no place comes again a second later. */
const BACKLOG = 4_096

/** MQTT over TCP, or over TLS 1.2/1.3 when a certificate is given. Rejects when the port is taken. */
export async function listenTcp(options: TcpOptions, limits: ConnectionLimits, accept: Accept): Promise<Listener> {
  const { host, port, tls, onHandshakeFailed } = options
  const settle = (socket: Socket) => {
    socket.setNoDelay(true)
    // MQTT allows keep alive 0: let the kernel find out that such a peer is gone.
    socket.setKeepAlive(true, KEEP_ALIVE_PROBE_MS)
  }
  const server: Server = tls
    ? createTlsServer(serverOptions(options), (socket: TLSSocket) => {
        settle(socket)
        accept(socket, 'tls', { address: socket.remoteAddress, certificate: shownCertificate(socket) })
      })
    : createServer(socket => {
        settle(socket)
        accept(socket, 'tcp', { address: socket.remoteAddress })
      })
  limits.guard(server, tls ? 'tls' : 'tcp')
  // A failed TLS handshake is the peer's fault; nothing of ours is broken by it.
  server.on('tlsClientError', (error: Error, socket: TLSSocket) => onHandshakeFailed?.(error, socket.remoteAddress))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, backlog: BACKLOG }, () => {
      server.off('error', reject)
      // From here on an error is one connection that could not be accepted (out of file descriptors): the others live on.
      server.on('error', () => {})
      resolve()
    })
  })
  const bound = server.address()
  const boundPort = typeof bound === 'object' && bound !== null ? bound.port : port
  return {
    address: `${tls ? 'mqtts' : 'mqtt'}://${host.includes(':') ? `[${host}]` : host}:${boundPort}`,
    stop: () => server.close(),
    ...(tls && {
      renewTls: (renewed: SecureContextOptions) => (server as TlsServer).setSecureContext(hardened(renewed)),
    }),
  }
}

function serverOptions({ tls = {}, clientCertificate = 'optional' }: TcpOptions): TlsOptions {
  return {
    ...hardened(tls),
    handshakeTimeout: TLS_HANDSHAKE_TIMEOUT_MS,
    requestCert: tls.ca !== undefined,
    rejectUnauthorized: tls.ca !== undefined && clientCertificate === 'required',
  }
}

/** A session that is resumed keeps the verdict on its certificate from when it began: with client certificates none is resumed. */
function hardened(tls: SecureContextOptions): SecureContextOptions {
  const noTicket = tls.ca === undefined ? 0 : constants.SSL_OP_NO_TICKET
  return { minVersion: 'TLSv1.2', ...tls, secureOptions: (tls.secureOptions ?? 0) | noTicket }
}
