import { RealtimeError } from './errors.ts'
import {
  CONNACK,
  connectPacket,
  DISCONNECT_PACKET,
  PacketReader,
  PINGREQ_PACKET,
  PINGRESP,
  PUBACK,
  publishPacket,
} from './mqtt-packets.ts'

/** The part of a WebSocket that is used; browsers have it, and so has the package `ws`. */
export interface Socket {
  binaryType: string
  onopen: ((event: never) => void) | null
  onmessage: ((event: never) => void) | null
  onclose: ((event: never) => void) | null
  onerror: ((event: never) => void) | null
  send(data: Uint8Array<ArrayBuffer>): void
  close(): void
}
export type OpenSocket = (url: string, subprotocol: string) => Socket

export interface PublisherOptions {
  /** Of the platform, `https://…`. */
  readonly url: string
  readonly clientId: string
  readonly jwt: string
  readonly openSocket: OpenSocket
  /** Called once, when a connection that stood is lost. */
  readonly onLost: (error: RealtimeError) => void
}

const CONNECT_WITHIN_MS = 5_000
const PING_EVERY_MS = 10_000
/** A ping without an answer until the next one: the connection is dead. */
const KEEP_ALIVE_SECONDS = 30
/** CONNACK 4 and 5: bad user name or password, not authorized. §3.2.2.3 */
const UNAUTHORIZED = [4, 5]

/** One MQTT connection over WebSocket that only publishes. What is acknowledged is stored; what is not may be sent again. */
export class MqttPublisher {
  readonly #socket: Socket
  readonly #options: PublisherOptions
  readonly #unacknowledged = new Map<number, { resolve(): void; reject(error: RealtimeError): void }>()
  readonly #reader = new PacketReader()
  #nextId = 1
  #ping: ReturnType<typeof setInterval> | undefined
  #awaitsPong = false
  #ended: RealtimeError | null = null
  #opened: { resolve(): void; reject(error: RealtimeError): void } | null = null

  /** @throws RealtimeError token_invalid, unreachable, timed_out */
  static async open(options: PublisherOptions): Promise<MqttPublisher> {
    const publisher = new MqttPublisher(options)
    await publisher.#connect()
    return publisher
  }

  private constructor(options: PublisherOptions) {
    this.#options = options
    this.#socket = options.openSocket(`${options.url.replace(/^http/, 'ws')}/mqtt`, 'mqtt')
    this.#socket.binaryType = 'arraybuffer'
  }

  #connect(): Promise<void> {
    const { clientId, jwt } = this.#options
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => this.#end('timed_out', 'the platform does not answer'), CONNECT_WITHIN_MS)
      const settle = (done: () => void): void => {
        clearTimeout(late)
        this.#opened = null
        done()
      }
      this.#opened = { resolve: () => settle(resolve), reject: error => settle(() => reject(error)) }
      this.#socket.onopen = () =>
        this.#send(connectPacket({ clientId, username: 'sdk', password: jwt, keepAliveSeconds: KEEP_ALIVE_SECONDS }))
      this.#socket.onmessage = ({ data }: { data: ArrayBuffer }) => this.#take(new Uint8Array(data))
      this.#socket.onerror = () => undefined
      this.#socket.onclose = () => this.#end('connection_lost', 'the connection for sending was lost')
    })
  }

  /** Resolves when the platform has acknowledged it; with QoS 0 when it is handed to the network. */
  publish(topic: string, payload: Uint8Array, qos: 0 | 1): Promise<void> {
    if (this.#ended !== null) return Promise.reject(this.#ended)
    if (qos === 0) {
      this.#send(publishPacket(topic, payload, 0))
      return Promise.resolve()
    }
    const id = this.#freeId()
    return new Promise((resolve, reject) => {
      this.#unacknowledged.set(id, { resolve, reject })
      this.#send(publishPacket(topic, payload, id))
    })
  }

  close(): void {
    if (this.#ended !== null) return
    this.#send(DISCONNECT_PACKET)
    this.#end('not_connected', 'the client was disconnected')
  }

  /** The network says that it is gone. */
  interrupt(): void {
    this.#end('connection_lost', 'the network is gone')
  }

  #freeId(): number {
    while (this.#unacknowledged.has(this.#nextId)) this.#nextId = (this.#nextId % 0xffff) + 1
    const id = this.#nextId
    this.#nextId = (this.#nextId % 0xffff) + 1
    return id
  }

  #take(bytes: Uint8Array): void {
    for (const { type, body } of this.#reader.read(bytes)) {
      if (type === CONNACK) this.#onConnack(body[1] ?? 255)
      else if (type === PINGRESP) this.#awaitsPong = false
      else if (type === PUBACK) {
        const id = (body[0]! << 8) | body[1]!
        this.#unacknowledged.get(id)?.resolve()
        this.#unacknowledged.delete(id)
      }
    }
  }

  #onConnack(code: number): void {
    if (UNAUTHORIZED.includes(code)) return this.#end('token_invalid', 'the token was refused')
    if (code !== 0) return this.#end('unreachable', `the platform refused the connection (${code})`)
    this.#ping = setInterval(() => this.#onPing(), PING_EVERY_MS)
    this.#opened?.resolve()
  }

  #onPing(): void {
    if (this.#awaitsPong) return this.#end('timed_out', 'the platform is silent')
    this.#awaitsPong = true
    this.#send(PINGREQ_PACKET)
  }

  #send(bytes: Uint8Array): void {
    try {
      this.#socket.send(bytes as Uint8Array<ArrayBuffer>)
    } catch {
      // It is closing; `onclose` follows.
    }
  }

  #end(code: string, message: string): void {
    if (this.#ended !== null) return
    const error = new RealtimeError(code, message)
    this.#ended = error
    clearInterval(this.#ping)
    this.#socket.onclose = null
    this.#socket.close()
    for (const { reject } of this.#unacknowledged.values()) reject(error)
    this.#unacknowledged.clear()
    if (this.#opened !== null) this.#opened.reject(error)
    else this.#options.onLost(error)
  }
}
