import type { Duplex } from 'node:stream'
import { topicOfEncoded } from './encode-publish.ts'
import { InFlight } from './in-flight.ts'
import { CLOSE_ABOVE_BYTES, DROP_ABOVE_BYTES, HOLD_ABOVE_BYTES } from './slow-consumers.ts'

/** A message of QoS 1 or 2 on its way out. */
export interface Acknowledged {
  readonly topic: string
  readonly bytes: number
  /**
   * Of a session that outlives its connection: keeps the packet identifier with the message, before it is sent. What has none was never sent
   * and comes without DUP to the next connection. @returns false when it is not to be sent after all
   */
  readonly store: ((packetId: number) => Promise<boolean>) | undefined
  /** Called when the client has acknowledged it. */
  readonly onAcknowledged?: (() => void) | undefined
  encode(packetId: number): Buffer
}

/** Who numbers the messages of a connection. */
export interface Numbering {
  /** The next packet identifier to try. */
  nextId(): number
}

/** The same for all connections. */
export interface OutgoingOptions {
  /** How long nothing may move, neither the socket nor an acknowledgement, while something waits. */
  readonly drainTimeoutMs: number
  /** `drop`: a message will not come any more; `close`: the consumer is given up. */
  readonly count: (lane: 'drop' | 'close') => void
}

const FORGET_WRITTEN_AFTER = 1_024

type Waiting = Buffer | Acknowledged

/** A message in flight that is not written before it is stored, nor before those that were there first. */
interface Storing {
  readonly message: Acknowledged
  readonly packetId: number
  /** Unknown until it is stored. */
  isToBeSent: boolean | undefined
}

/** Of most connections no position waits: they share it. */
const NO_POSITIONS = new Map<string, Waiting>()

/** Of most connections nothing is being stored: they share it. */
const NOTHING_STORING: Storing[] = []

/** An array that grows from nothing takes room for seventeen at once; most writes are of one part. */
const NO_PARTS: Buffer[] = []

/** Connections that have something to write at the end of this turn of the event loop. */
let toFlush: Outgoing[] = []
/** Many connections are often sent the very same messages: what was joined last. */
let joinedParts: readonly Buffer[] = []
let joinedBytes: Buffer | undefined

function flushAll(): void {
  const all = toFlush
  toFlush = []
  for (const outgoing of all) outgoing.flush()
  joinedParts = []
  joinedBytes = undefined
}

/**
 * What one connection is sent: all of one turn of the event loop in one write (one frame of a WebSocket). While the socket is full,
 * nothing more is written to it; what waits then has two lanes. Messages wait in order, first those that may not be lost; of positions
 * only the newest of each topic waits. QoS 1 and 2 wait in order, too, while so many are unacknowledged as may be in flight.
 */
export class Outgoing {
  readonly inFlight = new InFlight()
  readonly #conn: Duplex
  readonly #numbering: Numbering
  readonly #options: OutgoingOptions
  #parts = NO_PARTS
  #partsBytes = 0
  /** The socket is full: nothing is written until it drains. */
  #isHeld = false
  /** In order; a buffer is a message of QoS 0. */
  #ordered: Waiting[] = []
  /** Those before it were written. */
  #first = 0
  #orderedBytes = 0
  #storing = NOTHING_STORING
  #newest = NO_POSITIONS
  #newestBytes = 0
  #afterDrain: (() => void)[] = []
  #timer: NodeJS.Timeout | undefined
  #isEnded = false

  constructor(conn: Duplex, numbering: Numbering, options: OutgoingOptions) {
    this.#conn = conn
    this.#numbering = numbering
    this.#options = options
  }

  /** What waits beside the socket's own buffer. */
  get waitingBytes(): number {
    return this.#partsBytes + this.#orderedBytes + this.#newestBytes
  }

  /** A message of QoS 0. @param topic of a position: it takes the place of the one that waits */
  send(bytes: Buffer, topic?: string): void {
    if (this.#isEnded) return
    if (topic !== undefined && (this.#isHeld || this.#newest.size > 0)) return this.#putNewest(topic, bytes)
    if (!this.#isHeld) {
      this.#write(bytes)
      if (this.#partsBytes > HOLD_ABOVE_BYTES) this.flush()
    } else if (this.#orderedBytes + bytes.length > DROP_ABOVE_BYTES) this.#options.count('drop')
    else this.#putOrdered(bytes)
  }

  /** A message of QoS 1 or 2. @param isPosition and of a session that ends with its connection: only the newest waits */
  sendAcknowledged(message: Acknowledged, isPosition: boolean): void {
    if (this.#isEnded) return
    const isBehind = this.#isHeld || this.#newest.size > 0 || this.#orderedBytes > DROP_ABOVE_BYTES
    if (isPosition && isBehind) return this.#putNewest(message.topic, message)
    if (this.#isHeld || this.#waiting > 0 || this.inFlight.isFull) return this.#putOrdered(message)
    this.#writeAcknowledged(message)
    if (this.#partsBytes > HOLD_ABOVE_BYTES) this.flush()
  }

  /** An answer of the protocol: never dropped. `done` is called when more may come. */
  answer(bytes: Buffer, done: () => void): void {
    if (this.#isEnded) return done()
    this.#write(bytes)
    this.whenRoom(done)
  }

  /** Calls back at once, or when the socket has taken what it was given. */
  whenRoom(done: () => void): void {
    if (this.#isHeld) this.#afterDrain.push(done)
    else done()
  }

  /** The client has acknowledged it. */
  acknowledged(packetId: number): void {
    if (!this.inFlight.remove(packetId) || this.#isHeld) return
    this.#writeWaiting()
    this.#watch(true)
  }

  /** Rights are other ones: what waits and may not be received any more is not sent. A stored session is asked when it is its turn. */
  withdraw(mayReceive: (topic: string) => boolean): void {
    if (this.#waiting + this.#newest.size === 0) return
    this.#ordered = this.#ordered.filter(
      (message, i) =>
        i >= this.#first &&
        (Buffer.isBuffer(message)
          ? mayReceive(topicOfEncoded(message))
          : message.store !== undefined || mayReceive(message.topic)),
    )
    this.#first = 0
    this.#orderedBytes = this.#ordered.reduce((bytes, message) => bytes + bytesOf(message), 0)
    for (const [topic, message] of this.#newest) {
      if (mayReceive(topic)) continue
      this.#newest.delete(topic)
      this.#newestBytes -= bytesOf(message)
    }
    this.#watch(false)
  }

  /** Writes what is due; called at the end of the turn. */
  flush(): void {
    const parts = this.#parts
    if (parts.length === 0) return
    this.#parts = NO_PARTS
    this.#partsBytes = 0
    const conn = this.#conn
    if (this.#isEnded || conn.destroyed || !conn.writable) return
    conn.write(parts.length === 1 ? parts[0]! : join(parts))
    if (conn.writableLength > HOLD_ABOVE_BYTES) this.#hold()
  }

  end(): void {
    this.#isEnded = true
    this.#parts = NO_PARTS
    this.#ordered = []
    this.#first = 0
    this.#storing = NOTHING_STORING
    this.#newest = NO_POSITIONS
    this.#orderedBytes = 0
    this.#newestBytes = 0
    clearTimeout(this.#timer)
    this.inFlight.close()
    for (const done of this.#afterDrain.splice(0)) done()
  }

  #write(bytes: Buffer): void {
    if (this.#parts.length === 0) {
      if (toFlush.length === 0) setImmediate(flushAll)
      toFlush.push(this)
      this.#parts = [bytes]
    } else this.#parts.push(bytes)
    this.#partsBytes += bytes.length
  }

  #writeAcknowledged(message: Acknowledged): void {
    const packetId = this.freeId()
    this.inFlight.add(packetId, message.onAcknowledged)
    if (message.store === undefined) this.#write(message.encode(packetId))
    else this.#store(message.store, { message, packetId, isToBeSent: undefined })
  }

  #store(store: NonNullable<Acknowledged['store']>, storing: Storing): void {
    if (this.#storing === NOTHING_STORING) this.#storing = []
    this.#storing.push(storing)
    void store(storing.packetId).then(isToBeSent => {
      storing.isToBeSent = isToBeSent
      this.#writeStored()
    })
  }

  /** They have their places in flight, which are few: a socket that was filled meanwhile takes them all the same. */
  #writeStored(): void {
    let isRoom = false
    while (this.#storing[0]?.isToBeSent !== undefined) {
      const { message, packetId, isToBeSent } = this.#storing.shift()!
      if (isToBeSent) this.#write(message.encode(packetId))
      else {
        this.inFlight.release(packetId)
        isRoom = true
      }
    }
    if (this.#partsBytes > HOLD_ABOVE_BYTES) this.flush()
    if (isRoom && !this.#isHeld) this.#writeWaiting()
  }

  /** A packet identifier that is not in use. [MQTT-2.3.1-4] */
  freeId(): number {
    let packetId = this.#numbering.nextId()
    while (this.inFlight.has(packetId)) packetId = this.#numbering.nextId()
    return packetId
  }

  #putOrdered(message: Waiting): void {
    this.#ordered.push(message)
    this.#orderedBytes += bytesOf(message)
    if (this.#orderedBytes > CLOSE_ABOVE_BYTES) this.#giveUp()
    else this.#watch(false)
  }

  #putNewest(topic: string, message: Waiting): void {
    const before = this.#newest.get(topic)
    if (before !== undefined) {
      this.#options.count('drop')
      this.#newestBytes -= bytesOf(before)
    } else if (this.#newestBytes + bytesOf(message) > DROP_ABOVE_BYTES) return this.#options.count('drop')
    if (this.#newest === NO_POSITIONS) this.#newest = new Map()
    this.#newest.set(topic, message)
    this.#newestBytes += bytesOf(message)
    this.#watch(false)
  }

  /** Until it drains. A socket that takes a write at once emits no `drain`, however large the write was. */
  #hold(): void {
    if (this.#isHeld) return
    this.#isHeld = true
    const release = () => this.#release()
    if (this.#conn.writableNeedDrain) this.#conn.once('drain', release)
    else setImmediate(release)
    this.#watch(false)
  }

  /** The consumer is given up when something waits, and nothing moves. */
  #watch(moves: boolean): void {
    if (!this.#isHeld && this.#waiting + this.#newest.size === 0) {
      clearTimeout(this.#timer)
      this.#timer = undefined
    } else if (this.#timer === undefined) {
      this.#timer = setTimeout(() => this.#giveUp(), this.#options.drainTimeoutMs)
      this.#timer.unref()
    } else if (moves) this.#timer.refresh()
  }

  #release(): void {
    if (this.#isEnded) return
    this.#isHeld = false
    this.#writeWaiting()
    this.#watch(true)
    if (this.#isHeld) return
    for (const done of this.#afterDrain.splice(0)) done()
  }

  /** What may not be lost first, then the positions; as much as the socket is good for. */
  #writeWaiting(): void {
    do {
      while (this.#waiting > 0 && this.#partsBytes <= HOLD_ABOVE_BYTES) {
        const message = this.#ordered[this.#first]!
        if (!this.#writeOne(message)) return
        this.#orderedBytes -= bytesOf(message)
        this.#first += 1
        this.#forgetWritten()
      }
      for (const [topic, message] of this.#newest) {
        if (this.#partsBytes > HOLD_ABOVE_BYTES) break
        if (!this.#writeOne(message)) return
        this.#newest.delete(topic)
        this.#newestBytes -= bytesOf(message)
      }
      if (this.#partsBytes > HOLD_ABOVE_BYTES) this.flush()
      // What the socket took at once makes room for the rest.
    } while (!this.#isHeld && this.#waiting + this.#newest.size > 0)
  }

  get #waiting(): number {
    return this.#ordered.length - this.#first
  }

  #forgetWritten(): void {
    if (this.#first < this.#ordered.length && this.#first < FORGET_WRITTEN_AFTER) return
    this.#ordered.splice(0, this.#first)
    this.#first = 0
  }

  #writeOne(message: Waiting): boolean {
    if (Buffer.isBuffer(message)) this.#write(message)
    else if (this.inFlight.isFull) return false
    else this.#writeAcknowledged(message)
    return true
  }

  #giveUp(): void {
    if (this.#isEnded) return
    this.#options.count('close')
    this.#conn.destroy()
    this.end()
  }
}

function bytesOf(message: Waiting): number {
  return Buffer.isBuffer(message) ? message.length : message.bytes
}

function join(parts: readonly Buffer[]): Buffer {
  const { length } = parts
  let isSame = joinedBytes !== undefined && joinedParts.length === length
  for (let i = 0; isSame && i < length; i += 1) isSame = parts[i] === joinedParts[i]
  if (isSame) return joinedBytes!
  joinedParts = parts
  joinedBytes = Buffer.concat(parts as Buffer[])
  return joinedBytes
}
