/** So long in one turn of the event loop; the rest waits for the next ones. */
const SLICE_MS = 5

/**
 * Does many small things that come all at once, such as ten thousand connections that end with the network, so that whoever stays
 * is served between them. What comes alone is done at once; the order is kept.
 */
export class InSlices {
  #waiting: (() => void)[] = []
  /** Those before it were done. */
  #next = 0
  /** When this turn's slice ends; undefined while nothing is to be done. */
  #untilMs: number | undefined

  add(work: () => void): void {
    if (this.#untilMs === undefined) this.#beginTurn()
    if (this.#waiting.length === 0 && performance.now() < this.#untilMs!) work()
    else this.#waiting.push(work)
  }

  #beginTurn(): void {
    this.#untilMs = performance.now() + SLICE_MS
    setImmediate(() => this.#nextTurn())
  }

  #nextTurn(): void {
    this.#untilMs = undefined
    if (this.#waiting.length === 0) return
    this.#beginTurn()
    while (this.#next < this.#waiting.length && performance.now() < this.#untilMs!) {
      this.#waiting[this.#next++]!()
    }
    if (this.#next < this.#waiting.length) return
    this.#waiting = []
    this.#next = 0
  }
}
