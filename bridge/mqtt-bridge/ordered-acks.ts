/** A PUBLISH of QoS 1 that has to be acknowledged. */
interface Pending {
  readonly messageId: number
  isDone: boolean
}

/** PUBACKs go out in the order of their PUBLISHes [MQTT-4.6.0-2], each when its message and all before it are stored. */
export class OrderedAcks {
  readonly #send: (messageId: number) => void
  #pending: Pending[] = []

  constructor(send: (messageId: number) => void) {
    this.#send = send
  }

  get waiting(): number {
    return this.#pending.length
  }

  /** @returns to be called once the message is stored */
  expect(messageId: number): () => void {
    const pending = { messageId, isDone: false }
    this.#pending.push(pending)
    return () => {
      pending.isDone = true
      while (this.#pending[0]?.isDone) this.#send(this.#pending.shift()!.messageId)
    }
  }
}
