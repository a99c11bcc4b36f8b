import type { ChannelName, LocationUpdate } from '../../contract/index.ts'

const MAX_REMEMBERED = 10_000

/** Messages that came in by a bridge, until they go out to our own subscribers: by the same bridge they do not go back. */
export class CameIn {
  readonly #messages = new Set<string>()

  add(topic: string, payload: string): void {
    this.#remember(`${topic}\n${payload}`)
  }

  /** A position is known by its time, whatever is filled in before it is passed on. */
  addFix(topic: string, { timestamp }: Pick<LocationUpdate, 'timestamp'>): void {
    this.#remember(`${topic}\n${timestamp}`)
  }

  /** Whether it came in; it is forgotten then. */
  has(channel: ChannelName, topic: string, payload: Uint8Array): boolean {
    if (this.#messages.size === 0) return false
    const text = Buffer.from(payload).toString()
    const what = channel === 'location' ? (JSON.parse(text) as LocationUpdate).timestamp : text
    return this.#messages.delete(`${topic}\n${what}`)
  }

  #remember(key: string): void {
    this.#messages.add(key)
    if (this.#messages.size > MAX_REMEMBERED) this.#messages.delete(this.#messages.keys().next().value!)
  }
}
