import type { DeviceStatus, ErrorNotice, LocationUpdate } from '../../contract/index.ts'
import { CHANNEL_TABLE } from './channel-table.ts'
import { type Channel, filterOf, fits, isRetained, type Message, type ParamsOf, topicOf } from './channels.ts'
import { RealtimeError } from './errors.ts'
import { Feed, type FeedState, type Gap } from './feed.ts'
import { HttpApi } from './http.ts'
import type { OpenSocket } from './mqtt-publisher.ts'
import { Outbox, type OutboxPolicy, type OutboxProgress } from './outbox.ts'
import type { OpenOutboxStore } from './outbox-store.ts'
import { randomId, Sender, type SenderPhase } from './sender.ts'
import { SosFollower, type SosOptions, type SosSession } from './sos.ts'
import { createStore, type Readable, type Store } from './store.ts'
import { type Token, type TokenProvider, TokenSource } from './token.ts'
import { type TrackingOptions, type TrackingSession, trackPosition } from './tracking.ts'

export interface RealtimeOptions {
  /** Where the platform is, like `https://tracking.example`; the page's own origin when left out. */
  readonly url?: string
  /** A token, or what fetches one; it is asked again before the token expires. */
  readonly token: TokenProvider
  readonly outbox?: OutboxPolicy
}

/** What differs between browsers and Node.js. */
export interface Runtime {
  readonly openSocket: OpenSocket
  readonly openOutbox: OpenOutboxStore
  /** Calls back when the network or the attention is back, or the network is gone. Returns what ends it. */
  watch(onBack: () => void, onGone: () => void): () => void
}

export interface ConnectionState extends FeedState {
  /** Of the connection for sending; who only watches has none. */
  readonly sending: SenderPhase
}

/** What the client itself has to say, beside the channels. */
export interface ClientEvents {
  /** What was missed could not be had; the snapshot that follows brings what is retained up to date. */
  gap: Gap
  /** The stream stands; `isResumed`: with everything that was missed. */
  ready: { readonly isResumed: boolean }
  /** Something was refused: a message, a subscription. */
  refused: ErrorNotice
}

export interface DeviceView {
  readonly deviceId: string
  /** The newest fix; never one that is older than what was told before. */
  readonly fix: LocationUpdate | null
  readonly status: DeviceStatus | null
}

interface Subscription {
  readonly channel: Channel
  readonly wanted: Readonly<Record<string, string | undefined>>
  readonly handler: (message: never) => void
}

type AnyHandler = (message: never) => void
/** More ids than this of one channel, and all of it is asked for: the platform narrows wildcards to what one may see. */
const MAX_IDS = 30
const SEND_WITHIN_MS = 10_000
/** What waits in the outbox when it cannot be sent now. */
const QUEUED: readonly Channel[] = ['location', 'sos']

/** A connection to the platform: hears what happens, exactly once, and sends what one has to say. */
export class RealtimeClient {
  readonly http: HttpApi
  readonly #tokens: TokenSource
  readonly #feed: Feed
  readonly #sender: Sender
  readonly #runtime: Runtime
  readonly #options: RealtimeOptions
  readonly #state: Store<ConnectionState>
  readonly #outboxState: Store<OutboxProgress>
  readonly #subscriptions = new Map<string, Set<Subscription>>()
  readonly #listeners = new Map<keyof ClientEvents, Set<AnyHandler>>()
  #outbox: Promise<Outbox> | null = null
  #openOutbox: Outbox | null = null
  #unwatch: (() => void)[] = []
  #isConnected = false

  constructor(options: RealtimeOptions, runtime: Runtime) {
    const url = (options.url ?? globalThis.location?.origin ?? '').replace(/\/+$/, '')
    if (!/^https?:\/\//.test(url))
      throw new RealtimeError('request_invalid', `url is ${JSON.stringify(url)}; say https://…`)
    this.#options = options
    this.#runtime = runtime
    this.#tokens = new TokenSource(options.token)
    this.http = new HttpApi(url, this.#tokens)
    this.#sender = new Sender(url, this.#tokens, runtime.openSocket)
    this.#feed = new Feed(url, this.#tokens, () => this.#filters(), {
      onMessage: message => this.#dispatch(message),
      onGap: gap => this.#emit('gap', gap),
      onReady: isResumed => this.#emit('ready', { isResumed }),
      onNotice: notice => this.#emit('refused', notice),
    })
    this.#state = createStore({ ...this.#feed.state.get(), sending: this.#sender.phase.get() })
    this.#outboxState = createStore<OutboxProgress>({
      buffered: 0,
      oldestAtMs: null,
      dropped: 0,
      delivered: 0,
      isPersistent: false,
    })
    this.#feed.state.subscribe(() => this.#onFeedState())
    this.#sender.phase.subscribe(() => this.#onSenderPhase())
  }

  get connection(): Readable<ConnectionState> {
    return this.#state
  }

  /** What waits to be sent. */
  get outbox(): Readable<OutboxProgress> {
    return this.#outboxState
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
      this.#unwatch = [
        this.#tokens.keepFresh(token => this.#onFreshToken(token)),
        this.#runtime.watch(
          () => this.#onNetworkBack(),
          () => this.#onNetworkGone(),
        ),
      ]
      const token = await this.#tokens.get().catch(() => null)
      if (!this.#isConnected) return
      this.#feed.start()
      // What was left over from an earlier page is sent without anybody asking.
      if (token !== null)
        void this.#ownOutbox().then(
          () => undefined,
          () => undefined,
        )
    }
    await this.#settled()
  }

  /** Lets go of everything; what waits in the outbox stays there. {@link connect} begins again. */
  async disconnect(): Promise<void> {
    this.#isConnected = false
    for (const end of this.#unwatch) end()
    this.#unwatch = []
    this.#feed.stop()
    this.#sender.stop()
    const outbox = this.#outbox
    this.#outbox = null
    this.#openOutbox = null
    await (await outbox?.catch(() => null))?.close()
  }

  /**
   * Hears a channel of the platform, or of the parts of it that `wanted` names, like `{ deviceId: 'truck-7' }`. What is retained
   * comes first. Returns what ends it.
   */
  on<Name extends Channel>(
    channel: Name,
    handler: (message: Message<Name>) => void,
    wanted?: Partial<ParamsOf<Name>>,
  ): () => void
  /** Hears what the client itself has to say. */
  on<Name extends keyof ClientEvents>(event: Name, handler: (event: ClientEvents[Name]) => void): () => void
  on(name: Channel | keyof ClientEvents, handler: AnyHandler, wanted: object = {}): () => void {
    if (!isChannelName(name)) {
      const listeners = this.#listeners.get(name) ?? new Set()
      this.#listeners.set(name, listeners.add(handler))
      return () => void listeners.delete(handler)
    }
    const subscription: Subscription = { channel: name, wanted: { ...wanted }, handler }
    const all = this.#subscriptions.get(name) ?? new Set()
    this.#subscriptions.set(name, all.add(subscription))
    if (isRetained(name)) queueMicrotask(() => this.#replay(subscription, all))
    this.#feed.filtersChanged()
    return () => {
      all.delete(subscription)
      this.#feed.filtersChanged()
    }
  }

  /** Ends every `on` of this handler. */
  off(name: Channel | keyof ClientEvents, handler: AnyHandler): void {
    if (!isChannelName(name)) return void this.#listeners.get(name)?.delete(handler)
    const all = this.#subscriptions.get(name)
    for (const subscription of all ?? []) if (subscription.handler === handler) all!.delete(subscription)
    this.#feed.filtersChanged()
  }

  /**
   * Sends a message. A position or an SOS is kept until it is acknowledged, also across reloads; anything else is sent now or not at all.
   * Resolves when the platform has acknowledged it.
   * @throws RealtimeError not_connected, connection_lost, queue_full, topic_invalid
   */
  async publish<Name extends Channel>(
    channel: Name,
    params: ParamsOf<Name>,
    payload: NonNullable<Message<Name>['payload']>,
  ): Promise<void> {
    const { org } = await this.#tokens.get()
    const values = params as Readonly<Record<string, string>>
    const topic = topicOf(channel, org, values)
    if (QUEUED.includes(channel)) {
      const { delivered } = await this.#enqueue(channel, values, payload)
      return delivered
    }
    await this.#sender.connected(SEND_WITHIN_MS)
    await this.#sender.publish(topic, payload, CHANNEL_TABLE[channel].qos)
  }

  /** Sends one position. Resolves once it is kept here; `delivered` once the platform has stored it. */
  sendLocation(
    fix: Omit<LocationUpdate, 'deviceId'>,
    deviceId?: string,
  ): Promise<{ readonly sequence: number; readonly delivered: Promise<void> }> {
    return this.#ownDevice(deviceId).then(id => this.#enqueue('location', { deviceId: id }, fix))
  }

  /** Sends where this phone or computer is, as often as movement and battery ask for. */
  startTracking(options: TrackingOptions = {}): TrackingSession {
    return trackPosition(options, fix => this.sendLocation(fix, options.deviceId))
  }

  /** Follows one device: its newest fix and status. Returns what ends it. */
  trackDevice(deviceId: string, onChange: (view: DeviceView) => void): () => void {
    let view: DeviceView = { deviceId, fix: null, status: null }
    const tell = (change: Partial<DeviceView>): void => {
      view = { ...view, ...change }
      onChange(view)
    }
    const onFix = ({ payload }: Message<'last'> | Message<'location'>): void => {
      if (payload !== null && payload.timestamp > (view.fix?.timestamp ?? 0)) tell({ fix: payload })
    }
    const ends = [
      this.on('last', onFix, { deviceId }),
      this.on('location', onFix, { deviceId }),
      this.on('status', ({ payload }) => tell({ status: payload }), { deviceId }),
    ]
    return () => {
      for (const end of ends) end()
    }
  }

  /** Calls for help; `state` follows what becomes of it. Kept until it is stored, and sent before everything else. */
  async triggerSos({ deviceId, message, location, isDrill }: SosOptions = {}): Promise<SosSession> {
    const id = await this.#ownDevice(deviceId)
    const follower = new SosFollower()
    const sosId = randomId()
    const stop = await this.#followSos(id, follower)
    const { delivered } = await this.#enqueue(
      'sos',
      { deviceId: id },
      {
        action: 'trigger',
        id: sosId,
        timestamp: Date.now(),
        ...(location !== undefined && { location }),
        ...(message !== undefined && { message }),
        ...(isDrill === true && { drill: true }),
      },
    )
    const sent = delivered.then(() => follower.sent())
    sent.catch(() => undefined)
    follower.state.subscribe(() => {
      if (follower.isClosed) stop()
    })
    this.#sos.set(sosId, follower)
    return { id: sosId, deviceId: id, state: follower.state, sent }
  }

  /** Takes it back. Resolves when the platform has stored that. */
  async cancelSos({ id, deviceId }: Pick<SosSession, 'id' | 'deviceId'>, message?: string): Promise<void> {
    const { delivered } = await this.#enqueue(
      'sos',
      { deviceId },
      {
        action: 'cancel',
        id,
        timestamp: Date.now(),
        ...(message !== undefined && { message }),
      },
    )
    await delivered
    this.#sos.get(id)?.cancelled()
    this.#sos.delete(id)
  }

  readonly #sos = new Map<string, SosFollower>()

  async #followSos(deviceId: string, follower: SosFollower): Promise<() => void> {
    const { role } = await this.#tokens.get()
    const ends: (() => void)[] = []
    const since = Date.now()
    if (role === 'device' || role === 'driver') {
      ends.push(
        this.on(
          'command',
          ({ payload }) => payload !== null && payload.expiresAt > since && follower.command(payload),
          { deviceId },
        ),
      )
    }
    if (role !== 'device')
      ends.push(this.on('sosNotification', ({ payload }) => payload !== null && follower.hear(payload), { deviceId }))
    return () => {
      for (const end of ends) end()
    }
  }

  async #ownDevice(deviceId: string | undefined): Promise<string> {
    if (deviceId !== undefined) return deviceId
    const { role, sub } = await this.#tokens.get()
    if (role === 'device') return sub
    throw new RealtimeError(
      'request_invalid',
      `say whose position it is with deviceId: the token is of a ${role}, not of a device`,
    )
  }

  async #enqueue(
    channel: Channel,
    params: Readonly<Record<string, string>>,
    payload: unknown,
  ): Promise<{ sequence: number; delivered: Promise<void> }> {
    const outbox = await this.#ownOutbox()
    this.#sender.start()
    return outbox.add(channel, params, payload)
  }

  /** Of the principal of the token: what one has queued is never sent by another. */
  #ownOutbox(): Promise<Outbox> {
    this.#outbox ??= this.#createOutbox().catch(error => {
      this.#outbox = null
      throw error
    })
    return this.#outbox
  }

  async #createOutbox(): Promise<Outbox> {
    const { org, sub } = await this.#tokens.get()
    const name = `${org}:${sub}`
    const [cries, positions] = await Promise.all([
      this.#runtime.openOutbox(`sos:${name}`),
      this.#runtime.openOutbox(name),
    ])
    const deliver = (channel: Channel, params: Readonly<Record<string, string>>, payload: unknown): Promise<void> =>
      this.#sender.publish(topicOf(channel, org, params), payload, 1)
    const outbox = new Outbox({ cries, positions }, deliver, `trackwire-outbox:${name}`, this.#options.outbox)
    outbox.progress.subscribe(() => {
      this.#outboxState.set(outbox.progress.get())
      if (this.#isConnected && outbox.progress.get().buffered > 0) this.#sender.start()
    })
    this.#openOutbox = outbox
    outbox.setOnline(this.#sender.phase.get() === 'online')
    return outbox
  }

  /** Own errors are always heard; of a channel all of it, or the parts that are wanted. */
  #filters(): string[] {
    const { org, sub } = this.#tokens.current ?? { org: '+', sub: '+' }
    const filters = [filterOf('errors', org, { userId: sub })]
    for (const [channel, all] of this.#subscriptions as Map<Channel, Set<Subscription>>) {
      const open = filterOf(channel, org, {})
      const found = new Set([...all].map(({ wanted }) => filterOf(channel, org, wanted)))
      if (found.has(open) || found.size > MAX_IDS) filters.push(open)
      else filters.push(...found)
    }
    return filters
  }

  /** Who comes later is told what is retained, as if it had just come. */
  #replay(subscription: Subscription, all: ReadonlySet<Subscription>): void {
    for (const message of [...this.#feed.retained(subscription.channel)]) {
      if (all.has(subscription) && fits(message.params as never, subscription.wanted)) {
        this.#call(subscription.handler, { ...message, isSnapshot: true })
      }
    }
  }

  #dispatch(message: Message): void {
    if (message.channel === 'errors' && message.payload !== null) this.#emit('refused', message.payload as ErrorNotice)
    for (const { wanted, handler } of [...(this.#subscriptions.get(message.channel) ?? [])]) {
      if (fits(message.params as never, wanted)) this.#call(handler, message)
    }
  }

  #emit<Name extends keyof ClientEvents>(name: Name, event: ClientEvents[Name]): void {
    for (const handler of [...(this.#listeners.get(name) ?? [])]) this.#call(handler, event)
  }

  /** A handler that throws is told to the console, as an event listener would be; the others and the stream go on. */
  #call(handler: AnyHandler, event: unknown): void {
    try {
      handler(event as never)
    } catch (error) {
      queueMicrotask(() => {
        throw error
      })
    }
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
    // What cuts one connection cuts the other; MQTT alone would find out later.
    if (feed.phase === 'offline' && this.#state.get().phase === 'online') this.#sender.interrupt()
    if (feed.phase === 'online') this.#sender.retryNow()
    this.#state.set({ ...feed, sending: this.#sender.phase.get() })
  }

  #onSenderPhase(): void {
    const sending = this.#sender.phase.get()
    this.#openOutbox?.setOnline(sending === 'online')
    this.#state.set(state => ({ ...state, sending }))
  }

  #onFreshToken({ jwt }: Token): void {
    this.#sender.renew(jwt)
    this.#feed.reopen()
  }

  #onNetworkBack(): void {
    this.#feed.retryNow()
    this.#sender.retryNow()
  }

  #onNetworkGone(): void {
    this.#feed.interrupt()
    this.#sender.interrupt()
  }
}

function isChannelName(name: string): name is Channel {
  return Object.hasOwn(CHANNEL_TABLE, name)
}
