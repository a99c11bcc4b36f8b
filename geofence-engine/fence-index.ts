import RBush from 'rbush'
import type { FenceFeature } from '../contract/index.ts'
import { type CompiledFence, compileFence } from './compiled-fence.ts'
import { type Bbox, splitBox } from './geometry/bbox.ts'
import type { Schedule } from './rules/schedule.ts'
import type { RecentFix } from './track.ts'

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
  /** Only the fences with `cross`. */
  readonly #crossTree = new RBush<Entry>()
  /** The fences that devices should be inside of when their schedule begins, by schedule. */
  readonly #expecting = new Map<Schedule, Set<CompiledFence>>()
  #lookingBack = 0
  #crossing = 0

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
    if (fence.feature.properties.cross) {
      this.#crossTree.load(entries)
      this.#crossing += 1
    }
    if (fence.looksBack) this.#lookingBack += 1
    if (fence.schedule?.expect === 'inside') {
      const expecting = this.#expecting.get(fence.schedule) ?? new Set()
      this.#expecting.set(fence.schedule, expecting.add(fence))
    }
    return fence
  }

  /** Whether there was such a fence. */
  remove(fenceId: string): boolean {
    const fence = this.#fences.get(fenceId)
    if (fence === undefined) return false
    for (const entry of this.#entries.get(fenceId)!) {
      this.#tree.remove(entry)
      if (fence.feature.properties.cross) this.#crossTree.remove(entry)
    }
    if (fence.feature.properties.cross) this.#crossing -= 1
    if (fence.looksBack) this.#lookingBack -= 1
    if (fence.schedule !== null) {
      const expecting = this.#expecting.get(fence.schedule)
      if (expecting?.delete(fence) && expecting.size === 0) this.#expecting.delete(fence.schedule)
    }
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

  /** Whether any fence looks back on fixes before the newest. */
  get looksBack(): boolean {
    return this.#lookingBack > 0
  }

  /** Whether devices should be inside of any fence at some time. */
  get hasExpecting(): boolean {
    return this.#expecting.size > 0
  }

  /** Whether any fence has `cross`. */
  get hasCrossing(): boolean {
    return this.#crossing > 0
  }

  /** The fences with `cross` that a line between any of these fixes may touch, and perhaps others. */
  crossedBy(fixes: readonly RecentFix[]): CompiledFence[] {
    const boxes = boxesOf(fixes)
    return boxes.flatMap(({ minLng, minLat, maxLng, maxLat }) =>
      this.#crossTree.search({ minX: minLng, minY: minLat, maxX: maxLng, maxY: maxLat }).map(({ fence }) => fence),
    )
  }

  /** The fences that devices should be inside of from a moment between these times on. */
  *expectingBetween(after: number, until: number): Iterable<CompiledFence> {
    for (const [schedule, fences] of this.#expecting) {
      if (schedule.beginsBetween(after, until).length > 0) yield* fences
    }
  }

  /** All fences that devices should be inside of at some time. */
  *expecting(): Iterable<CompiledFence> {
    for (const fences of this.#expecting.values()) yield* fences
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

/** Around fixes that follow each other, the short way round. */
function boxesOf(fixes: readonly RecentFix[]): Bbox[] {
  let [, lng, minLat] = fixes[0]!
  let [minLng, maxLng, maxLat] = [lng, lng, minLat]
  for (const [, fixLng, fixLat] of fixes) {
    lng = fixLng + 360 * Math.round((lng - fixLng) / 360)
    minLng = Math.min(minLng, lng)
    maxLng = Math.max(maxLng, lng)
    minLat = Math.min(minLat, fixLat)
    maxLat = Math.max(maxLat, fixLat)
  }
  return splitBox(minLng, minLat, maxLng, maxLat)
}
