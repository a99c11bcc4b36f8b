import { listUnwatched, loadConnectivity, lookAgainAtAll } from '../store/connectivity.ts'
import type { Database } from '../store/database.ts'
import type { DeviceKey } from '../store/device-states.ts'
import { commitConnectivity, offlineRuleOf, type Sign } from './commit-connectivity.ts'
import { isShuttingDown } from './committer.ts'
import { LingeringWork } from './lingering-work.ts'
import { persist } from './persist.ts'
import type { Pipeline } from './pipeline.ts'
import { keyOf } from './state-cache.ts'

/** Devices in one transaction. */
const GROUP = 100

interface Watched {
  offline: boolean
}

/**
 * Which devices are on line. What is heard is kept in memory; a row is written only when a device is first watched, when it
 * changes, and when its time has come: the row's `due_at` is when to look whether it was heard meanwhile.
 */
export class ConnectivityWatch {
  readonly #pipeline: Pipeline
  readonly startedAt: number
  readonly #watched = new Map<string, Watched>()
  /** What was heard since the row was written. */
  readonly #signs = new Map<string, Sign>()
  #waiting = new Map<string, DeviceKey>()
  /** Organisations whose rules changed; null = all, after a start. */
  #rearm = new Set<string | null>([null])
  readonly #looking: LingeringWork

  constructor(pipeline: Pipeline) {
    this.#pipeline = pipeline
    this.startedAt = pipeline.now()
    this.#looking = new LingeringWork({
      work: () => this.#work(),
      hasMore: () => this.#waiting.size > 0 || this.#rearm.size > 0,
      failed: error => {
        if (!isShuttingDown(error)) pipeline.logger.warn({ err: error }, 'who is on line could not be stored')
      },
    })
  }

  async load(db: Database): Promise<void> {
    for (const row of await loadConnectivity(db)) this.#watched.set(keyOf(row), { offline: row.offline })
    this.#looking.soon()
  }

  /** Whether anybody is waited for. */
  get watchesAny(): boolean {
    return this.#watched.size > 0
  }

  /** Something came from the device. Called for every fix: cheap where no one watches. */
  heard(device: DeviceKey): void {
    const key = keyOf(device)
    const watched = this.#watched.get(key)
    if (watched === undefined && offlineRuleOf(this.#pipeline, device) === null) return
    this.#sign(key, { heardAt: this.#pipeline.now() })
    if (watched === undefined || watched.offline) this.#look(key, device)
  }

  /** Its session began, or ended and it has no other. */
  session(device: DeviceKey, connected: boolean): void {
    if (connected) {
      this.heard(device)
      return
    }
    const key = keyOf(device)
    const rule = offlineRuleOf(this.#pipeline, device)
    if (rule?.graceSeconds === undefined && !this.#watched.has(key)) return
    this.#sign(key, { sessionEndedAt: this.#pipeline.now() })
    this.#look(key, device)
  }

  /** The offline rule may be another one now. */
  rulesChanged(org: string): void {
    this.#rearm.add(org)
    this.#looking.soon()
  }

  /** What was heard of a device since its row was written. */
  signOf(key: string): Sign | undefined {
    return this.#signs.get(key)
  }

  /** As committed. */
  put(device: DeviceKey, offline: boolean, taken: Sign | undefined): void {
    const key = keyOf(device)
    this.#watched.set(key, { offline })
    if (this.#signs.get(key) === taken) this.#signs.delete(key)
    // Heard while it was being stored as offline.
    else if (offline) this.#look(key, device)
  }

  close(): Promise<void> {
    return this.#looking.close()
  }

  #sign(key: string, sign: Sign): void {
    this.#signs.set(key, { ...this.#signs.get(key), ...sign })
  }

  #look(key: string, device: DeviceKey): void {
    this.#waiting.set(key, { org: device.org, deviceId: device.deviceId })
    this.#looking.soon()
  }

  async #work(): Promise<void> {
    const { committer } = this.#pipeline
    const orgs = [...this.#rearm]
    this.#rearm.clear()
    for (const org of orgs) await this.#watch(org)
    const waiting = [...this.#waiting.values()]
    this.#waiting = new Map()
    for (let start = 0; start < waiting.length; start += GROUP) {
      const group = waiting.slice(start, start + GROUP)
      await committer().change(() => commitConnectivity(this.#pipeline, group))
    }
  }

  /** Begins to watch devices that a rule is for, and looks at all whose rule may have changed. */
  async #watch(org: string | null): Promise<void> {
    const { db, now } = this.#pipeline
    await persist(async () => {
      if (org !== null) await lookAgainAtAll(db, org, now())
      for (const { heardAt, ...device } of await listUnwatched(db, org)) {
        if (offlineRuleOf(this.#pipeline, device) === null) continue
        const key = keyOf(device)
        if (!this.#signs.has(key)) this.#sign(key, { heardAt })
        this.#waiting.set(key, device)
      }
    }, this.#pipeline)
  }
}
