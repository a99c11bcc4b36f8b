/** What has to be done waits so long for company. */
const LINGER_MS = 20

export interface LingeringWorkOptions {
  work(): Promise<void>
  /** Whether more came while it worked. */
  hasMore(): boolean
  failed(error: unknown): void
}

/** Work that is asked for often and done a little later, for all who asked; never twice at once. */
export class LingeringWork {
  readonly #options: LingeringWorkOptions
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #closed = false

  constructor(options: LingeringWorkOptions) {
    this.#options = options
  }

  get isClosed(): boolean {
    return this.#closed
  }

  soon(): void {
    if (this.#closed || this.#running !== undefined) return
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      const { work, hasMore, failed } = this.#options
      this.#running = work()
        .catch(failed)
        .finally(() => {
          this.#running = undefined
          if (hasMore()) this.soon()
        })
    }, LINGER_MS)
    this.#timer.unref()
  }

  /** Resolves when what runs has ended; what waits is left. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#running
  }
}
