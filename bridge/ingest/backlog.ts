import type { Logger } from 'pino'
import { type FixMessage, type QueuedFix, renew } from './fix-queue.ts'
import type { SentFix } from './ingest.ts'

/** Beyond so many fixes, or so much memory, it is overload: what may be thinned is. Short bursts lose nothing. */
const MOST_FIXES = 50_000
const MOST_BYTES = 32 * 1_048_576
/** It is over when so much of that is free again. */
const FREE_AFTER_OVERLOAD = 0.5
/** So many share what a transaction costs, and are worked off before anybody notices: they need not wait for more. */
export const QUIET_GROUP = 256
/**
 * Fixes that a device has in a group at least, when it has so many: its state is written once for them. One each would be fairer by a few
 * groups, and take twice the time.
 */
const LEAST_TURN = 8
/** Then a large message goes first. */
const MOST_PASSED_OVER = 3

/** The fixes of one device that wait, in the order in which they came. */
interface Lane {
  readonly fixes: QueuedFix[]
  /** Those before it were taken. */
  first: number
}

/** What memory tells of a fix before it is stored. */
interface Foresees {
  /** Asked of the fixes of a device in the order in which they wait. */
  isQuiet(fix: QueuedFix): boolean
  /** What waited is being stored. */
  forget(): void
}

interface Overload {
  readonly sinceMs: number
  thinned: number
  refused: number
  most: number
}

/**
 * Fixes that wait for their transaction: a lane for each device, served in turn, so that one device with thousands does not make
 * the others wait. When too many wait, a fix that may be thinned takes the place of the one before it: of each device the newest
 * is always stored.
 */
export class Backlog {
  #lanes = new Map<string, Lane>()
  readonly #logger: Logger
  readonly #now: () => number
  #overload: Overload | undefined
  #isPressed = false
  /** Groups since a large message was served though there may be one. */
  #passedOver = 0
  length = 0
  /** Those of them that are not thinned. */
  awaited = 0
  bytes = 0
  readonly #foresight: Foresees
  /** Something else than quiet fixes came since nothing waited, or more than wait for each other. */
  #isStirred = false
  /** Those of which it is not known whether anything comes of them. */
  #unasked: QueuedFix[] = []
  /** Fixes that were not stored, because a newer one was. */
  thinned = 0

  constructor({ logger, now, foresight }: { logger: Logger; now: () => number; foresight: Foresees }) {
    this.#logger = logger
    this.#now = now
    this.#foresight = foresight
  }

  /** All that wait may wait for more: nobody waits for them, and nothing comes of them. Told while no group is being stored. */
  get isQuiet(): boolean {
    for (const fix of this.#unasked) {
      if (!this.#foresight.isQuiet(fix)) {
        this.#stir()
        return false
      }
    }
    this.#unasked.length = 0
    return !this.#isStirred
  }

  #stir(): void {
    this.#isStirred = true
    this.#unasked.length = 0
  }

  get isOverloaded(): boolean {
    return this.#overload !== undefined
  }

  /** Whether the device may add to it: in overload only if nothing of it waits. */
  hasRoomFor(key: string): boolean {
    if (this.#overload === undefined || !this.#lanes.has(key)) return true
    this.#overload.refused += 1
    return false
  }

  add(fix: QueuedFix): void {
    if (this.#overload === undefined && (this.length >= MOST_FIXES || this.bytes >= MOST_BYTES)) {
      this.#overload = this.#begin()
    }
    const lane = this.#lanes.get(fix.key)
    if (lane === undefined) this.#lanes.set(fix.key, { fixes: [fix], first: 0 })
    else if (this.#overload !== undefined && this.#thin(this.#overload, lane, fix)) return
    else lane.fixes.push(fix)
    this.length += 1
    this.bytes += fix.bytes
    if (!fix.mayThin) this.awaited += 1
    if (this.#isStirred) return
    // Asking is worth it for few; in overload another fix may take the place of the one that was asked of.
    if (!fix.mayThin || this.length >= QUIET_GROUP || this.#overload !== undefined) this.#stir()
    else this.#unasked.push(fix)
  }

  /** The fix of a device whose place a newer one may take now. */
  replaceable(key: string, timestamp: number): QueuedFix | undefined {
    if (this.#overload === undefined) return undefined
    const last = this.#lanes.get(key)?.fixes.at(-1)
    return last?.mayThin && timestamp >= last.fix.timestamp ? last : undefined
  }

  /** As `add` would have it, for much less. @param older as `replaceable` gave it */
  replace(older: QueuedFix, sent: SentFix, by: { nowMs: number; message: FixMessage }): void {
    const before = older.bytes
    renew(older, sent, by)
    this.bytes += older.bytes - before
    this.#countThinned(this.#overload!)
  }

  /** While there is no time to store everything that comes, fixes are thinned however few wait: those that do, first of all. */
  press(isPressed: boolean): void {
    if (isPressed === this.#isPressed) return
    this.#isPressed = isPressed
    if (!isPressed) {
      if (this.#overload !== undefined) this.#mayBeOver(this.#overload)
      return
    }
    this.#overload ??= this.#begin()
    this.#stir()
    for (const lane of this.#lanes.values()) this.#thinLane(this.#overload, lane)
  }

  /** Up to so many, of all devices in turn; those of one message stay together, larger ones when the smaller leave room. */
  take(most: number): QueuedFix[] {
    const group = this.length <= most ? this.#takeAll() : this.#takeInTurn(most)
    if (this.length === 0) {
      this.#isStirred = false
      this.#unasked.length = 0
    }
    this.#foresight.forget()
    if (this.#overload !== undefined) this.#mayBeOver(this.#overload)
    return group
  }

  /**
   * The lanes are left as they are and others begun: a table from which one entry after the other is taken is made anew again and again,
   * and what was in the old one is kept until the collector comes to old tables.
   */
  #takeAll(): QueuedFix[] {
    const group: QueuedFix[] = []
    for (const { fixes, first } of this.#lanes.values()) {
      for (let i = first; i < fixes.length; i += 1) group.push(fixes[i]!)
    }
    this.#lanes = new Map()
    this.length = 0
    this.awaited = 0
    this.bytes = 0
    this.#passedOver = 0
    return group
  }

  #takeInTurn(most: number): QueuedFix[] {
    const group: QueuedFix[] = []
    const turn = Math.min(most, Math.max(LEAST_TURN, Math.floor(most / this.#lanes.size)))
    const isTurnOfLarge = this.#passedOver >= MOST_PASSED_OVER && this.#serveLarge(group, most, turn)
    const hasLarge = this.#serve(group, most, turn)
    const isServed = isTurnOfLarge || (hasLarge && this.#serveLarge(group, most, turn))
    // A full group was perhaps full before a large one was met.
    this.#passedOver = !isServed && (hasLarge || group.length >= most) ? this.#passedOver + 1 : 0
    return group
  }

  /** Messages of no more than a turn. @returns whether there are larger ones */
  #serve(group: QueuedFix[], most: number, turn: number): boolean {
    let hasLarger = false
    // Who is served is put behind all others, and met again.
    for (const [key, lane] of this.#lanes) {
      const size = messageSize(lane, turn)
      if (size > turn) hasLarger = true
      else if (size > most - group.length) return hasLarger
      else this.#move(group, key, lane, messagesSize(lane, Math.min(turn, most - group.length)))
      if (group.length >= most) return hasLarger
    }
    return hasLarger
  }

  /** Messages of more than a turn; one that is larger than a group is cut. @returns whether there was room for one */
  #serveLarge(group: QueuedFix[], most: number, turn: number): boolean {
    const before = group.length
    for (const [key, lane] of this.#lanes) {
      const size = messageSize(lane, most)
      if (size <= turn) continue
      const room = most - group.length
      if (room === 0 || (size > room && size <= most)) break
      this.#move(group, key, lane, Math.min(size, room))
    }
    return group.length > before
  }

  #move(group: QueuedFix[], key: string, lane: Lane, size: number): void {
    for (let i = 0; i < size; i += 1) {
      const fix = lane.fixes[lane.first++]!
      this.bytes -= fix.bytes
      if (!fix.mayThin) this.awaited -= 1
      group.push(fix)
    }
    this.length -= size
    this.#lanes.delete(key)
    if (lane.first === lane.fixes.length) return
    forgetTaken(lane)
    this.#lanes.set(key, lane)
  }

  /** @returns whether the lane is as it has to be now */
  #thin(overload: Overload, lane: Lane, fix: QueuedFix): boolean {
    const last = lane.fixes.at(-1)!
    if (!fix.mayThin || !last.mayThin) return false
    const [kept, left] = fix.fix.timestamp >= last.fix.timestamp ? [fix, last] : [last, fix]
    lane.fixes[lane.fixes.length - 1] = kept
    this.bytes += kept.bytes - last.bytes
    this.#leave(overload, left)
    return true
  }

  /** Of those that may be thinned, the newest stays. */
  #thinLane(overload: Overload, lane: Lane): void {
    const waiting = lane.fixes.splice(lane.first)
    const newest = waiting.reduce<QueuedFix | undefined>(
      (a, b) => (b.mayThin && (a === undefined || b.fix.timestamp >= a.fix.timestamp) ? b : a),
      undefined,
    )
    for (const fix of waiting) {
      if (!fix.mayThin || fix === newest) lane.fixes.push(fix)
      else {
        this.length -= 1
        this.bytes -= fix.bytes
        this.#leave(overload, fix)
      }
    }
  }

  #leave(overload: Overload, fix: QueuedFix): void {
    this.#countThinned(overload)
    fix.message.settle(fix, { status: 'thinned' })
  }

  #countThinned(overload: Overload): void {
    overload.thinned += 1
    this.thinned += 1
  }

  #begin(): Overload {
    const { length: fixes, bytes } = this
    this.#logger.warn(
      { fixes, bytes },
      'overload: fixes come faster than they are stored; of QoS 0 only the newest of each device is kept for now',
    )
    return { sinceMs: this.#now(), thinned: 0, refused: 0, most: fixes }
  }

  #mayBeOver(overload: Overload): void {
    overload.most = Math.max(overload.most, this.length)
    const part = 1 - FREE_AFTER_OVERLOAD
    if (this.#isPressed || this.length > MOST_FIXES * part || this.bytes > MOST_BYTES * part) return
    this.#overload = undefined
    const { sinceMs, thinned, refused, most } = overload
    const seconds = (this.#now() - sinceMs) / 1_000
    this.#logger.warn({ seconds, thinned, refused, mostFixes: most }, 'overload is over: every fix is stored again')
  }
}

/** How much waits first in a lane that came with one message; counted until it is more than that. */
function messageSize({ fixes, first }: Lane, most: number, after = 0): number {
  const start = first + after
  const { message } = fixes[start]!
  let size = 1
  while (size <= most && fixes[start + size]?.message === message) size += 1
  return size
}

/** How many fixes the messages have that wait first, as many as fit; the first one does. */
function messagesSize(lane: Lane, most: number): number {
  const waiting = lane.fixes.length - lane.first
  let size = messageSize(lane, most)
  while (size < Math.min(most, waiting)) {
    const next = messageSize(lane, most, size)
    if (size + next > most) return size
    size += next
  }
  return size
}

function forgetTaken(lane: Lane): void {
  if (lane.first < 64 && lane.first * 2 < lane.fixes.length) return
  lane.fixes.splice(0, lane.first)
  lane.first = 0
}
