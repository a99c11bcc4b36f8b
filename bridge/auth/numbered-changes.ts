/** A transaction that is open for longer after it took its number is not waited for. */
const PATIENCE_MS = 5 * 60_000

/**
 * Tells what is new in a table whose rows are numbered before they are committed: a row may turn up below ones that were
 * read already. Numbers that are missing are looked for again until they must have been rolled back.
 */
export class NumberedChanges {
  #settled: number
  /** Those taken beyond, in the order in which they were taken, and when. */
  readonly #taken = new Map<number, number>()

  /** @param settled everything up to this number is known */
  constructor(settled: number) {
    this.#settled = settled
  }

  /** Read from the number after this one on. */
  get settled(): number {
    return this.#settled
  }

  isNew(seq: number): boolean {
    return seq > this.#settled && !this.#taken.has(seq)
  }

  /** These are known from now on. */
  take(seqs: Iterable<number>, nowMs: number): void {
    for (const seq of seqs) this.#taken.set(seq, nowMs)
    for (const [seq, takenAtMs] of this.#taken) {
      if (nowMs - takenAtMs < PATIENCE_MS) break
      this.#settled = Math.max(this.#settled, seq)
    }
    while (this.#taken.has(this.#settled + 1)) this.#settled += 1
    for (const seq of this.#taken.keys()) if (seq <= this.#settled) this.#taken.delete(seq)
  }
}
