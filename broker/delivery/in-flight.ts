/** Messages of QoS 1 and 2 that one client was sent and has not acknowledged (contract §7). */
export const MOST_IN_FLIGHT = 64

/** Of most clients nothing is in flight: they share it. */
const NOTHING = new Map<number, (() => void) | undefined>()

/** The packet identifiers that are in use towards one client, and who waits for room among them. */
export class InFlight {
  /** With what is to be called when it is acknowledged. */
  #ids = NOTHING
  #waiting: (() => void)[] = []
  #isClosed = false

  get isFull(): boolean {
    return this.#ids.size >= MOST_IN_FLIGHT
  }

  get size(): number {
    return this.#ids.size
  }

  add(packetId: number, onAcknowledged?: () => void): void {
    if (this.#ids === NOTHING) this.#ids = new Map()
    this.#ids.set(packetId, onAcknowledged)
  }

  has(packetId: number): boolean {
    return this.#ids.has(packetId)
  }

  /** Acknowledged. @returns whether it was in flight */
  remove(packetId: number): boolean {
    const onAcknowledged = this.#ids.get(packetId)
    if (!this.#ids.delete(packetId)) return false
    onAcknowledged?.()
    this.#waiting.shift()?.()
    return true
  }

  /** Not sent after all. */
  release(packetId: number): void {
    if (this.#ids.delete(packetId)) this.#waiting.shift()?.()
  }

  /** Waits for a place for what a resumed session sends from its queue. @returns false when there is nobody to send to any more */
  async room(): Promise<boolean> {
    while (this.isFull && !this.#isClosed) await new Promise<void>(resolve => this.#waiting.push(resolve))
    return !this.#isClosed
  }

  close(): void {
    this.#isClosed = true
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
