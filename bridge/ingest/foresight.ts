import { type EvaluatedFix, foresee } from './evaluate.ts'
import type { Pipeline } from './pipeline.ts'
import type { CommittedState } from './state-cache.ts'
import { circumstancesOf } from './surroundings.ts'

/**
 * Whether anything comes of a fix beside its being stored, told from memory before it is: most fixes cross nothing. One that nobody
 * waits for and nothing comes of may be stored with the next ones. What it takes for quiet is evaluated all the same when it is stored.
 */
export class Foresight {
  readonly #pipeline: () => Pipeline
  /** Of devices with quiet fixes that wait: how those leave them. */
  #ahead = new Map<string, CommittedState>()

  constructor(pipeline: () => Pipeline) {
    this.#pipeline = pipeline
  }

  /** Asked of the fixes of a device in the order in which they wait, while no group is being stored. */
  isQuiet(item: EvaluatedFix): boolean {
    const pipeline = this.#pipeline()
    const { states, alerts, keepsForBridges, now, proximity } = pipeline
    const { key, org, deviceId } = item
    const before = this.#ahead.get(key) ?? states.peek(key)
    if (before === undefined || keepsForBridges || alerts.get(item) !== undefined) return false
    if (proximity().watches(item)) return false
    const after = foresee(before, item, circumstancesOf(pipeline, org, deviceId), now())
    if (after === null) return false
    this.#ahead.set(key, after)
    return true
  }

  /** What waited is being stored. */
  forget(): void {
    if (this.#ahead.size > 0) this.#ahead = new Map()
  }
}
