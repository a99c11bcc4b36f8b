import { CHANNEL_TABLE } from './channel-table.ts'
import { type Channel, topicOf } from './channels.ts'
import { RealtimeError } from './errors.ts'
import type { RealtimeOptions, Runtime } from './options.ts'
import { Outbox, type OutboxProgress } from './outbox.ts'
import { Sender } from './sender.ts'
import { createStore, type Store } from './store.ts'
import type { TokenSource } from './token.ts'

export interface Queued {
  readonly sequence: number
  /** Resolves when the platform has acknowledged it. */
  readonly delivered: Promise<void>
}

type Params = Readonly<Record<string, string>>

const SEND_WITHIN_MS = 10_000
/** What waits in the outbox when it cannot be sent now. */
const QUEUED: readonly Channel[] = ['location', 'sos']

/** What leaves this client: the connection for it, and the outbox of whoever the token belongs to. */
export class Outgoing {
  readonly progress: Store<OutboxProgress> = createStore<OutboxProgress>({
    buffered: 0,
    oldestAtMs: null,
    dropped: 0,
    delivered: 0,
    isPersistent: false,
  })
  readonly sender: Sender
  readonly #tokens: TokenSource
  readonly #runtime: Runtime
  readonly #options: RealtimeOptions
  #opening: Promise<Outbox> | null = null
  #outbox: Outbox | null = null
  #isConnected = false

  constructor(url: string, tokens: TokenSource, runtime: Runtime, options: RealtimeOptions) {
    this.#tokens = tokens
    this.#runtime = runtime
    this.#options = options
    this.sender = new Sender(url, tokens, runtime.openSocket)
    this.sender.phase.subscribe(() => this.#outbox?.setOnline(this.sender.phase.get() === 'online'))
  }

  /** What was left over by an earlier page is sent without anybody asking; with nothing to send there is no connection. */
  start(): void {
    this.#isConnected = true
    this.#open().catch(() => undefined)
  }

  async stop(): Promise<void> {
    this.#isConnected = false
    this.sender.stop()
    const opening = this.#opening
    this.#opening = null
    this.#outbox = null
    await (await opening?.catch(() => null))?.close()
  }

  /** @throws RealtimeError queue_full */
  async enqueue(channel: Channel, params: Params, payload: unknown): Promise<Queued> {
    const outbox = await this.#open()
    if (this.#isConnected) this.sender.start()
    return outbox.add(channel, params, payload)
  }

  /** @throws RealtimeError not_connected, connection_lost, queue_full, topic_invalid */
  async publish(channel: Channel, params: Params, payload: unknown): Promise<void> {
    const { org } = await this.#tokens.get()
    const topic = topicOf(channel, org, params)
    if (QUEUED.includes(channel)) return (await this.enqueue(channel, params, payload)).delivered
    if (!this.#isConnected) throw new RealtimeError('not_connected', 'connect first')
    await this.sender.connected(SEND_WITHIN_MS)
    await this.sender.publish(topic, payload, CHANNEL_TABLE[channel].qos)
  }

  #open(): Promise<Outbox> {
    this.#opening ??= this.#create().catch(error => {
      this.#opening = null
      throw error
    })
    return this.#opening
  }

  /** Of the principal of the token: what one has queued is never sent by another. */
  async #create(): Promise<Outbox> {
    const { org, sub } = await this.#tokens.get()
    const name = `${org}:${sub}`
    const [cries, positions] = await Promise.all([
      this.#runtime.openOutbox(`sos:${name}`),
      this.#runtime.openOutbox(name),
    ])
    const deliver = (channel: Channel, params: Params, payload: unknown): Promise<void> =>
      this.sender.publish(topicOf(channel, org, params), payload, 1)
    const outbox = new Outbox({ cries, positions }, deliver, `trackwire-outbox:${name}`, this.#options.outbox)
    outbox.progress.subscribe(() => {
      this.progress.set(outbox.progress.get())
      if (this.#isConnected && outbox.progress.get().buffered > 0) this.sender.start()
    })
    this.#outbox = outbox
    outbox.setOnline(this.sender.phase.get() === 'online')
    return outbox
  }
}
