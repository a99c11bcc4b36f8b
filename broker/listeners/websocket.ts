import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { WebSocketServer } from 'ws'
import type { ConnectionLimits } from '../limits/connection-limits.ts'
import { refuseUpgrade } from '../limits/refuse-connection.ts'
import type { Accept, Listener } from './listener.ts'
import { WebSocketStream } from './websocket-stream.ts'

export interface WebSocketOptions {
  /** The HTTP server whose upgrades it takes; listening is the owner's business. */
  readonly server: Server
  readonly path: string
  /** Origins of other sites that may connect; the own origin always may, and clients that are no browsers send none. */
  readonly allowedOrigins: readonly string[]
  readonly maxFrameBytes: number
}

/** How long a peer may take to answer a close frame: a stop of the platform waits for it (ws: 30 s by itself). */
const CLOSE_WITHIN_MS = 2_000
const SUBPROTOCOLS = ['mqtt', 'mqttv3.1']

/** MQTT over WebSocket, MQTT 3.1.1 §6. */
export function listenWebSocket(options: WebSocketOptions, limits: ConnectionLimits, accept: Accept): Listener {
  const { server, path, allowedOrigins, maxFrameBytes } = options
  // Not written in the call: the types of ws do not know closeTimeout yet.
  const settings = {
    noServer: true,
    perMessageDeflate: false,
    closeTimeout: CLOSE_WITHIN_MS,
    maxPayload: maxFrameBytes,
    handleProtocols: (offered: Set<string>) => SUBPROTOCOLS.find(name => offered.has(name)) ?? false,
  }
  const sockets = new WebSocketServer(settings)

  function onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // The HTTP server has let go of the socket: a peer that resets it now would end the process.
    socket.on('error', () => socket.destroy())
    const pathname = (request.url ?? '').split('?', 1)[0]
    if (pathname !== path) return refuse(socket, 404, `MQTT over WebSocket is at ${path}`)
    if (!offersSubprotocol(request)) return refuse(socket, 400, 'offer the subprotocol mqtt') // [MQTT-6.0.0-3]
    if (!originAllowed(request, allowedOrigins)) {
      return refuse(socket, 403, 'origin not allowed; add it to TRACKWIRE_ALLOWED_ORIGINS')
    }
    const tooMany = limits.ofUpgrade(request)
    if (tooMany !== null) return refuseUpgrade(socket, tooMany)
    sockets.handleUpgrade(request, socket, head, webSocket =>
      accept(new WebSocketStream(webSocket, socket), 'websocket', { address: request.socket.remoteAddress, request }),
    )
  }

  limits.guard(server, 'http')
  server.on('upgrade', onUpgrade)
  return {
    address: path,
    stop: () => {
      server.off('upgrade', onUpgrade)
      sockets.close()
    },
  }
}

function offersSubprotocol(request: IncomingMessage): boolean {
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map(name => name.trim())
  return offered.some(name => SUBPROTOCOLS.includes(name))
}

/** Clients that are no browsers send no origin. A page of our own name counts as ours only where nobody on the way can have forged it. */
function originAllowed({ headers, socket }: IncomingMessage, allowed: readonly string[]): boolean {
  const { origin, host } = headers
  if (origin === undefined || allowed.includes('*')) return true
  const plain = (text: string): string => text.toLowerCase().replace(/\/$/, '')
  if (allowed.some(one => plain(one) === plain(origin))) return true
  if (!URL.canParse(origin)) return false
  const { protocol, host: from } = new URL(origin)
  // A proxy may have ended TLS before us; but an http page has no business where we speak TLS ourselves.
  const fits = protocol === 'https:' || (protocol === 'http:' && (socket as Partial<TLSSocket>).encrypted !== true)
  const own = `${protocol}//${host}`
  return fits && URL.canParse(own) && new URL(own).host === from
}

function refuse(socket: Duplex, status: number, message: string): void {
  socket.once('finish', () => socket.destroy())
  const reason = { 400: 'Bad Request', 403: 'Forbidden', 404: 'Not Found' }[status]
  socket.end(
    `HTTP/1.1 ${status} ${reason}\r\nContent-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(message)}\r\nConnection: close\r\n\r\n${message}`,
  )
}
