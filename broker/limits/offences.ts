/** Refusals that are further apart than this are not one flood. */
const PAUSE_MS = 5_000
/** Who is over the limit for so long without a pause, and sends on, is disconnected. */
const MOST_MS = 30_000
/** Or who has had so many seconds' worth of messages dropped at once. */
const MOST_DROPPED_SECONDS = 10
const FIRST_SWEEP = 1_024

interface Offence {
  readonly sinceMs: number
  lastMs: number
  dropped: number
  /** The most that this one ever had waiting. */
  mostHeld: number
}

/** Remembers who is over its limit, and says when it is enough. */
export class Offences {
  readonly #byOwner = new Map<string, Offence>()
  readonly #now: () => number
  readonly #most: number
  #sweepAt = FIRST_SWEEP

  /** @param messagesPerSecond what is allowed, or null */
  constructor(messagesPerSecond: number | null, now: () => number) {
    this.#most = MOST_DROPPED_SECONDS * (messagesPerSecond ?? 100)
    this.#now = now
  }

  /** A message was dropped. @returns whether the sender has to go */
  dropped(owner: string): boolean {
    const offence = this.#of(owner)
    offence.dropped += 1
    return this.#ends(owner, offence.dropped > this.#most || this.#lasts(offence))
  }

  /**
   * A message was put off, with so many before it. Someone who empties what piled up while it was offline, or who waits for its
   * acknowledgements, is slowed by that alone; who goes on faster than the limit piles up more and more.
   * @returns whether the sender has to go
   */
  held(owner: string, waiting: number): boolean {
    const offence = this.#of(owner)
    const grows = waiting >= offence.mostHeld
    offence.mostHeld = Math.max(offence.mostHeld, waiting)
    return this.#ends(owner, grows && waiting > this.#most && this.#lasts(offence))
  }

  /** Whether the owner has no offence under way: the next one is the first of a flood. */
  isFirst(owner: string): boolean {
    const offence = this.#byOwner.get(owner)
    return offence === undefined || this.#now() - offence.lastMs > PAUSE_MS
  }

  #lasts({ sinceMs }: Offence): boolean {
    return this.#now() - sinceMs >= MOST_MS
  }

  #ends(owner: string, ends: boolean): boolean {
    // Its next connection begins anew.
    if (ends) this.#byOwner.delete(owner)
    return ends
  }

  #of(owner: string): Offence {
    const nowMs = this.#now()
    let offence = this.#byOwner.get(owner)
    if (offence === undefined || nowMs - offence.lastMs > PAUSE_MS) {
      if (this.#byOwner.size >= this.#sweepAt) this.#sweep(nowMs)
      offence = { sinceMs: nowMs, lastMs: nowMs, dropped: 0, mostHeld: 0 }
      this.#byOwner.set(owner, offence)
    }
    offence.lastMs = nowMs
    return offence
  }

  #sweep(nowMs: number): void {
    for (const [owner, { lastMs }] of this.#byOwner) if (nowMs - lastMs > PAUSE_MS) this.#byOwner.delete(owner)
    this.#sweepAt = Math.max(FIRST_SWEEP, 2 * this.#byOwner.size)
  }
}
