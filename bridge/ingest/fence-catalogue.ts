import { FenceIndex } from '../../geofence-engine/index.ts'
import type { Database } from '../store/database.ts'
import { loadEpochs } from '../store/epochs.ts'
import { loadFences } from '../store/fences.ts'

/** The fences of every organisation, in memory, as committed. */
export class FenceCatalogue {
  readonly #orgs = new Map<string, FenceIndex>()
  readonly #epochs = new Map<string, number>()

  static async load(db: Database): Promise<FenceCatalogue> {
    const catalogue = new FenceCatalogue()
    for (const { org, feature, epoch } of await loadFences(db)) catalogue.of(org).put(feature, epoch)
    for (const { org, epoch } of await loadEpochs(db)) catalogue.reached(org, epoch)
    return catalogue
  }

  of(org: string): FenceIndex {
    let index = this.#orgs.get(org)
    if (index === undefined) {
      index = new FenceIndex()
      this.#orgs.set(org, index)
    }
    return index
  }

  /** The last change of the organisation that is known here: of its fences, rules or groups. */
  epochOf(org: string): number {
    return this.#epochs.get(org) ?? 0
  }

  /** A change of this epoch was committed. */
  reached(org: string, epoch: number): void {
    this.#epochs.set(org, Math.max(epoch, this.epochOf(org)))
  }

  orgs(): string[] {
    return [...this.#orgs.keys()]
  }
}
