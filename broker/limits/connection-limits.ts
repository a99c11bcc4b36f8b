import type { IncomingMessage } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { Server as TlsServer } from 'node:tls'
import type { Logger } from 'pino'
import type { AddressLimit } from '../../contract/index.ts'
import { AddressRanges, clientAddress, isLoopback, plainAddress } from './addresses.ts'
import type { LimitMetrics } from './limit-metrics.ts'
import { createRateLimits, type RateLimits } from './rate-limits.ts'
import { type RefusalText, SocketRefusals } from './refuse-connection.ts'

/** Why a connection is refused. */
interface ConnectionRefusal {
  readonly reason: 'total' | 'address_rate' | 'address_connecting'
  readonly retryAfterMs: number
  readonly message: string
}
export type Wire = 'tcp' | 'tls' | 'websocket' | 'http'

const TRY_AGAIN_MS = 5_000
const LOG_EVERY_MS = 1_000

export interface ConnectionLimitOptions {
  readonly connectionsTotal: number | null
  readonly connectionsPerMinute: AddressLimit
  readonly connectingPerAddress: AddressLimit
  /** Addresses and ranges of proxies whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[]
  readonly now: () => number
  readonly metrics: LimitMetrics
  readonly logger: Logger
}

/**
 * Who may open a connection: how many there are in all, how often one address comes, how many of an address have not said yet
 * who they are. Asked before TLS and before a byte is read.
 */
export class ConnectionLimits {
  readonly #options: ConnectionLimitOptions
  readonly #proxies: AddressRanges
  readonly #rate: RateLimits
  /** MQTT connections that are not admitted yet, by address. */
  readonly #connecting = new Map<string, number>()
  readonly #refusals = new SocketRefusals()
  readonly #counted = new WeakMap<Duplex, string>()
  #open = 0
  #loggedAtMs = Number.NEGATIVE_INFINITY
  /** One function for all streams: it stays with each as long as it lives. */
  readonly #gone: (this: Duplex) => void

  constructor(options: ConnectionLimitOptions) {
    this.#options = options
    const limits = this
    this.#gone = function (this: Duplex) {
      limits.admitted(this)
    }
    this.#proxies = new AddressRanges(options.trustedProxies)
    const { most } = options.connectionsPerMinute
    const everything = { message: null, location: null, chat: null, general: null, http: null }
    this.#rate = createRateLimits(
      { ...everything, public: most === null ? null : { capacity: most, windowMs: 60_000 } },
      options.now,
    )
  }

  /** Sockets that are open right now. */
  get open(): number {
    return this.#open
  }

  /** Puts the limits in front of a server's own handling of new sockets, TLS included. */
  guard(server: Server, wire: Exclude<Wire, 'websocket'>): void {
    const inner = server.listeners('connection')
    server.removeAllListeners('connection')
    const closed = () => {
      this.#open -= 1
    }
    server.on('connection', (socket: Socket) => {
      const refusal = this.#refusalOf(plainAddress(socket.remoteAddress ?? ''), wire)
      if (refusal === null) {
        this.#open += 1
        socket.on('close', closed)
        for (const listener of inner) listener.call(server, socket)
        return
      }
      this.#count(refusal, wire, socket.remoteAddress)
      const language = server instanceof TlsServer ? 'tls' : wire === 'http' ? 'http' : 'mqtt'
      this.#refusals.refuse(socket, language, textOf(refusal))
    })
  }

  /** Why a WebSocket may not be opened, or null; its socket is counted already. */
  ofUpgrade(request: IncomingMessage): RefusalText | null {
    const address = clientAddress(request, this.#proxies)
    const refusal = this.#ofAddress(address)
    if (refusal === null) return null
    this.#count(refusal, 'websocket', address)
    return textOf(refusal)
  }

  /** An MQTT stream begins; it counts for its address until it is admitted or gone. */
  begin(stream: Duplex, request?: IncomingMessage): void {
    const address = request
      ? clientAddress(request, this.#proxies)
      : plainAddress((stream as Partial<Socket>).remoteAddress ?? '')
    this.#counted.set(stream, address)
    this.#connecting.set(address, (this.#connecting.get(address) ?? 0) + 1)
    stream.on('close', this.#gone)
  }

  admitted(stream: Duplex): void {
    const address = this.#counted.get(stream)
    if (address === undefined) return
    this.#counted.delete(stream)
    const left = (this.#connecting.get(address) ?? 1) - 1
    if (left === 0) this.#connecting.delete(address)
    else this.#connecting.set(address, left)
  }

  #refusalOf(address: string, wire: Wire): ConnectionRefusal | null {
    const { connectionsTotal } = this.#options
    if (connectionsTotal !== null && this.#open >= connectionsTotal) {
      return {
        reason: 'total',
        retryAfterMs: TRY_AGAIN_MS,
        message: `the platform holds as many connections as it can (${connectionsTotal}); try again later`,
      }
    }
    // What HTTP asks for is limited by its requests; a browser opens sockets as it likes.
    return wire === 'http' ? null : this.#ofAddress(address)
  }

  #ofAddress(address: string): ConnectionRefusal | null {
    // A proxy of ours speaks for many.
    if (this.#proxies.has(address)) return null
    const { connectingPerAddress, connectionsPerMinute } = this.#options
    const connecting = this.#connecting.get(address) ?? 0
    if (counts(connectingPerAddress, address) && connecting >= connectingPerAddress.most) {
      return {
        reason: 'address_connecting',
        retryAfterMs: TRY_AGAIN_MS,
        message: `${connecting} connections of this address have not sent CONNECT yet; use them first`,
      }
    }
    if (!counts(connectionsPerMinute, address)) return null
    const waitMs = this.#rate.take({ org: '', sub: address }, 'public')
    if (waitMs === 0) return null
    return {
      reason: 'address_rate',
      retryAfterMs: waitMs,
      message: `more than ${connectionsPerMinute.most} new connections a minute from this address; keep them open, and wait longer before each retry`,
    }
  }

  #count({ reason, message }: ConnectionRefusal, transport: Wire, address: string | undefined): void {
    this.#options.metrics.connectionsRefused.inc({ reason, transport })
    const nowMs = this.#options.now()
    if (nowMs - this.#loggedAtMs < LOG_EVERY_MS) return
    this.#loggedAtMs = nowMs
    this.#options.logger.warn({ address, reason, transport }, `connection refused: ${message}`)
  }
}

function counts(limit: AddressLimit, address: string): limit is AddressLimit & { most: number } {
  return limit.most !== null && (limit.loopback || !isLoopback(address))
}

function textOf({ reason, retryAfterMs, message }: ConnectionRefusal): RefusalText {
  return { status: reason === 'total' ? 503 : 429, retryAfterSeconds: Math.ceil(retryAfterMs / 1_000), message }
}
