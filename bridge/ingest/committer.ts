import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { TrackwireError } from '../../contract/index.ts'
import { LiveFirst } from './live-first.ts'

/** At low load a group waits so long for company, so that thousands of devices share a transaction. */
const LINGER_MS = 4
/** While nothing comes of those that wait, they wait for more so long, if they do not become enough before. */
const QUIET_LINGER_MS = 200
/** Fixes in one transaction at the most: enough to share its cost, so few that an SOS need not wait long behind it. */
export const MAX_GROUP = 1_000
/** More than the senders can bring that are held back (overload): the last line of defence. */
const MAX_WAITING = 200_000

type Job = () => Promise<void>

const ignore = (): void => {}

/** Whether work was refused because the committer closes: nothing to warn of. */
export function isShuttingDown(error: unknown): boolean {
  return error instanceof TrackwireError && error.code === 'shutting_down'
}

/** Where fixes wait for their transaction, and in which groups they come out. */
export interface Waiting<Item> {
  readonly length: number
  /** Those of them that somebody waits for. */
  readonly awaited: number
  /** Nobody waits for any of them, nothing but their being stored comes of them, and there is room for more. Asked while no group is stored. */
  readonly isQuiet: boolean
  add(item: Item): void
  take(most: number): Item[]
  /** Whether there has been no time for long to store what nobody waits for. */
  press(isPressed: boolean): void
}

/**
 * Everything that writes goes through here, one transaction after the other, from three lanes:
 * SOS before everything, then fence and device changes, then groups of fixes, of all devices in turn.
 */
export class Committer<Item> {
  readonly #commitGroup: (items: Item[]) => Promise<void>
  readonly #logger: Logger
  readonly #hasSessions: boolean
  /** A group is being committed, and the SOS lane is served beside it. */
  #servesBeside = false
  readonly #urgent: Job[] = []
  readonly #changes: Job[] = []
  readonly #waiting: Waiting<Item>
  readonly #liveFirst: LiveFirst
  #wake = ignore
  /** Since when quiet ones wait. */
  #quietSinceMs: number | undefined
  /** They wait for more right now. */
  #lingers = false
  #accepting = true
  readonly #done: Promise<void>

  /**
   * @param commitGroup settles every item it is given, and never rejects
   * @param hasSessions the database serves several transactions at once: then an SOS need not wait for a group of fixes
   */
  constructor(
    commitGroup: (items: Item[]) => Promise<void>,
    { logger, hasSessions, waiting }: { logger: Logger; hasSessions: boolean; waiting: Waiting<Item> },
  ) {
    this.#waiting = waiting
    this.#liveFirst = new LiveFirst(isPressed => waiting.press(isPressed))
    this.#commitGroup = commitGroup
    this.#logger = logger
    this.#hasSessions = hasSessions
    this.#done = this.#run()
  }

  /** Runs `work` before any waiting fixes. */
  urgent<T>(work: () => Promise<T>): Promise<T> {
    return this.#enqueue(this.#urgent, work)
  }

  /** Runs `work` while nothing else is being committed. */
  change<T>(work: () => Promise<T>): Promise<T> {
    return this.#enqueue(this.#changes, work)
  }

  /** Errors: shutting_down, overloaded when too much is waiting already. */
  add(items: readonly Item[]): void {
    this.#checkAccepting()
    if (this.#waiting.length + items.length > MAX_WAITING) {
      throw new TrackwireError('overloaded')
    }
    for (const item of items) this.#waiting.add(item)
    // While a group is committed, nobody waits for more of them; and quiet ones go on to wait.
    if (!this.#servesBeside && !(this.#lingers && this.#waiting.isQuiet)) this.#wakeUp()
  }

  /** Whether an SOS waits for the work that runs now. */
  get isUrgentWaiting(): boolean {
    return this.#urgent.length > 0 && !this.#servesBeside
  }

  /** Serves what waits in the SOS lane, where nobody does so beside. */
  async giveWay(): Promise<void> {
    if (this.isUrgentWaiting) await this.serveUrgent()
  }

  /** Serves what waits in the SOS lane; for work that takes several transactions. */
  async serveUrgent(): Promise<void> {
    for (let job = this.#urgent.shift(); job !== undefined; job = this.#urgent.shift()) await job()
  }

  /** Refuses new work and resolves when all that was accepted is settled. */
  close(): Promise<void> {
    this.#accepting = false
    this.#liveFirst.close()
    this.#wakeUp()
    return this.#done
  }

  /** Only once: to resolve what is resolved costs more than all the rest of it. */
  #wakeUp(): void {
    const wake = this.#wake
    this.#wake = ignore
    wake()
  }

  #checkAccepting(): void {
    if (!this.#accepting) throw new TrackwireError('shutting_down')
  }

  async #enqueue<T>(lane: Job[], work: () => Promise<T>): Promise<T> {
    this.#checkAccepting()
    return new Promise((resolve, reject) => {
      lane.push(() => work().then(resolve, reject))
      this.#wakeUp()
    })
  }

  async #run(): Promise<void> {
    for (;;) {
      if (this.#urgent.length > 0) await this.serveUrgent()
      else if (this.#changes.length > 0) await this.#changes.shift()!()
      else if (this.#waiting.length > 0) await this.#nextGroup()
      else if (this.#accepting) await this.#somethingToDo()
      else return
    }
  }

  async #nextGroup(): Promise<void> {
    const pauseMs = this.#quietPauseMs()
    if (pauseMs > 0) {
      this.#lingers = true
      await this.#somethingToDo(pauseMs)
      this.#lingers = false
      return
    }
    if (this.#waiting.length < MAX_GROUP && !this.#waiting.isQuiet && this.#accepting) await delay(LINGER_MS)
    const isItsTurn = await this.#liveFirst.rest({
      isAwaited: () => this.#waiting.awaited > 0 || !this.#accepting,
      isForOther: () => this.#urgent.length > 0 || this.#changes.length > 0,
    })
    if (!isItsTurn || this.#urgent.length > 0) return
    this.#liveFirst.groupBegins()
    const group = this.#waiting.take(MAX_GROUP)
    this.#quietSinceMs = undefined
    const committing = this.#commitGroup(group).catch(error =>
      this.#logger.error({ err: error }, 'a group of fixes was not settled'),
    )
    if (this.#hasSessions) await this.#serveUrgentBeside(committing)
    else await committing
    this.#liveFirst.groupEnded()
  }

  /** How long there may be more to come before quiet ones are stored. */
  #quietPauseMs(): number {
    if (!this.#accepting || !this.#waiting.isQuiet) return 0
    const nowMs = performance.now()
    this.#quietSinceMs ??= nowMs
    return this.#quietSinceMs + QUIET_LINGER_MS - nowMs
  }

  async #serveUrgentBeside(committing: Promise<void>): Promise<void> {
    let isDone = false
    const done = committing.then(() => {
      isDone = true
    })
    this.#servesBeside = true
    while (!isDone) {
      if (this.#urgent.length > 0) await this.serveUrgent()
      else await Promise.race([done, this.#somethingToDo()])
    }
    this.#servesBeside = false
  }

  /** @param withinMs resolves then at the latest */
  #somethingToDo(withinMs?: number): Promise<void> {
    return new Promise(resolve => {
      const timer = withinMs === undefined ? undefined : setTimeout(() => this.#wakeUp(), withinMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
