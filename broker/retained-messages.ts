import type { StoredPacket } from 'aedes-persistence-level/asyncPersistence.js'
import { matchesFilter } from '../contract/index.ts'

/** A message that may wait is written so soon, where the writing takes no more than a part of the time. */
const SAVE_WITHIN_MS = 100
/** Between two rounds of writing there is so many times the time that the last one took … */
const REST = 30
/** … but no more than this. */
const MOST_REST_MS = 2_000
/** So many are made ready for the disk in one turn of the event loop: nobody's message waits for all of them. */
const SLICE = 16

/** What is retained of a topic; one without payload is deleted, and stays until that is written. */
interface Kept {
  packet: StoredPacket
  /** Not written yet: it is in the row of those that will be. */
  isUnsaved: boolean
}

/**
 * The retained messages, by topic: all of them in memory, where subscriptions are answered from. On disk at once, or, where
 * nobody was promised that they are kept, a moment later, and of those that a topic had meanwhile only the last. What is said by
 * thousands several times a second would have the disk and this thread do little else.
 */
export class RetainedMessages {
  readonly #kept = new Map<string, Kept>()
  /** In the order in which they changed; those that are written by now are passed over. */
  #unsaved: Kept[] = []
  readonly #save: (packet: StoredPacket) => Promise<unknown>
  #timer: NodeJS.Timeout | undefined
  #round: Promise<void> | undefined

  /** @param save writes one; later calls for a topic win over earlier ones */
  constructor(save: (packet: StoredPacket) => Promise<unknown>) {
    this.#save = save
  }

  /** It is, or is being, written by the caller; one without payload deletes. */
  set(packet: StoredPacket): void {
    const before = this.#kept.get(packet.topic)
    if (before !== undefined) before.isUnsaved = false
    if (packet.payload.length === 0) this.#kept.delete(packet.topic)
    else this.#kept.set(packet.topic, { packet, isUnsaved: false })
  }

  /** Retained from now on; written a moment later. */
  setSoon(packet: StoredPacket): void {
    const before = this.#kept.get(packet.topic)
    // Whatever waits to be written gives way without a look at it.
    if (before !== undefined && !before.isUnsaved && isSame(before.packet, packet)) return
    const kept = before ?? { packet, isUnsaved: false }
    kept.packet = { ...packet }
    if (before === undefined) this.#kept.set(packet.topic, kept)
    if (kept.isUnsaved) return
    kept.isUnsaved = true
    this.#unsaved.push(kept)
    if (this.#round === undefined) this.#timer ??= setTimeout(() => this.#begin(), SAVE_WITHIN_MS)
  }

  /** Those that a filter matches. */
  under(filter: string): StoredPacket[] {
    if (!/[+#]/.test(filter)) {
      const packet = this.#kept.get(filter)?.packet
      return packet === undefined || packet.payload.length === 0 ? [] : [packet]
    }
    return [...this.all()].filter(packet => matchesFilter(filter, packet.topic))
  }

  *all(): Iterable<StoredPacket> {
    for (const { packet } of this.#kept.values()) if (packet.payload.length > 0) yield packet
  }

  get size(): number {
    let count = 0
    for (const _ of this.all()) count += 1
    return count
  }

  /** Resolves when all is written. */
  async flush(): Promise<void> {
    await this.#round
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#writeAll()
  }

  #begin(): void {
    this.#timer = undefined
    const beganAt = performance.now()
    this.#round = this.#writeAll().then(() => {
      this.#round = undefined
      if (this.#unsaved.length === 0) return
      const restMs = Math.min(MOST_REST_MS, Math.max(SAVE_WITHIN_MS, REST * (performance.now() - beganAt)))
      this.#timer = setTimeout(() => this.#begin(), restMs)
    })
  }

  /** What was unsaved when it began, slice by slice. */
  async #writeAll(): Promise<void> {
    const unsaved = this.#unsaved
    this.#unsaved = []
    for (let start = 0; start < unsaved.length; start += SLICE) {
      const slice = unsaved.slice(start, start + SLICE).filter(({ isUnsaved }) => isUnsaved)
      // A store that is closing says so to whoever waits for it; here nobody does.
      await Promise.allSettled(slice.map(kept => this.#save(this.#settled(kept))))
    }
  }

  /** As it is written now, with bytes of its own: those it came in hold what else was read with them. */
  #settled(kept: Kept): StoredPacket {
    kept.isUnsaved = false
    kept.packet = { ...kept.packet, payload: Buffer.from(kept.packet.payload) }
    if (kept.packet.payload.length === 0) this.#kept.delete(kept.packet.topic)
    return kept.packet
  }
}

function isSame(before: StoredPacket, packet: StoredPacket): boolean {
  return before.qos === packet.qos && before.payload.equals(packet.payload)
}
