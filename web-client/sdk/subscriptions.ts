import type { ErrorNotice } from '../../contract/index.ts'
import { type Channel, filterOf, fits, isChannel, type Message, type ParamsOf } from './channels.ts'
import type { Gap } from './feed.ts'

/** What the client itself has to say, beside the channels. */
export interface ClientEvents {
  /** What was missed could not be had; the snapshot that follows brings what is retained up to date. */
  gap: Gap
  /** The stream stands; `isResumed`: with everything that was missed. */
  ready: { readonly isResumed: boolean }
  /** Something was refused: a message, a subscription. */
  refused: ErrorNotice
}

/** Hears a channel of the platform or the client itself. Returns what ends it. */
export interface On {
  <Name extends Channel>(
    channel: Name,
    handler: (message: Message<Name>) => void,
    wanted?: Partial<ParamsOf<Name>>,
  ): () => void
  <Name extends keyof ClientEvents>(event: Name, handler: (event: ClientEvents[Name]) => void): () => void
}

export type Handler = (message: never) => void

interface Subscription {
  readonly wanted: Readonly<Record<string, string | undefined>>
  readonly handler: Handler
}

/** More ids than this of one channel, and all of it is asked for: the platform narrows wildcards to what one may see. */
const MAX_IDS = 30

/** Who wants to hear what. */
export class Subscriptions {
  readonly #channels = new Map<Channel, Set<Subscription>>()
  readonly #listeners = new Map<keyof ClientEvents, Set<Handler>>()
  readonly #onChange: () => void
  readonly #retained: (channel: Channel) => Iterable<Message>

  /** @param retained what is retained of a channel, as it is known now */
  constructor(onChange: () => void, retained: (channel: Channel) => Iterable<Message>) {
    this.#onChange = onChange
    this.#retained = retained
  }

  add(name: Channel | keyof ClientEvents, handler: Handler, wanted: object = {}): () => void {
    if (!isChannel(name)) {
      const listeners = this.#listeners.get(name) ?? new Set()
      this.#listeners.set(name, listeners.add(handler))
      return () => void listeners.delete(handler)
    }
    const subscription: Subscription = { wanted: { ...wanted }, handler }
    const all = this.#channels.get(name) ?? new Set()
    this.#channels.set(name, all.add(subscription))
    queueMicrotask(() => this.#replay(name, subscription))
    this.#onChange()
    return () => {
      all.delete(subscription)
      this.#onChange()
    }
  }

  remove(name: Channel | keyof ClientEvents, handler: Handler): void {
    if (!isChannel(name)) return void this.#listeners.get(name)?.delete(handler)
    const all = this.#channels.get(name)
    for (const subscription of all ?? []) if (subscription.handler === handler) all!.delete(subscription)
    this.#onChange()
  }

  /**
   * What to ask the platform for: of a channel all of it, or the parts that are wanted.
   * @param most where these are more, all is asked for of the channels of which the most parts are wanted
   */
  filters(org: string, most: number): string[] {
    const channels = [...this.#channels].map(([channel, all]) => {
      const open = filterOf(channel, org, {})
      const found = new Set([...all].map(({ wanted }) => filterOf(channel, org, wanted)))
      return { open, parts: found.has(open) || found.size > MAX_IDS ? [open] : [...found] }
    })
    let count = channels.reduce((sum, { parts }) => sum + parts.length, 0)
    for (const channel of channels.toSorted((a, b) => b.parts.length - a.parts.length)) {
      if (count <= most) break
      count -= channel.parts.length - 1
      channel.parts = [channel.open]
    }
    return channels.flatMap(({ parts }) => parts)
  }

  dispatch(message: Message): void {
    for (const { wanted, handler } of [...(this.#channels.get(message.channel) ?? [])]) {
      if (fits(message.params as never, wanted)) call(handler, message)
    }
  }

  emit<Name extends keyof ClientEvents>(name: Name, event: ClientEvents[Name]): void {
    for (const handler of [...(this.#listeners.get(name) ?? [])]) call(handler, event)
  }

  /** Who comes later is told what is retained, as if it had just come. */
  #replay(channel: Channel, subscription: Subscription): void {
    const all = this.#channels.get(channel)!
    for (const message of [...this.#retained(channel)]) {
      if (all.has(subscription) && fits(message.params as never, subscription.wanted)) {
        call(subscription.handler, { ...message, isSnapshot: true })
      }
    }
  }
}

/** A handler that throws is told to the console, as an event listener would be; the others and the stream go on. */
function call(handler: Handler, event: unknown): void {
  try {
    handler(event as never)
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
