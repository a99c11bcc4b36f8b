/** A message as its subscribers get it. */
export interface ObservedMessage {
  readonly topic: string
  readonly payload: Uint8Array
}

/** What else lives on the broker's messages, as event streams do. */
export interface LiveMessages {
  /**
   * Calls the listener with every message that was accepted, in the order in which subscribers get them; it decides itself who may
   * see what. The payload is to be read at once. @returns a function that stops it
   */
  observe(listener: (message: ObservedMessage) => void): () => void
  /** The retained messages that a filter matches, of every organisation. */
  retained(filter: string): readonly ObservedMessage[]
}
