import type { BucketOwner, Principal } from '../../contract/index.ts'
import type { Tell } from '../notices.ts'
import type { RateClass } from './rate-limits.ts'

const EVERY_MS = 1_000

/** One message over the limit. */
export interface Excess {
  readonly principal: Pick<Principal, 'org' | 'sub'>
  readonly owner: BucketOwner
  readonly rateClass: RateClass
  readonly topic: string
  readonly retryAfterMs: number
  readonly outcome: 'dropped' | 'held'
}

interface Pending {
  excess: Excess
  dropped: number
  held: number
  readonly timer: NodeJS.Timeout
}

/**
 * Tells those who are over a limit: the first time at once, then once a second with how many messages it was since. One notice
 * for each message would make a flood of its own.
 */
export class LimitNotices {
  readonly #pending = new Map<string, Pending>()
  readonly #tell: Tell

  constructor(tell: Tell) {
    this.#tell = tell
  }

  add(excess: Excess): void {
    const key = `${excess.owner.org}/${excess.owner.sub} ${excess.rateClass}`
    const pending = this.#pending.get(key)
    if (pending === undefined) {
      this.#send(excess, excess.outcome === 'dropped' ? 1 : 0, excess.outcome === 'held' ? 1 : 0)
      this.#wait(key, excess)
      return
    }
    pending.excess = excess
    pending[excess.outcome] += 1
  }

  close(): void {
    for (const { timer } of this.#pending.values()) clearTimeout(timer)
    this.#pending.clear()
  }

  #wait(key: string, excess: Excess): void {
    const timer = setTimeout(() => {
      const { dropped, held, excess } = this.#pending.get(key)!
      this.#pending.delete(key)
      if (dropped + held === 0) return
      this.#send(excess, dropped, held)
      this.#wait(key, excess)
    }, EVERY_MS)
    timer.unref()
    this.#pending.set(key, { excess, dropped: 0, held: 0, timer })
  }

  #send({ principal, rateClass, topic, retryAfterMs }: Excess, dropped: number, held: number): void {
    const done = [
      ...(dropped > 0 ? [`${dropped} dropped`] : []),
      ...(held > 0 ? [`${held} put off until there is room`] : []),
    ].join(', ')
    this.#tell(principal, {
      code: 'rate_limited',
      message: `over the limit of ${rateClass === 'message' ? 'messages' : `${rateClass} messages`}: ${done}; send more slowly, or several fixes in one batch`,
      topic,
      rateClass,
      retryAfterMs: Math.ceil(retryAfterMs),
      dropped,
      held,
    })
  }
}
