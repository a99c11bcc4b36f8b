import { setImmediate as nextTurn } from 'node:timers/promises'

/** Sockets get a turn after so much uninterrupted work. */
const SLICE_MS = 5

/** Work that lets the event loop turn now and then: whoever does it asks between its pieces. */
export class Slices {
  readonly #sliceMs: number
  #end: number

  constructor(sliceMs = SLICE_MS) {
    this.#sliceMs = sliceMs
    this.#end = performance.now() + sliceMs
  }

  get isOver(): boolean {
    return performance.now() >= this.#end
  }

  async next(): Promise<void> {
    await nextTurn()
    this.#end = performance.now() + this.#sliceMs
  }
}

/** Does something with each item, in order, and lets the event loop turn now and then. */
export async function inSlices<Item>(items: Iterable<Item>, work: (item: Item) => void): Promise<void> {
  const slices = new Slices()
  for (const item of items) {
    work(item)
    if (slices.isOver) await slices.next()
  }
}
