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

export interface Judge {
  /** All that is done for a message before it is acknowledged. */
  judge(sender: Sender, passage: Passage): Verdict | Promise<Verdict>
  /** Tells the sender; returns an error when the connection has to end. */
  refuse(sender: Sender, packet: PublishPacket, error: unknown): Error | null
}

/** One PUBLISH of a connection, from its arrival to its answer; one object, because there is one of every message. */
export class Passage implements Arrival {
  readonly connection: Connection
  readonly packet: PublishPacket
  readonly parsed: ParsedTopic | null
  readonly turn: Turn | undefined
  readonly receivedAt: number
  readonly #judge: Judge
  readonly #done: (error: Error | null) => void

  constructor(
    judge: Judge,
    connection: Connection,
    packet: PublishPacket,
    parsed: ParsedTopic | null,
    receivedAt: number,
    done: (error: Error | null) => void,
  ) {
    this.connection = connection
    this.packet = packet
    this.parsed = parsed
    this.turn = packet.qos > 0 ? connection.answers.take(bytesOf(packet, parsed)) : undefined
    this.receivedAt = receivedAt
    this.#judge = judge
    this.#done = done
  }

  handle(): void {
    const { connection } = this
    // What was put off meanwhile has the rights that its sender has now.
    const sender: Sender = { principal: connection.principal, connection, isWill: false }
    try {
      const verdict = this.#judge.judge(sender, this)
      if (typeof verdict === 'string') this.#finish(verdict)
      else {
        if (this.turn === undefined) countUntilDone(sender, bytesOf(this.packet, this.parsed), verdict)
        verdict.then(
          settled => this.#finish(settled),
          error => this.#fail(sender, error),
        )
      }
    } catch (error) {
      this.#fail(sender, error)
    }
  }

  drop(): void {
    this.#finish('swallow')
  }

  #finish(verdict: Verdict): void {
    if (verdict === 'swallow') swallow(this.packet)
    this.#answer(null)
  }

  #fail(sender: Sender, error: unknown): void {
    const fatal = this.#judge.refuse(sender, this.packet, error)
    if (fatal === null) this.#finish('swallow')
    else this.#answer(fatal)
  }

  #answer(error: Error | null): void {
    if (this.turn === undefined) this.#done(error)
    else this.turn.answer(() => this.#done(error))
  }
}

/** QoS 0 that has to be worked on counts like the rest. */
export function countUntilDone({ connection, isWill }: Sender, bytes: number, work: Promise<unknown>): void {
  if (connection === null || isWill) return
  const done = connection.answers.workOn(bytes)
  work.then(done, done)
}

export function bytesOf({ payload }: PublishPacket, parsed: ParsedTopic | null): number {
  return MESSAGE_BYTES + payload.length * (parsed?.channel === 'locationBatch' ? BATCH_GROWS_BY : 1)
}
