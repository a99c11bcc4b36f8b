import type { StoredPacket } from 'aedes-persistence-level/asyncPersistence.js'
import { matchesFilter } from '../contract/index.ts'

/** A message that may wait is written so soon, where the writing takes no more than a part of the time. */
const SAVE_WITHIN_MS = 100
/** Between two rounds of writing there is so many times the time that the last one took … */
const REST = 10
/** … but no more than this. */
const MOST_REST_MS = 2_000
/** So many are made ready for the disk in one turn of the event loop: nobody's message waits for all of them. */
const SLICE = 32

/**
 * The retained messages, by topic: all of them in memory, where subscriptions are answered from. On disk at once, or, where
 * nobody was promised that they are kept, a moment later, and of those that a topic had meanwhile only the last. What is said by
 * thousands several times a second would have the disk and this thread do little else.
 */
export class RetainedMessages {
  readonly #packets = new Map<string, StoredPacket>()
  /** Not written yet. */
  readonly #unsaved = new Map<string, StoredPacket>()
  readonly #save: (packet: StoredPacket) => Promise<unknown>
  #timer: NodeJS.Timeout | undefined
  #round: Promise<void> | undefined

  /** @param save writes one; later calls for a topic win over earlier ones */
  constructor(save: (packet: StoredPacket) => Promise<unknown>) {
    this.#save = save
  }

  /** It is, or is being, written by the caller; one without payload deletes. */
  set(packet: StoredPacket): void {
    this.#unsaved.delete(packet.topic)
    this.#keep(packet)
  }

  /** Retained from now on; written a moment later. */
  setSoon(packet: StoredPacket): void {
    const before = this.#packets.get(packet.topic)
    // The same again leaves nothing to write.
    if (before !== undefined && before.qos === packet.qos && before.payload.equals(packet.payload)) return
    // Its payload is a part of what was read from the socket, all of which it would keep in memory.
    const own = { ...packet, payload: Buffer.from(packet.payload) }
    this.#keep(own)
    this.#unsaved.set(packet.topic, own)
    if (this.#round === undefined) this.#timer ??= setTimeout(() => this.#begin(), SAVE_WITHIN_MS)
  }

  /** Those that a filter matches. */
  under(filter: string): StoredPacket[] {
    if (!/[+#]/.test(filter)) {
      const packet = this.#packets.get(filter)
      return packet === undefined ? [] : [packet]
    }
    return [...this.#packets.values()].filter(packet => matchesFilter(filter, packet.topic))
  }

  all(): Iterable<StoredPacket> {
    return this.#packets.values()
  }

  get size(): number {
    return this.#packets.size
  }

  /** Resolves when all is written. */
  async flush(): Promise<void> {
    await this.#round
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#writeAll()
  }

  #keep(packet: StoredPacket): void {
    if (packet.payload.length === 0) this.#packets.delete(packet.topic)
    else this.#packets.set(packet.topic, packet)
  }

  #begin(): void {
    this.#timer = undefined
    const beganAt = performance.now()
    this.#round = this.#writeAll().then(() => {
      this.#round = undefined
      if (this.#unsaved.size === 0) return
      const restMs = Math.min(MOST_REST_MS, Math.max(SAVE_WITHIN_MS, REST * (performance.now() - beganAt)))
      this.#timer = setTimeout(() => this.#begin(), restMs)
    })
  }

  /** What was unsaved when it began, slice by slice. */
  async #writeAll(): Promise<void> {
    for (let left = this.#unsaved.size; left > 0; left -= SLICE) {
      const slice: StoredPacket[] = []
      for (const [topic, packet] of this.#unsaved) {
        slice.push(packet)
        this.#unsaved.delete(topic)
        if (slice.length === SLICE) break
      }
      // A store that is closing says so to whoever waits for it; here nobody does.
      await Promise.allSettled(slice.map(packet => this.#save(packet)))
    }
  }
}
