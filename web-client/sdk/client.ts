import type { ErrorNotice, LocationUpdate } from '../../contract/index.ts'
import { type Channel, filterOf, type Message, type ParamsOf } from './channels.ts'
import { type DeviceView, followDevice } from './device-view.ts'
import { RealtimeError } from './errors.ts'
import { Feed, MAX_FILTERS } from './feed.ts'
import { HttpApi } from './http.ts'
import type { ConnectionState, RealtimeOptions, Runtime } from './options.ts'
import type { OutboxProgress } from './outbox.ts'
import { Outgoing, type Queued } from './outgoing.ts'
import { SosCalls, type SosOptions, type SosSession } from './sos.ts'
import { createStore, type Readable, type Store } from './store.ts'
import { type ClientEvents, type Handler, type On, Subscriptions } from './subscriptions.ts'
import { type Token, TokenSource } from './token.ts'
import { type TrackingOptions, type TrackingSession, trackPosition } from './tracking.ts'

/** A connection to the platform: hears what happens, exactly once, and sends what one has to say. */
export class RealtimeClient {
  /** What is stored, and what one asks for once. */
  readonly http: HttpApi
  /**
   * Hears a channel of the platform, or of the parts of it that `wanted` names, like `{ deviceId: 'truck-7' }`; what is retained comes first. Or
   * hears what the client itself has to say: `gap`, `ready`, `refused`. Returns what ends it.
   */
  readonly on: On
  readonly #tokens: TokenSource
  readonly #feed: Feed
  readonly #outgoing: Outgoing
  readonly #subscriptions: Subscriptions
  readonly #sos: SosCalls
  readonly #runtime: Runtime
  readonly #state: Store<ConnectionState>
  #ends: (() => void)[] = []
  #isConnected = false

  constructor(options: RealtimeOptions, runtime: Runtime) {
    const url = (options.url ?? globalThis.location?.origin ?? '').replace(/\/+$/, '')
    if (!/^https?:\/\//.test(url)) {
      throw new RealtimeError('request_invalid', `url is ${JSON.stringify(url)}; say https://…`)
    }
    this.#runtime = runtime
    this.#tokens = new TokenSource(options.token)
    this.http = new HttpApi(url, this.#tokens)
    this.#outgoing = new Outgoing(url, this.#tokens, runtime, options)
    this.#subscriptions = new Subscriptions(
      () => this.#feed.filtersChanged(),
      channel => this.#feed.retained(channel),
    )
    this.#feed = new Feed(url, this.#tokens, () => this.#filters(), {
      onMessage: message => this.#hear(message),
      onGap: gap => this.#subscriptions.emit('gap', gap),
      onReady: isResumed => this.#subscriptions.emit('ready', { isResumed }),
      onNotice: notice => this.#subscriptions.emit('refused', notice),
    })
    this.on = (name: Channel | keyof ClientEvents, handler: Handler, wanted?: object) =>
      this.#subscriptions.add(name, handler, wanted)
    this.#sos = new SosCalls(this.on, this.#outgoing)
    const { sender } = this.#outgoing
    this.#state = createStore({ ...this.#feed.state.get(), sending: sender.phase.get() })
    this.#feed.state.subscribe(() => this.#onFeedState())
    sender.phase.subscribe(() => this.#state.set(state => ({ ...state, sending: sender.phase.get() })))
  }

  get connection(): Readable<ConnectionState> {
    return this.#state
  }

  /** What waits to be sent. */
  get outbox(): Readable<OutboxProgress> {
    return this.#outgoing.progress
  }

  /** How old what is shown may be, milliseconds: since the last sign of life, which comes at least every five seconds. */
  dataAgeMs(): number {
    return Date.now() - this.#feed.heardAtMs
  }

  /**
   * Connects, and stays connected until {@link disconnect}. Resolves when it is.
   * @throws RealtimeError why the first try failed. Others follow, unless a fixed token was refused; `connection` tells
   */
  async connect(): Promise<void> {
    if (!this.#isConnected) {
      this.#isConnected = true
      this.#ends = [
        this.#tokens.keepFresh(token => this.#onFreshToken(token)),
        this.#runtime.watch(
          () => this.#onNetworkBack(),
          () => this.#onNetworkGone(),
        ),
      ]
      this.#feed.start()
      this.#outgoing.start()
    }
    await this.#settled()
  }

  /** Lets go of everything; what waits in the outbox stays there. {@link connect} begins again. */
  async disconnect(): Promise<void> {
    this.#isConnected = false
    for (const end of this.#ends) end()
    this.#ends = []
    this.#feed.stop()
    await this.#outgoing.stop()
  }

  /** Ends every `on` of this handler. */
  off(name: Channel | keyof ClientEvents, handler: Handler): void {
    this.#subscriptions.remove(name, handler)
  }

  /**
   * Sends a message. A position or an SOS is kept until it is acknowledged, also across reloads; anything else is sent now or not at all.
   * Resolves when the platform has acknowledged it.
   * @throws RealtimeError not_connected, connection_lost, queue_full, topic_invalid
   */
  publish<Name extends Channel>(
    channel: Name,
    params: ParamsOf<Name>,
    payload: NonNullable<Message<Name>['payload']>,
  ): Promise<void> {
    return this.#outgoing.publish(channel, params as Readonly<Record<string, string>>, payload)
  }

  /**
   * Sends one position, of the token's own device when none is named. Resolves once it is kept here; its `delivered` once the platform
   * has stored it.
   */
  async sendLocation(fix: Omit<LocationUpdate, 'deviceId'>, deviceId?: string): Promise<Queued> {
    return this.#outgoing.enqueue('location', { deviceId: await this.#deviceOr(deviceId) }, fix)
  }

  /** Sends where this phone or computer is, as often as movement and battery ask for. */
  startTracking(options: TrackingOptions = {}): TrackingSession {
    return trackPosition(options, fix => this.sendLocation(fix, options.deviceId))
  }

  /** Follows one device: its newest fix and status. Returns what ends it. */
  trackDevice(deviceId: string, onChange: (view: DeviceView) => void): () => void {
    return followDevice(this.on, deviceId, onChange)
  }

  /** Calls for help; `state` follows what becomes of it. Kept until it is stored, and sent before everything else. */
  async triggerSos(options: SosOptions = {}): Promise<SosSession> {
    const deviceId = await this.#deviceOr(options.deviceId)
    const { role } = await this.#tokens.get()
    return this.#sos.trigger(deviceId, role, options)
  }

  /** Takes it back. Resolves when the platform has stored that. */
  cancelSos(session: Pick<SosSession, 'id' | 'deviceId'>, message?: string): Promise<void> {
    return this.#sos.cancel(session, message)
  }

  async #deviceOr(deviceId: string | undefined): Promise<string> {
    if (deviceId !== undefined) return deviceId
    const { role, sub } = await this.#tokens.get()
    if (role === 'device') return sub
    throw new RealtimeError('request_invalid', `the token is of a ${role}, not of a device: say deviceId`)
  }

  /** Own errors are always heard. */
  #filters(): string[] {
    const { org, sub } = this.#tokens.current ?? { org: '+', sub: '+' }
    return [filterOf('errors', org, { userId: sub }), ...this.#subscriptions.filters(org, MAX_FILTERS - 1)]
  }

  #hear(message: Message): void {
    if (message.channel === 'errors' && message.payload !== null) {
      this.#subscriptions.emit('refused', message.payload as ErrorNotice)
    }
    this.#subscriptions.dispatch(message)
  }

  #settled(): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): boolean => {
        const { phase, error } = this.#feed.state.get()
        if (phase === 'online' || phase === 'idle') resolve()
        else if (phase === 'offline' && error !== null) reject(error)
        else return false
        return true
      }
      if (look()) return
      const unsubscribe = this.#feed.state.subscribe(() => {
        if (look()) unsubscribe()
      })
    })
  }

  #onFeedState(): void {
    const feed = this.#feed.state.get()
    const { sender } = this.#outgoing
    // What cuts one connection cuts the other; MQTT alone would find out later.
    if (feed.phase === 'offline' && this.#state.get().phase === 'online') sender.interrupt()
    if (feed.phase === 'online') sender.retryNow()
    this.#state.set({ ...feed, sending: sender.phase.get() })
  }

  #onFreshToken({ jwt }: Token): void {
    this.#outgoing.sender.renew(jwt)
    this.#feed.reopen()
  }

  #onNetworkBack(): void {
    this.#feed.retryNow()
    this.#outgoing.sender.retryNow()
  }

  #onNetworkGone(): void {
    this.#feed.interrupt()
    this.#outgoing.sender.interrupt()
  }
}
