import type { Logger } from 'pino'

/** What unanswered publishes of all connections may take in memory. */
export const MOST_INTAKE_BYTES = 32 * 1_048_576
/** A principal may have so much of what is free in hand: one alone a fifth of all, many who are busy equal parts. */
const PART_OF_FREE = 0.25
/** Overload is over when nobody is held, and so much of it is free again. */
const FREE_AFTER_OVERLOAD = 0.5
/** When it has been over for so long, it is said. */
const OVER_AFTER_MS = 2_000
/** An answer to one makes room for others, too: so many of them are asked. */
const ASKED_AT_ONCE = 2

/** A connection that is held asks itself whether it still has to be. */
export interface Held {
  ask(): void
}

/** Almost nobody is held: they share it. */
const NOBODY = new Set<Held>()

/** What the connections of one principal have in hand. */
export class Share {
  readonly #intake: Intake
  readonly principal: string
  bytes = 0
  connections = 0
  held = NOBODY

  constructor(intake: Intake, principal: string) {
    this.#intake = intake
    this.principal = principal
  }

  take(bytes: number): void {
    this.bytes += bytes
    this.#intake.took(bytes)
  }

  give(bytes: number): void {
    this.bytes -= bytes
    this.#intake.gave(this, bytes)
  }

  /** Whether it has to wait until some of it is answered. Who has nothing in hand never has to. */
  get isTooLarge(): boolean {
    return this.bytes > 0 && this.bytes >= this.#intake.mostOfOne
  }

  hold(held: Held): void {
    if (this.held === NOBODY) this.held = new Set()
    this.held.add(held)
    this.#intake.holds(held)
  }

  release(held: Held): void {
    if (this.held.delete(held)) this.#intake.releases(held)
  }

  leave(held: Held): void {
    this.release(held)
    this.connections -= 1
    this.#intake.left(this)
  }
}

/**
 * Memory of the publishes that wait for their answers, those of all connections together. When much of it is taken, who has most in hand
 * is read no more, and first: everybody may take a part of what is still free (the "dynamic thresholds" of switches), so that a flood
 * holds itself back and leaves room for the others.
 */
export class Intake {
  readonly #mostBytes: number
  readonly #logger: Logger
  readonly #now: () => number
  readonly #shares = new Map<string, Share>()
  /** Who was asked longest ago comes first. */
  readonly #held = new Set<Held>()
  #overload: { readonly sinceMs: number; mostHeld: number; timer: NodeJS.Timeout | undefined } | undefined
  bytes = 0
  messages = 0

  constructor({
    logger,
    now,
    mostBytes = MOST_INTAKE_BYTES,
  }: { logger: Logger; now: () => number; mostBytes?: number }) {
    this.#mostBytes = mostBytes
    this.#logger = logger
    this.#now = now
  }

  get isOverloaded(): boolean {
    return this.#held.size > 0 || this.bytes > this.#mostBytes * (1 - FREE_AFTER_OVERLOAD)
  }

  get held(): number {
    return this.#held.size
  }

  get mostOfOne(): number {
    return (this.#mostBytes - this.bytes) * PART_OF_FREE
  }

  /** One more connection of a principal. */
  enter(principal: string): Share {
    const share = this.#shares.get(principal) ?? new Share(this, principal)
    this.#shares.set(principal, share)
    share.connections += 1
    return share
  }

  left(share: Share): void {
    if (share.connections === 0 && share.bytes === 0) this.#shares.delete(share.principal)
  }

  close(): void {
    clearTimeout(this.#overload?.timer)
  }

  took(bytes: number): void {
    this.bytes += bytes
    this.messages += 1
  }

  gave(share: Share, bytes: number): void {
    this.bytes -= bytes
    this.messages -= 1
    if (share.connections === 0) this.left(share)
    if (this.#held.size > 0) this.#askAgain(share)
    if (this.#overload !== undefined) this.#mayBeOver()
  }

  holds(held: Held): void {
    this.#held.add(held)
    if (this.#overload === undefined) {
      this.#overload = { sinceMs: this.#now(), mostHeld: 0, timer: undefined }
      const { bytes, messages } = this
      this.#logger.warn({ messages, bytes }, 'overload: connections that have most in hand are not read for now')
    }
    this.#overload.mostHeld = Math.max(this.#overload.mostHeld, this.#held.size)
    clearTimeout(this.#overload.timer)
    this.#overload.timer = undefined
  }

  releases(held: Held): void {
    this.#held.delete(held)
  }

  #askAgain(share: Share): void {
    for (const held of [...share.held]) held.ask()
    let asked = 0
    for (const held of this.#held) {
      if (asked === ASKED_AT_ONCE) return
      asked += 1
      this.#held.delete(held)
      this.#held.add(held)
      held.ask()
    }
  }

  /** A flood that is let in again and held again is one overload, and said once. */
  #mayBeOver(): void {
    const overload = this.#overload!
    if (this.isOverloaded || overload.timer !== undefined) return
    const seconds = (this.#now() - overload.sinceMs) / 1_000
    overload.timer = setTimeout(() => {
      overload.timer = undefined
      if (this.isOverloaded) return
      this.#overload = undefined
      this.#logger.warn({ seconds, mostHeld: overload.mostHeld }, 'overload is over: everybody is read')
    }, OVER_AFTER_MS)
    overload.timer.unref()
  }
}
