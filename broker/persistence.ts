import { Readable } from 'node:stream'
import AsyncLevelPersistence, {
  type StoredPacket,
  type StoredSubscription,
} from 'aedes-persistence-level/asyncPersistence.js'
import type { ClassicLevel } from 'classic-level'
import { matchesFilter } from '../contract/index.ts'

type MaySubscribe = (client: { id: string }, filter: string) => boolean

/**
 * Sessions, queued and retained messages in LevelDB, with three changes to aedes-persistence-level:
 * retained messages are matched in memory (a subscription there reads and decodes every one of them from disk); filters
 * that were refused are not stored with the session (Aedes stores the whole SUBSCRIBE); and an update of a queued message
 * that is no longer queued, as happens when a subscription arrives while it is on its way, does not end the connection.
 */
export class BrokerPersistence extends AsyncLevelPersistence {
  readonly #db: ClassicLevel<string, unknown>
  readonly #retained = new Map<string, StoredPacket>()
  readonly #maySubscribe: MaySubscribe

  constructor(db: ClassicLevel<string, unknown>, maySubscribe: MaySubscribe) {
    super(db)
    this.#db = db
    this.#maySubscribe = maySubscribe
  }

  override async setup(broker: unknown): Promise<void> {
    await this.#db.open()
    for await (const packet of super.createRetainedStream('#') as AsyncIterable<StoredPacket>) {
      this.#retained.set(packet.topic, packet)
    }
    await super.setup(broker)
  }

  override async storeRetained(packet: StoredPacket): Promise<void> {
    if (packet.payload.length === 0) this.#retained.delete(packet.topic)
    else this.#retained.set(packet.topic, packet)
    await super.storeRetained(packet)
  }

  override createRetainedStreamCombi(filters: string[]): Readable {
    return Readable.from(filters.flatMap(filter => this.retainedUnder(filter)))
  }

  override createRetainedStream(filter: string): Readable {
    return Readable.from(this.retainedUnder(filter))
  }

  /** The retained messages that a filter matches. */
  retainedUnder(filter: string): StoredPacket[] {
    if (!/[+#]/.test(filter)) {
      const packet = this.#retained.get(filter)
      return packet === undefined ? [] : [packet]
    }
    return [...this.#retained.values()].filter(packet => matchesFilter(filter, packet.topic))
  }

  get retainedCount(): number {
    return this.#retained.size
  }

  override async addSubscriptions(client: { id: string }, subscriptions: StoredSubscription[]): Promise<void> {
    const granted = subscriptions.filter(({ topic }) => this.#maySubscribe(client, topic))
    if (granted.length > 0) await super.addSubscriptions(client, granted)
  }

  override async outgoingUpdate(client: { id: string }, packet: unknown): Promise<void> {
    try {
      await super.outgoingUpdate(client, packet)
    } catch (error) {
      if ((error as Error).message !== 'no such packet') throw error
    }
  }
}
