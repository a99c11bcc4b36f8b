import { randomBytes } from 'node:crypto'
import { type ChannelName, type Principal, parseTopic, TrackwireError } from '../../contract/index.ts'
import { EventStream, type StreamRequest } from './event-stream.ts'
import { messageFrame } from './frame.ts'
import { Ring, type RingBounds } from './ring.ts'

/** A message as its subscribers get it. */
export interface ObservedMessage {
  readonly topic: string
  readonly payload: Uint8Array
}

/** The messages of the broker, as it gives them out. */
export interface LiveMessages {
  observe(listener: (message: ObservedMessage) => void): () => void
  retained(filter: string): readonly ObservedMessage[]
}

/** What principals may do now, and who of them may do something else since just now. */
export interface StreamRights {
  current(issued: Principal): Principal
  onChange(listener: (change: { org: string | null; sub: string | null }) => void): () => void
}

export interface FeedsOptions {
  readonly live: LiveMessages
  readonly rights: StreamRights
  readonly now?: (() => number) | undefined
  readonly bounds?: RingBounds | undefined
}

/** Event streams of one principal at once. */
const MAX_STREAMS = 10
const BOUNDS: RingBounds = { entries: 50_000, characters: 33_554_432 }
/** So long after its last stream ended, what an organisation's clients missed is still kept. */
const KEPT_MS = 300_000
const LOOK_EVERY_MS = 1_000
/** A token that has expired by a little is admitted, since clocks differ; it is good for that little. */
const CLOCK_LEEWAY_MS = 30_000
const POSITIONS: ReadonlySet<ChannelName> = new Set(['location', 'last'])

interface Feed {
  /** Of this ring; another one has another. */
  readonly epoch: string
  readonly ring: Ring
  readonly streams: Set<EventStream>
  isWaking: boolean
  emptyAtMs: number
}

/** The rings of the organisations that have event streams. While there are none, nobody listens to the broker. */
export class Feeds {
  readonly #options: FeedsOptions
  readonly #now: () => number
  readonly #feeds = new Map<string, Feed>()
  readonly #stopRights: () => void
  #stopObserving: (() => void) | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(options: FeedsOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
    this.#stopRights = options.rights.onChange(change => this.#reassess(change))
  }

  /**
   * Opens a stream for whom the principal stands for.
   * @throws TrackwireError stream_limit
   */
  open(principal: Principal, request: Omit<StreamRequest, 'endsAtMs' | 'retained'>): EventStream {
    const feed = this.#feedOf(principal.org)
    if ([...feed.streams].filter(({ sub }) => sub === principal.sub).length >= MAX_STREAMS) {
      throw new TrackwireError(
        'stream_limit',
        `a principal holds at most ${MAX_STREAMS} event streams; close one of them`,
      )
    }
    const { expiresAtMs } = principal
    const stream = new EventStream(feed.ring, feed.epoch, principal, {
      ...request,
      endsAtMs: expiresAtMs > this.#now() ? expiresAtMs : expiresAtMs + CLOCK_LEEWAY_MS,
      retained: filter => this.#options.live.retained(filter),
    })
    feed.streams.add(stream)
    stream.once('close', () => {
      feed.streams.delete(stream)
      feed.emptyAtMs = this.#now()
    })
    return stream
  }

  /** Ends all streams; their clients come back and find another ring. */
  close(): void {
    this.#stopRights()
    this.#stop()
    for (const { streams } of this.#feeds.values()) for (const stream of streams) stream.finish()
    this.#feeds.clear()
  }

  #feedOf(org: string): Feed {
    let feed = this.#feeds.get(org)
    if (feed === undefined) {
      const ring = new Ring(this.#options.bounds ?? BOUNDS)
      const epoch = randomBytes(8).toString('hex')
      feed = { epoch, ring, streams: new Set(), isWaking: false, emptyAtMs: this.#now() }
      this.#feeds.set(org, feed)
    }
    this.#stopObserving ??= this.#options.live.observe(message => this.#take(message))
    this.#timer ??= setInterval(() => this.#look(), LOOK_EVERY_MS).unref()
    return feed
  }

  #take({ topic, payload }: ObservedMessage): void {
    const feed = this.#feeds.get(topic.slice(0, topic.indexOf('/')))
    const channel = feed && parseTopic(topic)?.channel
    if (feed === undefined || channel === undefined) return
    feed.ring.append({ topic, frame: messageFrame(channel, topic, payload), isPosition: POSITIONS.has(channel) })
    if (feed.isWaking) return
    feed.isWaking = true
    // The subscribers of the broker come first.
    setImmediate(() => {
      feed.isWaking = false
      for (const stream of feed.streams) stream.wake()
    })
  }

  #reassess({ org, sub }: { org: string | null; sub: string | null }): void {
    const feeds = org === null ? [...this.#feeds.values()] : [this.#feeds.get(org)]
    for (const stream of feeds.flatMap(feed => [...(feed?.streams ?? [])])) {
      if (sub === null || stream.sub === sub) stream.reassess()
    }
  }

  #look(): void {
    const nowMs = this.#now()
    for (const [org, { streams, emptyAtMs }] of this.#feeds) {
      for (const stream of streams) {
        if (stream.endsAtMs <= nowMs) {
          stream.finish({ code: 'token_expired', message: 'the token has expired; connect again with a new one' })
        } else {
          stream.keepAlive()
        }
      }
      if (streams.size === 0 && nowMs - emptyAtMs > KEPT_MS) this.#feeds.delete(org)
    }
    if (this.#feeds.size === 0) this.#stop()
  }

  #stop(): void {
    this.#stopObserving?.()
    this.#stopObserving = undefined
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
