import RBush from 'rbush'
import type { FenceFeature } from '../contract/index.ts'
import { type CompiledFence, compileFence } from './compiled-fence.ts'
import type { Bbox } from './geometry/bbox.ts'

/** Named as rbush reads them without being told how. */
interface Entry {
  readonly minX: number
  readonly minY: number
  readonly maxX: number
  readonly maxY: number
  readonly fence: CompiledFence
}

/** The fences of one organisation. Changing one costs microseconds, so it may happen at any time. */
export class FenceIndex {
  readonly #fences = new Map<string, CompiledFence>()
  readonly #entries = new Map<string, readonly Entry[]>()
  readonly #tree = new RBush<Entry>()

  /**
   * Adds or replaces a fence that {@link readFence} accepted.
   * @param epoch which change of the organisation's fences this is; they grow
   */
  put(feature: FenceFeature, epoch = 0): CompiledFence {
    const fence = compileFence(feature, epoch)
    this.remove(feature.id)
    const entries = fence.bboxes.map(box => entryOf(box, fence))
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
    const found: CompiledFence[] = []
    for (const { fence } of entries) {
      // One fence may have several boxes here.
      if (!found.includes(fence) && fence.covers(lng, lat)) found.push(fence)
    }
    return found
  }

  get size(): number {
    return this.#fences.size
  }

  #search(lng: number, lat: number): Entry[] {
    return this.#tree.search({ minX: lng, minY: lat, maxX: lng, maxY: lat })
  }
}

function entryOf({ minLng, minLat, maxLng, maxLat }: Bbox, fence: CompiledFence): Entry {
  return { minX: minLng, minY: minLat, maxX: maxLng, maxY: maxLat, fence }
}
