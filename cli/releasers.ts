/** What has been opened, closed again last-in first-out, also after a start that failed half-way. */
export class Releasers {
  readonly #stack: { name: string; release: () => Promise<void> | void }[] = []
  #releasing: Promise<void> | undefined
  #closing: string | undefined

  add(name: string, release: () => Promise<void> | void): void {
    this.#stack.push({ name, release })
  }

  /** The part that is being closed right now; undefined: none. */
  get closing(): string | undefined {
    return this.#closing
  }

  /** Idempotent. Goes on when one fails; rejects at the end with what failed. */
  release(): Promise<void> {
    this.#releasing ??= (async () => {
      const failures: unknown[] = []
      while (this.#stack.length > 0) {
        const { name, release } = this.#stack.pop()!
        this.#closing = name
        try {
          await release()
        } catch (cause) {
          failures.push(new Error(`closing ${name} failed`, { cause }))
        }
      }
      this.#closing = undefined
      if (failures.length > 0) throw new AggregateError(failures, 'not everything could be closed')
    })()
    return this.#releasing
  }
}
