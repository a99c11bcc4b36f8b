/** The place of one publish among the answers of its connection. */
export interface Turn {
  /** Call it once the answer may be given. */
  answer(give: () => void): void
  /** The publish is not worked on for now: it does not count as in flight. */
  putOff(bytes: number): void
  takeUp(): void
}

interface Slot {
  give?: () => void
  /** Held in memory while it is put off; 0 = it is worked on. */
  bytes: number
}

/** Publishes of one connection that are worked on (contract §7); beyond it the broker stops reading, and the sender's socket fills. */
const MAX_IN_FLIGHT = 64
/**
 * While publishes are put off the broker reads on, so that an SOS behind them is seen: up to so many places, and so much memory.
 * Then it stops reading here too.
 */
const MOST_PLACES = 10_000
const MOST_PUT_OFF_BYTES = 4 * 1_048_576

/**
 * The answers to one connection's QoS 1 and 2 publishes: given in the order in which the publishes came, whichever is handled
 * first. [MQTT-4.6.0-2], [MQTT-4.6.0-3]
 */
export class OrderedAnswers {
  readonly #waiting: Slot[] = []
  readonly #pause: () => void
  readonly #resume: () => void
  #putOff = 0
  #putOffBytes = 0
  #working = 0
  #paused = false

  /** @param reading stops and continues reading the connection */
  constructor(reading: { pause: () => void; resume: () => void }) {
    this.#pause = reading.pause
    this.#resume = reading.resume
  }

  /** Takes the next place. */
  take(): Turn {
    const slot: Slot = { bytes: 0 }
    this.#waiting.push(slot)
    this.#working += 1
    this.#pauseOrResume()
    return {
      answer: give => {
        slot.give = give
        this.#working -= 1
        this.#flush()
      },
      putOff: bytes => this.#putOffOne(slot, Math.max(bytes, 1)),
      takeUp: () => this.#takeUp(slot),
    }
  }

  #putOffOne(slot: Slot, bytes: number): void {
    slot.bytes = bytes
    this.#putOff += 1
    this.#putOffBytes += bytes
    this.#working -= 1
    this.#pauseOrResume()
  }

  #takeUp(slot: Slot): void {
    this.#putOff -= 1
    this.#putOffBytes -= slot.bytes
    this.#working += 1
    slot.bytes = 0
    this.#pauseOrResume()
  }

  #flush(): void {
    while (this.#waiting[0]?.give !== undefined) this.#waiting.shift()!.give!()
    this.#pauseOrResume()
  }

  /** While some are put off, what was handled behind them does not count: an SOS must not wait in the socket for their sake. */
  get #isFull(): boolean {
    const { length } = this.#waiting
    if (this.#putOff === 0) return length >= MAX_IN_FLIGHT
    return this.#working >= MAX_IN_FLIGHT || length >= MOST_PLACES || this.#putOffBytes >= MOST_PUT_OFF_BYTES
  }

  #pauseOrResume(): void {
    if (this.#paused === this.#isFull) return
    this.#paused = !this.#paused
    if (this.#paused) this.#pause()
    else this.#resume()
  }
}
