import { backOffMs, Pause } from './back-off.ts'
import { topicOf } from './channels.ts'
import { isTokenFault, RealtimeError } from './errors.ts'
import { MqttPublisher, type OpenSocket } from './mqtt-publisher.ts'
import { createStore, type Store } from './store.ts'
import type { TokenSource } from './token.ts'

/** `off`: nothing was sent yet, so there is no connection for it. */
export type SenderPhase = 'off' | 'connecting' | 'online' | 'offline'

const encoder = new TextEncoder()
const STABLE_MS = 1_000

/** Keeps an MQTT connection for publishing, from the first message on. Who only watches has none. */
export class Sender {
  readonly phase: Store<SenderPhase> = createStore<SenderPhase>('off')
  readonly #url: string
  readonly #tokens: TokenSource
  readonly #openSocket: OpenSocket
  readonly #clientId: string
  #publisher: MqttPublisher | null = null
  #isWanted = false
  #isRunning = false
  readonly #pause = new Pause()

  constructor(url: string, tokens: TokenSource, openSocket: OpenSocket) {
    this.#url = url
    this.#tokens = tokens
    this.#openSocket = openSocket
    this.#clientId = `sdk-${randomId()}`
  }

  start(): void {
    this.#isWanted = true
    if (!this.#isRunning) void this.#run()
  }

  stop(): void {
    this.#isWanted = false
    this.#publisher?.close()
    this.#publisher = null
    this.#pause.end()
    this.phase.set('off')
  }

  retryNow(): void {
    this.#pause.end()
  }

  /** The network, or what listens to it, says that the connection is dead. */
  interrupt(): void {
    this.#publisher?.interrupt()
  }

  /** The connection that stands lives on with this token (contract, `$auth/token`). */
  renew(jwt: string): void {
    this.#publisher?.publish(topicOf('authToken', '', {}), encoder.encode(jwt), 1).catch(() => undefined)
  }

  /** @throws RealtimeError not_connected, connection_lost */
  async publish(topic: string, payload: unknown, qos: 0 | 1): Promise<void> {
    if (this.#publisher === null) throw new RealtimeError('not_connected', 'there is no connection for sending now')
    await this.#publisher.publish(topic, encoder.encode(JSON.stringify(payload)), qos)
  }

  /** Resolves when there is a connection; at once when there is one. */
  async connected(timeoutMs: number): Promise<void> {
    this.start()
    if (this.phase.get() === 'online') return
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => {
        unsubscribe()
        reject(new RealtimeError('not_connected', `no connection within ${timeoutMs / 1_000} s`))
      }, timeoutMs)
      const unsubscribe = this.phase.subscribe(() => {
        if (this.phase.get() !== 'online') return
        clearTimeout(late)
        unsubscribe()
        resolve()
      })
    })
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    let attempt = 0
    let lostAtMs = Date.now()
    while (this.#isWanted) {
      if (this.phase.get() !== 'offline') this.phase.set('connecting')
      const startedAtMs = Date.now()
      try {
        await this.#stand()
      } catch (error) {
        if (isTokenFault(error)) {
          this.#tokens.forget()
          if (!this.#tokens.isRenewable) break
        }
      }
      this.#publisher = null
      if (!this.#isWanted) break
      if (this.phase.get() === 'online') {
        lostAtMs = Date.now()
        if (lostAtMs - startedAtMs >= STABLE_MS) attempt = 0
      }
      this.phase.set('offline')
      await this.#pause.last(backOffMs(attempt++, Date.now() - lostAtMs, Math.random()))
    }
    this.#isRunning = false
    if (this.#isWanted) this.phase.set('offline')
  }

  /** Connects, and ends with the connection. */
  async #stand(): Promise<void> {
    const { jwt } = await this.#tokens.get()
    let lost: (() => void) | undefined
    const end = new Promise<void>(resolve => {
      lost = resolve
    })
    const publisher = await MqttPublisher.open({
      url: this.#url,
      clientId: this.#clientId,
      jwt,
      openSocket: this.#openSocket,
      onLost: () => lost?.(),
    })
    if (!this.#isWanted) return publisher.close()
    this.#publisher = publisher
    this.phase.set('online')
    await end
  }
}

/** 96 bits; without `crypto.randomUUID`, which plain HTTP pages do not have. */
export function randomId(): string {
  return [...crypto.getRandomValues(new Uint8Array(12))].map(byte => byte.toString(16).padStart(2, '0')).join('')
}
