import type { LocationUpdate } from '../../contract/index.ts'
import type { Channel } from './channels.ts'
import { RealtimeError } from './errors.ts'
import type { OutboxEntry, OutboxStore } from './outbox-store.ts'
import { createStore, type Readable, type Store } from './store.ts'

export interface OutboxProgress {
  /** Messages that the platform has not acknowledged yet, those under way among them. */
  readonly buffered: number
  /** When the oldest of them was queued. */
  readonly oldestAtMs: number | null
  /** Given up by the policy since the start of this client. */
  readonly dropped: number
  readonly delivered: number
  /** Whether what waits survives a reload. */
  readonly isPersistent: boolean
}

export interface OutboxPolicy {
  /** Positions that may wait, 100,000 when left out: a fix a second for a day and a bit. */
  readonly maxEntries?: number
  /** What gives way when there are more: the oldest (when left out), or the newest, whose sender gets `queue_full`. */
  readonly whenFull?: 'drop-oldest' | 'refuse'
  /**
   * How fast a backlog is sent: at once so many fixes, then so many a second. The platform allows 1,000 a minute by default, and what is
   * sent live draws from the same: the default leaves it room.
   */
  readonly backlogBurst?: number
  readonly backlogPerSecond?: number
}

export type Deliver = (channel: Channel, params: Readonly<Record<string, string>>, payload: unknown) => Promise<void>

const DEFAULTS: Required<OutboxPolicy> = {
  maxEntries: 100_000,
  whenFull: 'drop-oldest',
  backlogBurst: 500,
  backlogPerSecond: 12,
}
/** A batch is small enough that a live fix behind it does not wait. */
const BATCH_FIXES = 100
const TELL_EVERY_MS = 200
const LOOK_AGAIN_MS = 5_000

/**
 * What is to be sent waits here until it is acknowledged. What is new goes out at once, and beside it, in order and at a measured
 * pace, the backlog. An SOS waits apart and goes first.
 */
export class Outbox {
  readonly #progress: Store<OutboxProgress>
  readonly #cries: OutboxStore
  readonly #positions: OutboxStore
  readonly #deliver: Deliver
  readonly #policy: Required<OutboxPolicy>
  readonly #lockName: string
  /** Under way: of each store the sequence numbers. */
  readonly #underWay = new Map<OutboxStore, Set<number>>()
  readonly #waiting = new Map<string, { resolve(): void; reject(error: unknown): void }>()
  #isOnline = false
  #isDraining = false
  #room: number
  #roomAtMs = Date.now()
  #isTelling = false
  #isClosed = false
  #again: ReturnType<typeof setTimeout> | undefined

  constructor(
    stores: { readonly cries: OutboxStore; readonly positions: OutboxStore },
    deliver: Deliver,
    lockName: string,
    policy: OutboxPolicy = {},
  ) {
    this.#cries = stores.cries
    this.#positions = stores.positions
    for (const store of [this.#cries, this.#positions]) this.#underWay.set(store, new Set())
    this.#deliver = deliver
    this.#lockName = lockName
    this.#policy = { ...DEFAULTS, ...policy }
    this.#room = this.#policy.backlogBurst
    const { isPersistent } = this.#positions
    this.#progress = createStore<OutboxProgress>({
      buffered: 0,
      oldestAtMs: null,
      dropped: 0,
      delivered: 0,
      isPersistent,
    })
    this.#tell()
  }

  get progress(): Readable<OutboxProgress> {
    return this.#progress
  }

  /**
   * Resolves with its sequence number once it is kept; `delivered` when the platform has acknowledged it.
   * @throws RealtimeError queue_full
   */
  async add(
    channel: Channel,
    params: Readonly<Record<string, string>>,
    payload: unknown,
  ): Promise<{ sequence: number; delivered: Promise<void> }> {
    const store = channel === 'sos' ? this.#cries : this.#positions
    if (store === this.#positions) await this.#makeRoom()
    const entry = { channel, params, payload, queuedAtMs: Date.now() }
    const sequence = await store.append(entry)
    const delivered = new Promise<void>((resolve, reject) => {
      this.#waiting.set(this.#keyOf(store, sequence), { resolve, reject })
    })
    delivered.catch(() => undefined)
    this.#tell()
    if (this.#isOnline && !this.#underWay.get(store)!.has(sequence)) {
      void this.#send(store, [{ ...entry, sequence }])
    }
    return { sequence, delivered }
  }

  setOnline(isOnline: boolean): void {
    this.#isOnline = isOnline
    if (isOnline) this.#drain()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#isOnline = false
    clearTimeout(this.#again)
    await Promise.all([this.#cries.close(), this.#positions.close()])
  }

  async #makeRoom(): Promise<void> {
    const { maxEntries, whenFull } = this.#policy
    const { count } = await this.#positions.stats()
    if (count < maxEntries) return
    if (whenFull === 'refuse') throw new RealtimeError('queue_full', `${count} messages wait already`)
    const oldest = await this.#positions.read(count - maxEntries + 1, this.#underWay.get(this.#positions)!)
    await this.#positions.remove(oldest.map(({ sequence }) => sequence))
    for (const { sequence } of oldest) {
      this.#settle(this.#positions, sequence, new RealtimeError('queue_full', 'it made room for a newer one'))
    }
    this.#progress.set(state => ({ ...state, dropped: state.dropped + oldest.length }))
  }

  /** Sends what waits, unless it does already. Of several tabs one does. */
  #drain(): void {
    if (this.#isDraining || !this.#isOnline) return
    clearTimeout(this.#again)
    this.#isDraining = true
    void alone(this.#lockName, () => this.#sendBacklog())
      .catch(() => undefined)
      .finally(() => {
        this.#isDraining = false
        this.#tell()
        // Another tab may have been at it, and gone since.
        if (this.#isOnline) this.#again = setTimeout(() => this.#drain(), LOOK_AGAIN_MS)
      })
  }

  async #sendBacklog(): Promise<void> {
    while (this.#isOnline) {
      const [store, group] = await this.#nextGroup()
      if (group.length === 0 || !(await this.#send(store, group))) return
      if (store === this.#positions) await this.#pace(group.length)
    }
  }

  /** The oldest that wait: an SOS, else fixes of one device that make a batch, else one message. */
  async #nextGroup(): Promise<[OutboxStore, OutboxEntry[]]> {
    const cries = await this.#idle(this.#cries, 1)
    if (cries.length > 0) return [this.#cries, cries]
    const entries = await this.#idle(this.#positions, BATCH_FIXES)
    const [first] = entries
    if (first === undefined || first.channel !== 'location') return [this.#positions, entries.slice(0, 1)]
    const isAlike = ({ channel, params }: OutboxEntry): boolean =>
      channel === 'location' && params.deviceId === first.params.deviceId
    return [this.#positions, entries.filter(isAlike)]
  }

  /** The oldest that are not under way; what was sent live while they were read is out again. */
  async #idle(store: OutboxStore, limit: number): Promise<OutboxEntry[]> {
    const underWay = this.#underWay.get(store)!
    const entries = await store.read(limit, underWay)
    return entries.filter(({ sequence }) => !underWay.has(sequence))
  }

  async #pace(fixes: number): Promise<void> {
    const { backlogBurst, backlogPerSecond } = this.#policy
    const nowMs = Date.now()
    this.#room = Math.min(backlogBurst, this.#room + ((nowMs - this.#roomAtMs) / 1_000) * backlogPerSecond) - fixes
    this.#roomAtMs = nowMs
    if (this.#room < 0) await new Promise(resolve => setTimeout(resolve, (-this.#room / backlogPerSecond) * 1_000))
  }

  /** @returns whether it is acknowledged; what is not waits on */
  async #send(store: OutboxStore, group: readonly OutboxEntry[]): Promise<boolean> {
    const underWay = this.#underWay.get(store)!
    const sequences = group.map(({ sequence }) => sequence)
    for (const sequence of sequences) underWay.add(sequence)
    try {
      const [first] = group
      if (group.length === 1) await this.#deliver(first!.channel, first!.params, numbered(first!))
      else await this.#deliver('locationBatch', first!.params, group.map(numbered))
      await store.remove(sequences)
      for (const sequence of sequences) this.#settle(store, sequence)
      this.#progress.set(state => ({ ...state, delivered: state.delivered + sequences.length }))
      return true
    } catch {
      return false
    } finally {
      for (const sequence of sequences) underWay.delete(sequence)
      this.#tell()
    }
  }

  #settle(store: OutboxStore, sequence: number, error?: RealtimeError): void {
    const key = this.#keyOf(store, sequence)
    const waiting = this.#waiting.get(key)
    this.#waiting.delete(key)
    if (error === undefined) waiting?.resolve()
    else waiting?.reject(error)
  }

  #keyOf(store: OutboxStore, sequence: number): string {
    return `${store === this.#cries ? 'sos' : 'other'}-${sequence}`
  }

  /** Counting costs a look into the storage: not for every message. */
  #tell(): void {
    if (this.#isTelling) return
    this.#isTelling = true
    setTimeout(async () => {
      this.#isTelling = false
      if (this.#isClosed) return
      const stats = await Promise.all([this.#cries.stats(), this.#positions.stats()]).catch(() => null)
      // The storage is gone: whoever sends next is told why.
      if (stats === null) return
      const [cries, positions] = stats
      const times = [cries.oldestAtMs, positions.oldestAtMs].filter(time => time !== null)
      const oldestAtMs = times.length === 0 ? null : Math.min(...times)
      this.#progress.set(state => ({ ...state, buffered: cries.count + positions.count, oldestAtMs }))
    }, TELL_EVERY_MS)
  }
}

/** A fix says its number, so that a hole in the history is seen. */
function numbered({ channel, payload, sequence }: OutboxEntry): unknown {
  if (channel !== 'location') return payload
  const fix = payload as LocationUpdate
  return { ...fix, attributes: { ...fix.attributes, sequence } }
}

/** Where there are Web Locks: not at the same time as another tab. */
async function alone(name: string, work: () => Promise<void>): Promise<void> {
  const locks = globalThis.navigator?.locks as LockManager | undefined
  if (locks === undefined) return work()
  await locks.request(name, { ifAvailable: true }, lock => (lock === null ? undefined : work()))
}

/** "43 buffered, oldest 02:14"; empty when nothing waits. */
export function bufferedText({ buffered, oldestAtMs }: OutboxProgress, nowMs = Date.now()): string {
  if (buffered === 0) return ''
  const seconds = oldestAtMs === null ? 0 : Math.max(0, Math.floor((nowMs - oldestAtMs) / 1_000))
  const two = (n: number): string => String(n).padStart(2, '0')
  const minutes = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
  return `${buffered} buffered, oldest ${seconds < 3_600 ? minutes : `${Math.floor(seconds / 3_600)}:${minutes}`}`
}
