import type { ErrorNotice } from '../../contract/index.ts'
import { backOffMs, Pause } from './back-off.ts'
import { type Channel, isChannel, isRetained, type Message, paramsOf } from './channels.ts'
import { isTokenFault, RealtimeError } from './errors.ts'
import { readStream, SILENCE_LIMIT_MS, type StreamEvent } from './event-stream.ts'
import { createStore, type Store } from './store.ts'
import type { TokenSource } from './token.ts'

export interface FeedState {
  /** `online`: everything up to now has arrived, and what happens arrives as it happens. */
  readonly phase: 'idle' | 'connecting' | 'online' | 'offline'
  /** When the phase began, milliseconds. */
  readonly sinceMs: number
  /** When the next try starts, while offline; null when it runs, or when there will be none. */
  readonly retryAtMs: number | null
  readonly error: RealtimeError | null
  /** Filters that one may not read. */
  readonly refused: readonly string[]
}

/** What was missed could not be had any more; what is retained was read anew. */
export interface Gap {
  /** When the last sign of life came before it. */
  readonly sinceMs: number
  readonly message: string
}

export interface FeedEvents {
  onMessage(message: Message): void
  /** Before the snapshot that mends it. */
  onGap(gap: Gap): void
  onReady(isResumed: boolean): void
  onNotice(notice: ErrorNotice): void
}

/** A stream that stood for so long was no accident: the next back-off begins anew. */
const STABLE_MS = 1_000
/** As many as the platform takes in one request. */
export const MAX_FILTERS = 100
const ADDED_WITHIN_MS = 10
const REMOVED_WITHIN_MS = 1_000
/** Not an error: the stream is opened anew, with other filters or another token. */
const REOPEN = new RealtimeError('connection_lost', 'the stream is opened anew')

/** Follows topic filters over event streams, one after another, so that every message arrives once. */
export class Feed {
  readonly state: Store<FeedState> = createStore<FeedState>({
    phase: 'idle',
    sinceMs: Date.now(),
    retryAtMs: null,
    error: null,
    refused: [],
  })
  readonly #url: string
  readonly #tokens: TokenSource
  readonly #events: FeedEvents
  readonly #wanted: () => readonly string[]
  /** The filters of which everything up to `#lastEventId` has arrived. */
  #held: readonly string[] = []
  #lastEventId: string | null = null
  /** What is retained now under the filters: topic → its last message. */
  readonly #retained = new Map<string, Message>()
  #running: AbortController | null = null
  #stream: AbortController | null = null
  readonly #pause = new Pause()
  #changeTimer: ReturnType<typeof setTimeout> | undefined
  #changeDueMs = Number.POSITIVE_INFINITY
  #heardAtMs = Date.now()

  constructor(url: string, tokens: TokenSource, wanted: () => readonly string[], events: FeedEvents) {
    this.#url = url
    this.#tokens = tokens
    this.#wanted = wanted
    this.#events = events
  }

  /** When anything last arrived, if only a sign of life. */
  get heardAtMs(): number {
    return this.#heardAtMs
  }

  /** What is retained of a channel, as it is known now. */
  *retained(channel: Channel): Generator<Message> {
    for (const message of this.#retained.values()) if (message.channel === channel) yield message
  }

  start(): void {
    if (this.#running !== null) return
    this.#running = new AbortController()
    this.#enter('connecting')
    void this.#run(this.#running.signal)
  }

  stop(): void {
    this.#running?.abort(REOPEN)
    this.#running = null
    clearTimeout(this.#changeTimer)
    this.#changeDueMs = Number.POSITIVE_INFINITY
    this.#pause.end()
    this.#enter('idle')
  }

  /** The wanted filters may be others. What is new is followed at once; what is not wanted any more can wait. */
  filtersChanged(): void {
    if (this.#running === null) return
    const wanted = this.#wanted()
    const isAdded = wanted.some(filter => !this.#held.includes(filter))
    if (!isAdded && wanted.length === this.#held.length) return
    const dueMs = Date.now() + (isAdded ? ADDED_WITHIN_MS : REMOVED_WITHIN_MS)
    if (dueMs >= this.#changeDueMs) return
    clearTimeout(this.#changeTimer)
    this.#changeDueMs = dueMs
    this.#changeTimer = setTimeout(() => {
      this.#changeDueMs = Number.POSITIVE_INFINITY
      this.reopen()
    }, dueMs - Date.now())
  }

  /** Goes on with another connection, where this one left off. */
  reopen(): void {
    this.#stream?.abort(REOPEN)
    this.#pause.end()
  }

  /** Somebody is looking, or the network is back: no waiting, no dead connection. */
  retryNow(): void {
    if (this.#pause.isOn) this.#pause.end()
    else if (Date.now() - this.#heardAtMs > SILENCE_LIMIT_MS) this.reopen()
  }

  /** The network says that it is gone. */
  interrupt(): void {
    this.#stream?.abort(new RealtimeError('connection_lost', 'the network is gone'))
  }

  async #run(stopped: AbortSignal): Promise<void> {
    let attempt = 0
    let lostAtMs = Date.now()
    while (!stopped.aborted) {
      const stream = new AbortController()
      this.#stream = stream
      let readyAtMs = Number.POSITIVE_INFINITY
      try {
        const token = await this.#tokens.get()
        if (stopped.aborted) return
        const wanted = this.#wanted()
        // What is held already stays in the question until the answer is there: only so it is known to be no news.
        const all = [...new Set([...wanted, ...(this.#lastEventId === null ? [] : this.#held)])].slice(0, MAX_FILTERS)
        const filters = all.length > 0 ? all : wanted
        const reading = new Reading(filters, this.#heardAtMs)
        await readStream(
          {
            url: this.#url,
            jwt: token.jwt,
            filters,
            freshFilters: filters.filter(filter => !this.#held.includes(filter)),
            lastEventId: this.#lastEventId,
            signal: AbortSignal.any([stream.signal, stopped]),
          },
          event => {
            if (stopped.aborted || stream.signal.aborted) return
            if (event.name === 'ready') readyAtMs = Date.now()
            this.#take(event, reading)
          },
          () => {
            this.#heardAtMs = Date.now()
          },
        )
      } catch (caught) {
        if (stopped.aborted) return
        if (caught === REOPEN) continue
        const error =
          caught instanceof RealtimeError ? caught : new RealtimeError('unreachable', String(caught), { cause: caught })
        if (isTokenFault(error)) {
          this.#tokens.forget()
          // A fixed token that was refused once is refused for ever.
          if (!this.#tokens.isRenewable) return this.#enter('offline', { error })
        }
        if (Date.now() - readyAtMs >= STABLE_MS) attempt = 0
        if (this.state.get().phase === 'online') lostAtMs = Date.now()
        const waitMs = backOffMs(attempt++, Date.now() - lostAtMs, Math.random())
        this.#enter('offline', { error, retryAtMs: Date.now() + waitMs })
        await this.#pause.last(waitMs)
        if (!stopped.aborted) this.#enter('offline', { error })
      }
    }
  }

  #take({ name, data, id }: StreamEvent, reading: Reading): void {
    const body = JSON.parse(data) as { topic: string; payload: unknown } & ErrorNotice & { resumed: boolean }
    if (name === 'gap') this.#events.onGap({ sinceMs: reading.heardBeforeMs, message: body.message })
    else if (name === 'error') this.#onNotice(body)
    else if (name === 'ready') this.#onReady(body.resumed, reading)
    else if (isChannel(name)) {
      reading.topics?.add(body.topic)
      const params = paramsOf(name, body.topic)
      this.#give({
        channel: name,
        topic: body.topic,
        params,
        payload: body.payload,
        isSnapshot: reading.topics !== null,
      } as Message)
    }
    if (id !== undefined) this.#lastEventId = id
  }

  #onNotice(notice: ErrorNotice): void {
    if (notice.code === 'subscribe_forbidden') {
      this.state.set(state => ({ ...state, refused: [...new Set([...state.refused, notice.topic])] }))
    }
    this.#events.onNotice(notice)
    if (notice.code.startsWith('token_') || notice.code === 'principal_banned') {
      this.#stream?.abort(new RealtimeError(notice.code, notice.message))
    }
  }

  #onReady(isResumed: boolean, reading: Reading): void {
    // After a gap, what was retained and is not any more went away unheard.
    if (!isResumed) {
      for (const message of this.#retained.values()) {
        if (!reading.topics?.has(message.topic)) this.#give({ ...message, payload: null, isSnapshot: true } as Message)
      }
    }
    reading.topics = null
    this.#held = reading.filters
    this.#heardAtMs = Date.now()
    this.#enter('online')
    this.#events.onReady(isResumed)
    this.filtersChanged()
  }

  #give(message: Message): void {
    if (isRetained(message.channel)) {
      if (message.payload === null) this.#retained.delete(message.topic)
      else this.#retained.set(message.topic, message)
    }
    this.#events.onMessage(message)
  }

  #enter(phase: FeedState['phase'], { error = null, retryAtMs = null }: Partial<FeedState> = {}): void {
    this.state.set(state => ({
      phase,
      sinceMs: state.phase === phase ? state.sinceMs : Date.now(),
      error,
      retryAtMs,
      refused: state.refused,
    }))
  }
}

/** One stream, and until it is ready the topics that it told so far. */
class Reading {
  readonly filters: readonly string[]
  /** When the last sign of life came before it. */
  readonly heardBeforeMs: number
  topics: Set<string> | null = new Set()

  constructor(filters: readonly string[], heardBeforeMs: number) {
    this.filters = filters
    this.heardBeforeMs = heardBeforeMs
  }
}
