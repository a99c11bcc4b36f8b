import { setImmediate as nextTurn } from 'node:timers/promises'

/** Sockets get a turn after so much uninterrupted work. */
const SLICE_MS = 5

/** Does something with each item, in order, and lets the event loop turn now and then. */
export async function inSlices<Item>(items: Iterable<Item>, work: (item: Item) => void): Promise<void> {
  let sliceEnd = performance.now() + SLICE_MS
  for (const item of items) {
    work(item)
    if (performance.now() < sliceEnd) continue
    await nextTurn()
    sliceEnd = performance.now() + SLICE_MS
  }
}
