import type { PublishPacket } from 'aedes'
import type { ParsedTopic } from '../../contract/index.ts'
import type { Connection } from '../connections.ts'
import type { Turn } from '../delivery/ordered-answers.ts'
import type { Arrival } from '../limits/publish-limits.ts'
import { swallow } from '../trackwire-aedes.ts'
import type { Sender } from './sender.ts'

/** `forward` = route it to subscribers; `swallow` = acknowledge it, and no more. */
export type Verdict = 'forward' | 'swallow'

/** What a message takes in memory beside its payload. */
const MESSAGE_BYTES = 512
/** A batch takes so much more memory than its payload while its fixes wait. */
const BATCH_GROWS_BY = 8

/** `later`: by a call of {@link Later}. */
export type Answer = Verdict | Promise<Verdict> | 'later'

/** Takes the one answer that was not there at once. */
export interface Later {
  settle(verdict: Verdict): void
  fail(error: unknown): void
}

export interface Judge {
  /** All that is done for a message before it is acknowledged. */
  judge(sender: Sender, passage: Passage): Answer
  /** Tells the sender; returns an error when the connection has to end. */
  refuse(sender: Sender, packet: PublishPacket, error: unknown): Error | null
}

/** Takes the word on a PUBLISH: it may be acknowledged and passed on, or its connection has to end. */
export interface Judged {
  judged(error: Error | null): void
}

/** One PUBLISH of a connection, from its arrival to its answer; one object, because there is one of every message. */
export class Passage implements Arrival, Later {
  readonly connection: Connection
  readonly packet: PublishPacket
  readonly parsed: ParsedTopic | null
  readonly turn: Turn | undefined
  readonly receivedAt: number
  #sender: Sender | undefined
  #isSettled = false
  /** Of QoS 0 that is worked on. */
  #worked: (() => void) | undefined
  readonly #judge: Judge
  readonly #next: Judged

  constructor(
    judge: Judge,
    connection: Connection,
    packet: PublishPacket,
    parsed: ParsedTopic | null,
    receivedAt: number,
    next: Judged,
  ) {
    this.connection = connection
    this.packet = packet
    this.parsed = parsed
    this.turn = packet.qos > 0 ? connection.answers.take(bytesOf(packet, parsed)) : undefined
    this.receivedAt = receivedAt
    this.#judge = judge
    this.#next = next
  }

  handle(): void {
    const { connection } = this
    // What was put off meanwhile has the rights that its sender has now.
    this.#sender = { principal: connection.principal, connection, isWill: false }
    try {
      const answer = this.#judge.judge(this.#sender, this)
      if (answer === 'forward' || answer === 'swallow') return this.settle(answer)
      // QoS 0 that has to be worked on counts like the rest.
      if (this.turn === undefined && !this.#isSettled) {
        this.#worked = connection.answers.workOn(bytesOf(this.packet, this.parsed))
      }
      if (answer !== 'later')
        answer.then(
          verdict => this.settle(verdict),
          error => this.fail(error),
        )
    } catch (error) {
      this.fail(error)
    }
  }

  settle(verdict: Verdict): void {
    if (verdict === 'swallow') swallow(this.packet)
    this.#answer(null)
  }

  fail(error: unknown): void {
    const fatal = this.#judge.refuse(this.#sender!, this.packet, error)
    if (fatal === null) this.settle('swallow')
    else this.#answer(fatal)
  }

  drop(): void {
    this.settle('swallow')
  }

  #answer(error: Error | null): void {
    this.#isSettled = true
    this.#worked?.()
    if (this.turn === undefined) this.#next.judged(error)
    else this.turn.answer(() => this.#next.judged(error))
  }
}

function bytesOf({ payload }: PublishPacket, parsed: ParsedTopic | null): number {
  return MESSAGE_BYTES + payload.length * (parsed?.channel === 'locationBatch' ? BATCH_GROWS_BY : 1)
}
