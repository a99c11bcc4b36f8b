import { FenceIndex } from '../../geofence-engine/index.ts'
import type { Database } from '../store/database.ts'
import { loadFences } from '../store/fences.ts'

/** The fences of every organisation, in memory, as committed. */
export class FenceCatalogue {
  readonly #orgs = new Map<string, FenceIndex>()

  static async load(db: Database): Promise<FenceCatalogue> {
    const catalogue = new FenceCatalogue()
    for (const { org, feature } of await loadFences(db)) catalogue.of(org).put(feature)
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

  orgs(): string[] {
    return [...this.#orgs.keys()]
  }
}
