import { type ChannelName, parseTopic } from '../../contract/index.ts'

/** What is queued for a session, as far as its room and its place are concerned. */
export interface QueuedMessage {
  /** Left out of a message of QoS 2 that the client has received: its PUBREL is stored in place of it. */
  readonly topic?: string
  readonly payload?: Uint8Array
  readonly brokerId?: unknown
  readonly brokerCounter?: unknown
  readonly messageId?: unknown
}

/** The store behind the queues. */
export interface QueueStore {
  /** In the order in which they were queued. */
  queued(clientId: string): AsyncIterable<QueuedMessage>
  discard(clientId: string, messages: readonly QueuedMessage[]): Promise<void>
  /** Keeps how many were given up, for the session's owner. */
  remember(clientId: string, dropped: number): Promise<void>
}

export type MessageKind = 'position' | 'notification' | 'sos'

/** In this order they are given up, the oldest first: where something was hours ago matters least, and history has it. */
const KINDS: readonly MessageKind[] = ['position', 'notification', 'sos']
const POSITIONS: ReadonlySet<ChannelName> = new Set(['location', 'locationBatch', 'last', 'status'])
const SOS: ReadonlySet<ChannelName> = new Set(['sos', 'sosNotification', 'sosOpen', 'sosAnswer'])

/** A full queue is emptied to this share: reading all of it for every message would cost more than the message. */
const EMPTY_TO = 0.9
/** What a stored message takes beside topic and payload. */
const STORED_BYTES = 160

interface Queue {
  messages: number
  bytes: number
  /** Given up since the owner was last told. */
  dropped: number
  isEmptying: boolean
}

/** Counts what waits for each stored session, and gives up what is too much. */
export class SessionQueues {
  readonly #queues = new Map<string, Queue>()
  readonly #mostMessages: number
  readonly #mostBytes: number
  readonly #store: QueueStore
  readonly #counted: (kind: MessageKind, count: number) => void
  readonly #failed: (error: unknown) => void

  constructor(options: {
    mostMessages: number | null
    mostBytes: number | null
    store: QueueStore
    /** Told of what is given up. */
    counted: (kind: MessageKind, count: number) => void
    failed: (error: unknown) => void
  }) {
    this.#mostMessages = options.mostMessages ?? Number.POSITIVE_INFINITY
    this.#mostBytes = options.mostBytes ?? Number.POSITIVE_INFINITY
    this.#store = options.store
    this.#counted = options.counted
    this.#failed = options.failed
  }

  enqueued(clientId: string, message: QueuedMessage): void {
    const queue = this.#of(clientId)
    queue.messages += 1
    queue.bytes += bytesOf(message)
    this.#keepWithin(clientId, queue)
  }

  #keepWithin(clientId: string, queue: Queue): void {
    if (queue.isEmptying || (queue.messages <= this.#mostMessages && queue.bytes <= this.#mostBytes)) return
    queue.isEmptying = true
    this.#empty(clientId, queue).then(
      () => {
        queue.isEmptying = false
        // Of what came meanwhile.
        this.#keepWithin(clientId, queue)
      },
      error => {
        queue.isEmptying = false
        this.#failed(error)
      },
    )
  }

  cleared(clientId: string, message: QueuedMessage): void {
    const queue = this.#queues.get(clientId)
    if (queue === undefined) return
    queue.messages -= 1
    queue.bytes -= bytesOf(message)
    if (queue.messages <= 0 && queue.dropped === 0 && !queue.isEmptying) this.#queues.delete(clientId)
  }

  /** After a start: how many were given up before it. */
  recall(clientId: string, dropped: number): void {
    this.#of(clientId).dropped = dropped
  }

  droppedOf(clientId: string): number {
    return this.#queues.get(clientId)?.dropped ?? 0
  }

  /** How many were given up since this was asked last; the session's owner is told now. */
  async takeDropped(clientId: string): Promise<number> {
    const queue = this.#queues.get(clientId)
    if (queue === undefined || queue.dropped === 0) return 0
    const { dropped } = queue
    queue.dropped = 0
    await this.#store.remember(clientId, 0)
    return dropped
  }

  forget(clientId: string): void {
    this.#queues.delete(clientId)
  }

  async #empty(clientId: string, queue: Queue): Promise<void> {
    const byKind: Record<MessageKind, QueuedMessage[]> = { position: [], notification: [], sos: [] }
    let messages = 0
    let bytes = 0
    for await (const message of this.#store.queued(clientId)) {
      const { topic, brokerId, brokerCounter, messageId, payload } = message
      messages += 1
      bytes += bytesOf(message)
      if (topic === undefined || payload === undefined) continue
      // The payload itself is not kept: a full queue is many megabytes.
      const size = { length: payload.length } as Uint8Array
      byKind[kindOf(topic)].push({ topic, brokerId, brokerCounter, messageId, payload: size })
    }
    const given: QueuedMessage[] = []
    for (const kind of KINDS) {
      let count = 0
      for (const message of byKind[kind]) {
        if (messages <= EMPTY_TO * this.#mostMessages && bytes <= EMPTY_TO * this.#mostBytes) break
        given.push(message)
        messages -= 1
        bytes -= bytesOf(message)
        count += 1
      }
      if (count > 0) this.#counted(kind, count)
    }
    // What came meanwhile, or was not written yet, is counted and was not found. But when there was nothing to give up, the count was off.
    if (given.length === 0) Object.assign(queue, { messages, bytes })
    for (const message of given) {
      queue.messages -= 1
      queue.bytes -= bytesOf(message)
    }
    queue.dropped += given.length
    await this.#store.discard(clientId, given)
    await this.#store.remember(clientId, queue.dropped)
  }

  #of(clientId: string): Queue {
    let queue = this.#queues.get(clientId)
    if (queue === undefined) {
      queue = { messages: 0, bytes: 0, dropped: 0, isEmptying: false }
      this.#queues.set(clientId, queue)
    }
    return queue
  }
}

function kindOf(topic: string): MessageKind {
  const channel = parseTopic(topic)?.channel
  if (channel === undefined || SOS.has(channel)) return 'sos'
  return POSITIONS.has(channel) ? 'position' : 'notification'
}

function bytesOf({ topic, payload }: QueuedMessage): number {
  return (topic?.length ?? 0) + (payload?.length ?? 0) + STORED_BYTES
}
