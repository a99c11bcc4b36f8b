/**
 * The devices of several sets, each of which stays where it is: a thousand people who see the same group of ten thousand devices share
 * its one set. The parts must not change; a changed group is another set.
 */
export class GrantedDevices implements ReadonlySet<string> {
  readonly #parts: readonly ReadonlySet<string>[]
  #size: number | undefined

  constructor(parts: readonly ReadonlySet<string>[]) {
    this.#parts = parts
  }

  has(deviceId: string): boolean {
    for (const part of this.#parts) if (part.has(deviceId)) return true
    return false
  }

  /** Counted when it is first asked for. */
  get size(): number {
    this.#size ??= [...this.values()].length
    return this.#size
  }

  *values(): SetIterator<string> {
    for (const [index, part] of this.#parts.entries()) {
      const earlier = this.#parts.slice(0, index)
      for (const deviceId of part) if (!earlier.some(other => other.has(deviceId))) yield deviceId
    }
  }

  keys(): SetIterator<string> {
    return this.values()
  }

  *entries(): SetIterator<[string, string]> {
    for (const deviceId of this.values()) yield [deviceId, deviceId]
  }

  [Symbol.iterator](): SetIterator<string> {
    return this.values()
  }

  forEach(visit: (value: string, key: string, set: ReadonlySet<string>) => void, thisArg?: unknown): void {
    for (const deviceId of this.values()) visit.call(thisArg, deviceId, deviceId, this)
  }
}
