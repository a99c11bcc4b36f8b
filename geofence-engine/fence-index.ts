import RBush from 'rbush'
import type { FenceFeature } from '../contract/index.ts'
import { type CompiledFence, compileFence } from './compiled-fence.ts'
import type { Bbox } from './geometry/bbox.ts'

interface Entry extends Bbox {
  readonly fence: CompiledFence
}

/** An R-tree over longitude and latitude. */
class EntryTree extends RBush<Entry> {
  override toBBox({ minLng, minLat, maxLng, maxLat }: Entry) {
    return { minX: minLng, minY: minLat, maxX: maxLng, maxY: maxLat }
  }
  override compareMinX(a: Entry, b: Entry) {
    return a.minLng - b.minLng
  }
  override compareMinY(a: Entry, b: Entry) {
    return a.minLat - b.minLat
  }
}

/** The fences of one organisation. Changing one costs microseconds, so it may happen at any time. */
export class FenceIndex {
  readonly #fences = new Map<string, CompiledFence>()
  readonly #entries = new Map<string, readonly Entry[]>()
  readonly #tree = new EntryTree()

  /** Adds or replaces a fence that {@link readFence} accepted. */
  put(feature: FenceFeature): CompiledFence {
    const fence = compileFence(feature)
    this.remove(feature.id)
    const entries = fence.bboxes.map(box => ({ ...box, fence }))
    this.#fences.set(feature.id, fence)
    this.#entries.set(feature.id, entries)
    this.#tree.load(entries)
    return fence
  }

  /** Whether there was such a fence. */
  remove(fenceId: string): boolean {
    for (const entry of this.#entries.get(fenceId) ?? []) this.#tree.remove(entry)
    this.#entries.delete(fenceId)
    return this.#fences.delete(fenceId)
  }

  get(fenceId: string): CompiledFence | undefined {
    return this.#fences.get(fenceId)
  }

  all(): Iterable<CompiledFence> {
    return this.#fences.values()
  }

  /** The fences that cover the position (boundary included), each once, in no particular order. */
  covering(lng: number, lat: number): CompiledFence[] {
    // 180 is the same meridian as -180.
    const entries =
      Math.abs(lng) === 180 ? [...this.#search(-180, lat), ...this.#search(180, lat)] : this.#search(lng, lat)
    // One fence may have several boxes here.
    const near = new Set(entries.map(({ fence }) => fence))
    return [...near].filter(fence => fence.covers(lng, lat))
  }

  get size(): number {
    return this.#fences.size
  }

  #search(lng: number, lat: number): Entry[] {
    return this.#tree.search({ minX: lng, minY: lat, maxX: lng, maxY: lat })
  }
}
