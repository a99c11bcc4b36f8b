/** A message of an organisation, kept for those who come back. */
export interface Entry {
  readonly topic: string
  /** Everything but its id. */
  readonly frame: string
  /** Of one position, a newer one is as good: a stream that is far behind is sent the newest alone. */
  readonly isPosition: boolean
}

export interface RingBounds {
  readonly entries: number
  readonly characters: number
}

/** The newest messages of one organisation, numbered from 1 without a hole; the oldest make room. */
export class Ring {
  readonly #bounds: RingBounds
  /** Of the newest position under each topic. */
  readonly #newestPosition = new Map<string, number>()
  #entries: Entry[] = []
  /** How many of `#entries` are gone already. */
  #gone = 0
  #firstOffset = 1
  #characters = 0

  constructor(bounds: RingBounds) {
    this.#bounds = bounds
  }

  /** The number of the newest message; 0 before the first one. */
  get newest(): number {
    return this.#firstOffset + this.#entries.length - this.#gone - 1
  }

  append(entry: Entry): void {
    this.#entries.push(entry)
    this.#characters += entry.frame.length
    if (entry.isPosition) this.#newestPosition.set(entry.topic, this.newest)
    while (this.#entries.length - this.#gone > this.#bounds.entries || this.#characters > this.#bounds.characters) {
      this.#dropOldest()
    }
  }

  /** The message of that number; undefined when it made room, or has not come yet. */
  at(offset: number): Entry | undefined {
    return offset < this.#firstOffset ? undefined : this.#entries[this.#gone + offset - this.#firstOffset]
  }

  /** Whether everything after that number is still here. */
  reaches(offset: number): boolean {
    return offset >= this.#firstOffset - 1 && offset <= this.newest
  }

  /** Whether a newer position has come under the topic of this one. */
  isSuperseded({ isPosition, topic }: Entry, offset: number): boolean {
    return isPosition && this.#newestPosition.get(topic) !== offset
  }

  #dropOldest(): void {
    const { topic, frame } = this.#entries[this.#gone]!
    if (this.#newestPosition.get(topic) === this.#firstOffset) this.#newestPosition.delete(topic)
    this.#characters -= frame.length
    this.#firstOffset += 1
    this.#gone += 1
    if (this.#gone * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#gone)
      this.#gone = 0
    }
  }
}
