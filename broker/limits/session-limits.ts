import type { ClassicLevel } from 'classic-level'
import type { Logger } from 'pino'
import type { LimitSettings } from '../../contract/index.ts'
import { ownerOf } from '../client-namespace.ts'
import type { Tell } from '../notices.ts'
import type { WriteQueue } from '../write-queue.ts'
import type { LimitMetrics } from './limit-metrics.ts'
import { type QueuedMessage, SessionQueues } from './session-queues.ts'
import { SessionsPerPrincipal } from './sessions-per-principal.ts'

/** What the limits need of the broker's store, which needs them. */
export interface SessionStore {
  readonly db: ClassicLevel<string, unknown>
  readonly writes: WriteQueue
  queued(clientId: string): AsyncIterable<QueuedMessage>
  /** Subscriptions and queue; the next connection begins anew. */
  dropSession(clientId: string): Promise<void>
}

/** How many messages each session gave up, as long as its owner does not know. */
const DROPPED = { gte: 'dropped:', lt: 'dropped;' }

export interface SessionLimitOptions {
  readonly settings: LimitSettings
  readonly isConnected: (clientId: string) => boolean
  readonly metrics: LimitMetrics
  readonly tell: Tell
  readonly logger: Logger
  readonly now: () => number
}

/** How many sessions of a principal are stored, and how much waits for each. */
export class SessionLimits {
  readonly #store: SessionStore
  readonly #options: SessionLimitOptions
  readonly #sessions: SessionsPerPrincipal
  readonly #queues: SessionQueues

  constructor(store: SessionStore, options: SessionLimitOptions) {
    const { settings, metrics, logger, isConnected } = options
    this.#store = store
    this.#options = options
    this.#sessions = new SessionsPerPrincipal(settings.sessionsPerPrincipal, isConnected)
    this.#queues = new SessionQueues({
      mostMessages: settings.queuedMessagesPerSession,
      mostBytes: settings.queuedBytesPerSession,
      store: {
        queued: clientId => store.queued(clientId),
        discard: (clientId, messages) => this.#discard(clientId, messages),
        remember: (clientId, dropped) => this.#remember(clientId, dropped),
      },
      counted: (kind, count) => metrics.queueDrops.inc({ kind }, count),
      failed: error => logger.error({ err: error }, 'a full session queue could not be emptied'),
    })
  }

  /** Counts what an earlier process left. */
  async load(clientIds: Iterable<string>): Promise<void> {
    const dropped = this.#store.db.iterator<string, number>({ ...DROPPED, valueEncoding: 'json' })
    for await (const [key, count] of dropped)
      this.#queues.recall(decodeURIComponent(key.slice(DROPPED.gte.length)), count)
    for (const clientId of clientIds) {
      // When it was left nobody knows any more: before all that are left from now on.
      this.#sessions.add(clientId, Number.NEGATIVE_INFINITY)
      for await (const message of this.#store.queued(clientId)) this.#queues.enqueued(clientId, message)
    }
  }

  enqueued(clientId: string, message: QueuedMessage): void {
    this.#queues.enqueued(clientId, message)
  }

  cleared(clientId: string, message: QueuedMessage): void {
    this.#queues.cleared(clientId, message)
  }

  /** A session holds a subscription, and is stored from now on. Older ones may have to go for it. */
  async stored(clientId: string): Promise<void> {
    for (const oldest of this.#sessions.add(clientId, this.#options.now())) {
      await this.#store.dropSession(oldest)
      this.#options.metrics.sessionsDropped.inc()
      this.#options.logger.info({ session: oldest }, 'a stored session made room for a newer one of its principal')
      const owner = ownerOf(oldest)
      if (owner === null) continue
      const { sessionsPerPrincipal } = this.#options.settings
      this.#options.tell(owner, {
        code: 'session_dropped',
        message: `only ${sessionsPerPrincipal} sessions are stored: the one of client id ${oldest.split('/').slice(2).join('/')} is gone; use the same client id each time, or a clean session`,
        topic: '$session',
      })
    }
  }

  /** The session is stored no more. */
  async ended(clientId: string): Promise<void> {
    this.#sessions.remove(clientId)
    const isToBeTold = this.#queues.droppedOf(clientId) > 0
    this.#queues.forget(clientId)
    if (isToBeTold) await this.#remember(clientId, 0)
  }

  /** Whether its owner has still to be told of messages that were given up. */
  isOwed(clientId: string): boolean {
    return this.#queues.droppedOf(clientId) > 0
  }

  left(clientId: string): void {
    this.#sessions.left(clientId, this.#options.now())
  }

  /** Tells the owner of a session that is taken up what was given up meanwhile. */
  async returned(clientId: string): Promise<void> {
    const dropped = await this.#queues.takeDropped(clientId)
    const owner = ownerOf(clientId)
    if (dropped === 0 || owner === null) return
    this.#options.tell(owner, {
      code: 'queue_overflow',
      message: `${dropped} messages were given up while this session was away, the oldest positions first; ask the history for them`,
      topic: '$session',
      dropped,
    })
  }

  async #discard(clientId: string, messages: readonly QueuedMessage[]): Promise<void> {
    const deletions = messages.flatMap(({ brokerId, brokerCounter, messageId }) => [
      { type: 'del' as const, key: `outgoing:${encodeURIComponent(clientId)}:${brokerId}:${padded(brokerCounter)}` },
      ...(messageId
        ? [{ type: 'del' as const, key: `outgoing-id:${encodeURIComponent(clientId)}:${padded(messageId)}` }]
        : []),
    ])
    await this.#store.writes.batch(deletions)
  }

  #remember(clientId: string, dropped: number): Promise<void> {
    const key = `${DROPPED.gte}${encodeURIComponent(clientId)}`
    return dropped === 0 ? this.#store.writes.del(key) : this.#store.writes.put(key, Buffer.from(String(dropped)))
  }
}

/** As aedes-persistence-level writes them, so that keys sort. */
function padded(id: unknown): string {
  return String(id).padStart(16, '0')
}
