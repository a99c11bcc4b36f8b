import { Readable } from 'node:stream'
import {
  decideFilter,
  decideTopic,
  type ErrorCode,
  matchesFilter,
  type Principal,
  parseTopic,
  TrackwireError,
} from '../../contract/index.ts'
import type { ObservedMessage } from './feeds.ts'
import { messageFrame, ownFrame } from './frame.ts'
import type { Ring } from './ring.ts'

/** Whose socket is full and who is further behind than this is sent the newest position of each device alone, and everything else. */
const POSITIONS_IN_FULL = 1_000
/** One write holds many messages, but no more than this. */
const WRITE_CHARACTERS = 16_384
const REMEMBERED_TOPICS = 10_000
/** So long a stream may be silent: a client that hears nothing for much longer takes the connection for dead. */
const SILENCE_MS = 5_000
/** Milliseconds after which a browser tries again when the stream ends. */
const RETRY_MS = 2_000

export interface StreamRequest {
  /** What the database says of the principal now. Errors: `principal_banned`, `token_revoked`. */
  readonly current: () => Principal
  readonly filters: readonly string[]
  /** Those of them that the client did not follow yet when it had its last event. */
  readonly freshFilters: readonly string[]
  /** The id of the last event that the client has, if it says one. */
  readonly lastEventId: string | undefined
  readonly endsAtMs: number
  readonly retained: (filter: string) => readonly ObservedMessage[]
}

/**
 * One client's events. It reads the ring at its own pace, as fast as its socket takes them: nobody waits for anybody, and a
 * client that does not read costs nothing but its place in the ring.
 */
export class EventStream extends Readable {
  readonly sub: string
  readonly endsAtMs: number
  readonly #ring: Ring
  readonly #epoch: string
  readonly #request: StreamRequest
  readonly #deliverable = new Map<string, boolean>()
  #principal: Principal
  #held: readonly string[] = []
  /** What comes before anything of the ring: notices, and what is retained. */
  #ahead: Iterator<string>[] = []
  /** The next number to send. */
  #cursor: number
  /** Up to here everything is sent, however far behind: what the client came back for, and what came while it kept up. */
  #inFullUntil: number
  #isReading = false
  #isOverrun = false
  #isFinished = false
  #wroteAtMs = 0
  /** Up to here, messages under fresh filters are older than what is retained of them and was sent. */
  readonly #openedAt: number

  constructor(ring: Ring, epoch: string, principal: Principal, request: StreamRequest) {
    super({ highWaterMark: WRITE_CHARACTERS })
    this.sub = principal.sub
    this.endsAtMs = request.endsAtMs
    this.#ring = ring
    this.#epoch = epoch
    this.#request = request
    this.#principal = principal
    this.#inFullUntil = ring.newest
    this.#openedAt = ring.newest
    const { lastEventId } = request
    const from = this.#offsetOf(lastEventId)
    this.#cursor = (from ?? ring.newest) + 1
    this.#say(`retry: ${RETRY_MS}\n\n`)
    if (from === undefined && lastEventId !== undefined) {
      const message = 'what came after the last event that you have is not kept any more; what is retained follows'
      this.#say(`${ownFrame('gap', { message })}\n`)
    }
    this.#hold(() => true)
    if (from === undefined) this.#ahead.push(this.#snapshot(() => true))
    else if (request.freshFilters.length > 0) this.#ahead.push(this.#snapshot(topic => !this.#wasFollowed(topic)))
    // The id is given after the snapshot: whoever is cut off before it is sent all of it again.
    this.#say(`${ownFrame('ready', { resumed: from !== undefined })}id: ${epoch}-${this.#cursor - 1}\n\n`)
  }

  /** There may be something new. */
  wake(): void {
    // Who took everything so far is sent all of what is new; who could not, because its socket is full, may be sent less.
    if (this.#isReading) this.#inFullUntil = this.#ring.newest
    this.#pump()
  }

  #pump(): void {
    while (this.#isReading && !this.#isFinished) {
      const text = this.#gather()
      if (text !== '') this.#write(text)
      if (this.#isOverrun) return this.finish()
      if (text === '') return
    }
  }

  /** A comment when nothing was sent for a while, so that nothing on the way takes the connection for dead. */
  keepAlive(): void {
    if (Date.now() - this.#wroteAtMs >= SILENCE_MS && this.#isReading && !this.#isFinished) this.#write(':\n\n')
  }

  /** The rights of the principal may be others now. */
  reassess(): void {
    if (this.#isFinished) return
    const before = this.#principal
    const held = this.#held
    try {
      this.#principal = this.#request.current()
    } catch (error) {
      if (!(error instanceof TrackwireError)) throw error
      return this.finish({ code: error.code, message: error.message })
    }
    this.#deliverable.clear()
    this.#hold(filter => held.includes(filter))
    this.#ahead.push(this.#snapshot(topic => !decideTopic(before, 'subscribe', topic).allowed))
    this.wake()
  }

  /** Ends the stream, and says why where there is a reason; what it has not sent yet is left out. */
  finish(notice?: { code: ErrorCode; message: string }): void {
    if (this.#isFinished) return
    this.#isFinished = true
    if (notice !== undefined) this.push(`${ownFrame('error', notice)}\n`)
    this.push(null)
  }

  #write(text: string): void {
    this.#wroteAtMs = Date.now()
    this.#isReading = this.push(text)
  }

  override _read(): void {
    this.#isReading = true
    this.#pump()
  }

  #gather(): string {
    let text = ''
    while (text.length < WRITE_CHARACTERS && !this.#isOverrun) {
      const frame = this.#next()
      if (frame === undefined) break
      text += frame
    }
    return text
  }

  #next(): string | undefined {
    for (let first = this.#ahead[0]; first !== undefined; first = this.#ahead[0]) {
      const { value, done } = first.next()
      if (!done) return value
      this.#ahead.shift()
    }
    for (; this.#cursor <= this.#ring.newest; this.#cursor++) {
      const entry = this.#ring.at(this.#cursor)
      if (entry === undefined) {
        // It fell out of the ring: the client comes back with the last id that it has, and is told of the gap.
        this.#isOverrun = true
        return ': read too slowly; connect again\n\n'
      }
      const isFarBehind = this.#cursor > this.#inFullUntil && this.#ring.newest - this.#cursor > POSITIONS_IN_FULL
      if (isFarBehind && this.#ring.isSuperseded(entry, this.#cursor)) continue
      if (!this.#mayReceive(entry.topic)) continue
      if (this.#cursor <= this.#openedAt && !this.#wasFollowed(entry.topic)) continue
      return `${entry.frame}id: ${this.#epoch}-${this.#cursor++}\n\n`
    }
    return undefined
  }

  #say(...frames: string[]): void {
    this.#ahead.push(frames.values())
  }

  /** Which of the filters are held now; of the others, those that it cares for are told. */
  #hold(isTold: (filter: string) => boolean): void {
    const decisions = this.#request.filters.map(filter => ({ filter, ...decideFilter(this.#principal, filter) }))
    this.#held = decisions.filter(({ allowed }) => allowed).map(({ filter }) => filter)
    for (const { filter, allowed, reason } of decisions) {
      if (allowed || !isTold(filter)) continue
      const notice = { code: 'subscribe_forbidden', message: `not allowed: ${reason}`, topic: filter }
      this.#say(`${ownFrame('error', notice)}\n`)
    }
  }

  /** What is retained under the filters as of now, without ids: more of it may come as messages of the ring. */
  #snapshot(isWanted: (topic: string) => boolean): Iterator<string> {
    const messages = new Map(this.#held.flatMap(filter => this.#request.retained(filter)).map(one => [one.topic, one]))
    return this.#framesOf(messages.values(), isWanted)
  }

  *#framesOf(messages: Iterable<ObservedMessage>, isWanted: (topic: string) => boolean): Generator<string> {
    for (const { topic, payload } of messages) {
      const channel = parseTopic(topic)?.channel
      if (channel !== undefined && isWanted(topic) && this.#mayReceive(topic)) {
        yield `${messageFrame(channel, topic, payload)}\n`
      }
    }
  }

  /** Whether the client followed the topic before it opened this stream. */
  #wasFollowed(topic: string): boolean {
    const { filters, freshFilters } = this.#request
    if (freshFilters.length === 0) return true
    return filters.some(filter => !freshFilters.includes(filter) && matchesFilter(filter, topic))
  }

  #mayReceive(topic: string): boolean {
    let may = this.#deliverable.get(topic)
    if (may === undefined) {
      may =
        this.#held.some(filter => matchesFilter(filter, topic)) &&
        decideTopic(this.#principal, 'subscribe', topic).allowed
      if (this.#deliverable.size >= REMEMBERED_TOPICS) this.#deliverable.clear()
      this.#deliverable.set(topic, may)
    }
    return may
  }

  /** The number in an id of this ring, when everything after it is still here. */
  #offsetOf(id: string | undefined): number | undefined {
    const [, epoch, digits] = /^([0-9a-f]+)-(\d{1,15})$/.exec(id ?? '') ?? []
    const offset = Number(digits)
    return epoch === this.#epoch && this.#ring.reaches(offset) ? offset : undefined
  }
}
