import { TrackwireError } from '../../contract/index.ts'

/** Lets one through at a time: replays are slow and share a core and a database with live traffic. */
export class Turnstile {
  readonly #mostWaiting: number
  #waiting = 0
  #last: Promise<unknown> = Promise.resolve()

  constructor(mostWaiting: number) {
    this.#mostWaiting = mostWaiting
  }

  /** @throws TrackwireError replay_busy; what `work` rejects with; the signal's reason when it is aborted before its turn */
  async pass<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    if (this.#waiting >= this.#mostWaiting) throw new TrackwireError('replay_busy')
    this.#waiting += 1
    const turn = this.#last
      .catch(() => {})
      .then(() => {
        this.#waiting -= 1
        signal.throwIfAborted()
        return work()
      })
    this.#last = turn
    return turn
  }
}
