import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { ConnectionLimits } from '../limits/connection-limits.ts'
import type { Accept, Listener } from './listener.ts'

export interface TcpOptions {
  readonly host: string
  /** 0 = any free port. */
  readonly port: number
  readonly tls?: { readonly cert: string; readonly key: string }
}

const KEEP_ALIVE_PROBE_MS = 60_000
const TLS_HANDSHAKE_TIMEOUT_MS = 10_000

/** MQTT over TCP, or over TLS 1.2/1.3 when a certificate is given. Rejects when the port is taken. */
export async function listenTcp(options: TcpOptions, limits: ConnectionLimits, accept: Accept): Promise<Listener> {
  const { host, port, tls } = options
  const onSocket = (socket: Socket) => {
    socket.setNoDelay(true)
    // MQTT allows keep alive 0: let the kernel find out that such a peer is gone.
    socket.setKeepAlive(true, KEEP_ALIVE_PROBE_MS)
    accept(socket, tls ? 'tls' : 'tcp')
  }
  const server: Server = tls
    ? createTlsServer({ ...tls, minVersion: 'TLSv1.2', handshakeTimeout: TLS_HANDSHAKE_TIMEOUT_MS }, onSocket)
    : createServer(onSocket)
  limits.guard(server, tls ? 'tls' : 'tcp')
  // A failed TLS handshake is the peer's fault; nothing of ours is broken by it.
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
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
  }
}
