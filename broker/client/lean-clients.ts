import { EventEmitter } from 'node:events'
import { Duplex } from 'node:stream'
import type { Client } from 'aedes'
import { markSkipped } from '../guard/guard-packets.ts'
import type { InSlices } from './in-slices.ts'
import { type Known, known } from './known.ts'
import { SharedParser } from './shared-parser.ts'

/** Aedes' own functions, as it puts them on the clients that it makes. */
interface Template {
  readonly _parser: { listeners(event: 'packet'): ((this: Packets, packet: object) => void)[] }
  rawListeners(event: 'connected'): { listener?: (this: LeanClient) => void }[]
  close(): void
}
/** What {@link LeanClient} has of Aedes' class. */
interface Inherited {
  _onError(error: unknown): void
  close(): void
}

export interface LeanClientOptions {
  readonly broker: object
  /** Aedes' own way to make a client. */
  readonly handle: (conn: Duplex) => object
  readonly connectTimeoutMs: number
  /** For what is to be done when a client's stream has ended. */
  readonly endings: InSlices
  /** Sees every packet first. @returns whether it was handled; otherwise Aedes does */
  readonly before: (client: Client, packet: object) => boolean
}

const ignore = () => {}

/**
 * Makes what Aedes' constructor makes of a stream, with less: there, each client has a parser with two streams in it, a dozen closures and
 * the listeners of `stream.finished`, several kilobytes before anything is connected. Here clients share what is the same for all.
 * What a client can do comes from Aedes' own class, and how it handles a packet from one client that Aedes makes as a pattern.
 */
export class LeanClients {
  readonly options: LeanClientOptions
  readonly #handle: (this: Packets, packet: object) => void
  readonly #connected: (this: LeanClient) => void

  constructor(options: LeanClientOptions) {
    this.options = options
    const nowhere = new Duplex({ read: ignore, write: (_chunk, _encoding, done) => done() })
    const template = options.handle(nowhere) as Template
    const [handle] = template._parser.listeners('packet')
    const connected = template.rawListeners('connected')[0]?.listener
    if (handle === undefined || connected === undefined) throw new Error('Aedes handles packets in another way')
    this.#handle = handle
    this.#connected = connected
    Object.setPrototypeOf(LeanClient.prototype, Object.getPrototypeOf(template))
    template.close()
  }

  make(conn: Duplex): Client {
    return new LeanClient(conn, this) as unknown as Client
  }

  /** Has Aedes handle a packet. */
  handle(client: Client, packet: object): void {
    this.#handle.call((client as unknown as LeanClient)._parser, packet)
  }

  /** The client is set up: Aedes handles what came behind CONNECT. */
  connected(client: LeanClient): void {
    this.#connected.call(client)
  }
}

/** Behaves to Aedes like the parser of a client. */
class Packets {
  readonly client: LeanClient
  /** Packets that came before CONNACK. */
  _queue: object[] | null = []
  readonly clients: LeanClients
  /** See guard-packets.ts. */
  skipped = 0
  readonly #parser = new SharedParser(this)
  #isClosed = false

  constructor(client: LeanClient, clients: LeanClients) {
    this.client = client
    this.clients = clients
  }

  parse(bytes: Uint8Array): number {
    this.#parser.parse(bytes)
    return 0
  }

  packet(packet: object): void {
    if (this.#isClosed) return
    if (this.skipped > 0) {
      markSkipped(packet, this.skipped)
      this.skipped = 0
    }
    const client = this.client as unknown as Client
    if (!this.clients.options.before(client, packet)) this.clients.handle(client, packet)
  }

  failed(error: Error): void {
    this.client.emit('error', error)
  }

  emit(_event: 'packet', packet: object): void {
    this.packet(packet)
  }

  /** The client is closed. */
  removeAllListeners(): void {
    this.#isClosed = true
  }
}

/** The fields that Aedes' constructor sets, with what it sets them to. */
class LeanClient {
  closed = false
  connecting = false
  connected = false
  connackSent = false
  errored = false
  id: string | null = null
  clean = true
  version: number | null = null
  readonly broker: object
  readonly conn: Duplex & { client?: LeanClient }
  _disconnected = false
  _authorized = false
  _paused = false
  _parsingBatch = 1
  _nextId = Math.ceil(Math.random() * 65_535)
  _drainTimer: NodeJS.Timeout | null = null
  readonly req = undefined
  readonly connDetails = null
  will: object | null = null
  _will: object | null = null
  readonly _parser: Packets
  readonly _nextBatch: (error?: Error) => void
  _eos = ignore
  _keepaliveTimer: NodeJS.Timeout | null = null
  _keepaliveInterval = -1
  _connectTimer: NodeJS.Timeout | null;
  [known]: Known | undefined = undefined
  readonly #clients: LeanClients

  constructor(conn: Duplex, clients: LeanClients) {
    const { broker, connectTimeoutMs } = clients.options
    this.broker = broker
    this.conn = conn
    this.#clients = clients
    this._parser = new Packets(this, clients)
    this._nextBatch = error => this.#readOn(error)
    this._connectTimer = setTimeout(tooLate, connectTimeoutMs, this)
    this.conn.client = this
    conn.setMaxListeners(0)
    conn.on('readable', onReadable)
    conn.on('error', onError)
    conn.on('end', onEnd)
    conn.on('close', onEnd)
  }

  /** Aedes listens to these two itself, on every client. */
  emit(event: string, ...about: unknown[]): boolean {
    if (event === 'error') {
      inherited(this)._onError(about[0])
      return true
    }
    if (event === 'connected') this.#clients.connected(this)
    return EventEmitter.prototype.emit.call(this as unknown as EventEmitter, event, ...about)
  }

  ended(): void {
    if (!this.closed) this.#clients.options.endings.add(() => inherited(this).close())
  }

  #readOn(error: Error | undefined): void {
    if (error) {
      this.emit('error', error)
      return
    }
    if (this._paused) return
    this._parsingBatch -= 1
    if (this._parsingBatch > 0) return
    this._parsingBatch = 0
    const bytes: Buffer | null = this.conn.read()
    if (bytes) this._parser.parse(bytes)
  }
}

/** Made when it is first asked for: almost no client needs it. */
function later(name: string, make: () => object): void {
  const own = (client: object, value: unknown) =>
    Object.defineProperty(client, name, { value, writable: true, configurable: true, enumerable: true })
  Object.defineProperty(LeanClient.prototype, name, {
    get(this: object) {
      const value = make()
      own(this, value)
      return value
    },
    set(this: object, value: unknown) {
      own(this, value)
    },
  })
}
later('subscriptions', () => Object.create(null))
later('duplicates', () => Object.create(null))
later('_inboundInflight', () => new Set())
later('_pendingDrains', () => [])

function inherited(client: LeanClient): Inherited {
  return client as unknown as Inherited
}

function tooLate(client: LeanClient): void {
  client.emit('error', new Error('connect did not arrive in time'))
}

type Conn = LeanClient['conn']

function onReadable(this: Conn): void {
  this.client?._nextBatch()
}

function onError(this: Conn, error: Error): void {
  this.client?.emit('error', error)
}

function onEnd(this: Conn): void {
  this.client?.ended()
}
