interface Slot {
  answer?: () => void
}

/** Unanswered publishes of one connection (contract §7); beyond it the broker stops reading, and the sender's socket fills. */
const MAX_IN_FLIGHT = 64

/**
 * The answers to one connection's QoS 1 and 2 publishes: given in the order in which the publishes came, whichever is handled
 * first. [MQTT-4.6.0-2], [MQTT-4.6.0-3]
 */
export class OrderedAnswers {
  readonly #waiting: Slot[] = []
  readonly #pause: () => void
  readonly #resume: () => void
  #paused = false

  /** @param reading stops and continues reading the connection */
  constructor(reading: { pause: () => void; resume: () => void }) {
    this.#pause = reading.pause
    this.#resume = reading.resume
  }

  /** Takes the next place; call what it returns once the answer may be given. */
  take(): (answer: () => void) => void {
    const slot: Slot = {}
    this.#waiting.push(slot)
    if (!this.#paused && this.#waiting.length >= MAX_IN_FLIGHT) {
      this.#paused = true
      this.#pause()
    }
    return answer => {
      slot.answer = answer
      this.#flush()
    }
  }

  #flush(): void {
    while (this.#waiting[0]?.answer !== undefined) this.#waiting.shift()!.answer!()
    if (this.#paused && this.#waiting.length < MAX_IN_FLIGHT) {
      this.#paused = false
      this.#resume()
    }
  }
}
