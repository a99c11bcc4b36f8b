import type { Held, Share } from './intake.ts'

/** The place of one publish among the answers of its connection. */
export interface Turn {
  /** Call it once the answer may be given. */
  answer(give: () => void): void
  /** The publish is not worked on for now: it does not count as in flight. */
  putOff(): void
  takeUp(): void
}

interface Slot {
  readonly bytes: number
  give?: () => void
  isPutOff: boolean
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
 * first. [MQTT-4.6.0-2], [MQTT-4.6.0-3] Says when the connection is read: not while too much of it is in flight, or its principal has
 * more than its share in hand.
 */
export class OrderedAnswers implements Held {
  readonly #waiting: Slot[] = []
  readonly #reading: { pause: () => void; resume: () => void }
  readonly #share: Share
  #putOff = 0
  #putOffBytes = 0
  #working = 0
  #unordered = 0
  #paused = false
  #isHeld = false
  #ended = false

  /** @param reading stops and continues reading the connection */
  constructor(reading: { pause: () => void; resume: () => void }, share: Share) {
    this.#reading = reading
    this.#share = share
  }

  /** Takes the next place. @param bytes that the publish takes in memory */
  take(bytes: number): Turn {
    const slot: Slot = { bytes, isPutOff: false }
    this.#waiting.push(slot)
    this.#working += 1
    this.#share.take(bytes)
    this.ask()
    return {
      answer: give => {
        slot.give = give
        this.#working -= 1
        this.#flush(slot)
      },
      putOff: () => this.#putOffOne(slot),
      takeUp: () => this.#takeUp(slot),
    }
  }

  /** For a publish that gets no answer, QoS 0, and has to be worked on. @returns call it once it was */
  workOn(bytes: number): () => void {
    this.#unordered += 1
    this.#share.take(bytes)
    this.ask()
    return () => {
      this.#unordered -= 1
      this.#share.give(bytes)
      this.ask()
    }
  }

  /** The connection is gone: what was put off is not worked on any more; the rest still takes its memory until it is. */
  end(): void {
    this.#ended = true
    const slots = this.#waiting.splice(0)
    this.#share.leave(this)
    for (const slot of slots) {
      if (slot.isPutOff) this.#share.give(slot.bytes)
      else if (slot.give !== undefined) this.#give(slot)
    }
  }

  ask(): void {
    if (this.#ended) return
    const isHeld = this.#share.isTooLarge
    if (isHeld !== this.#isHeld) {
      this.#isHeld = isHeld
      if (isHeld) this.#share.hold(this)
      else this.#share.release(this)
    }
    const isPaused = isHeld || this.#isFull
    if (this.#paused === isPaused) return
    this.#paused = isPaused
    if (isPaused) this.#reading.pause()
    else this.#reading.resume()
  }

  #putOffOne(slot: Slot): void {
    slot.isPutOff = true
    this.#putOff += 1
    this.#putOffBytes += slot.bytes
    this.#working -= 1
    this.ask()
  }

  #takeUp(slot: Slot): void {
    slot.isPutOff = false
    this.#putOff -= 1
    this.#putOffBytes -= slot.bytes
    this.#working += 1
    this.ask()
  }

  #flush(slot: Slot): void {
    if (this.#ended) return this.#give(slot)
    while (this.#waiting[0]?.give !== undefined) this.#give(this.#waiting.shift()!)
    this.ask()
  }

  #give({ give, bytes }: Slot): void {
    give!()
    this.#share.give(bytes)
  }

  /** While some are put off, what was handled behind them does not count: an SOS must not wait in the socket for their sake. */
  get #isFull(): boolean {
    const { length } = this.#waiting
    if (this.#putOff === 0) return length + this.#unordered >= MAX_IN_FLIGHT
    if (this.#working + this.#unordered >= MAX_IN_FLIGHT) return true
    return length >= MOST_PLACES || this.#putOffBytes >= MOST_PUT_OFF_BYTES
  }
}
