import type { DeviceKey } from '../store/device-states.ts'
import type { FixMessage, QueuedFix } from './fix-queue.ts'
import type { FixResult, SentFix } from './ingest.ts'

/** What follows from a fix once it is known what became of it. */
export interface Afterwards {
  /** Passed on with the time that it was stored with. */
  repaired(item: QueuedFix, result: FixResult): void
  /** What it says of alarms; undefined where there is nothing to wait for. */
  alarms(item: QueuedFix, result: FixResult): Promise<void> | undefined
  /** Telling it threw: a fault of whoever was told. */
  untold(device: DeviceKey, error: unknown): void
}

/** A message of one fix: what becomes of it is told without a promise and a list, which would cost more than all else that is done here. */
export class MessageOfOne implements FixMessage {
  readonly #sent: SentFix
  readonly #isAwaited: boolean
  readonly #afterwards: Afterwards

  constructor(sent: SentFix, isAwaited: boolean, afterwards: Afterwards) {
    this.#sent = sent
    this.#isAwaited = isAwaited
    this.#afterwards = afterwards
  }

  settle(item: QueuedFix, result: FixResult): void {
    if (result.status === 'stored' && result.repaired !== undefined) this.#afterwards.repaired(item, result)
    const alarms = this.#afterwards.alarms(item, result)
    const told = () => {
      if (this.#isAwaited || isWorthTelling(result)) this.#tell(item, result)
    }
    if (alarms === undefined) told()
    else alarms.then(told, error => this.fail(item, error))
  }

  fail(item: QueuedFix, error: unknown): void {
    this.#tell(item, error as Error)
  }

  /** The rest of a group is answered whatever comes of this one. */
  #tell(item: QueuedFix, outcome: FixResult | Error): void {
    try {
      this.#sent.told(outcome)
    } catch (error) {
      this.#afterwards.untold(item, error)
    }
  }
}

function isWorthTelling(result: FixResult): boolean {
  if (result.status === 'stored') return result.repaired !== undefined
  return result.status !== 'thinned' && result.status !== 'repeated'
}
