import type { Client } from 'aedes'
import type { Fault } from './faults.ts'
import { PacketGuard, type Pass } from './packet-guard.ts'
import { type PlainPackets, PlainReader, packetBytesAt } from './plain-packets.ts'
import { type Reading, readingOf } from './reading.ts'

interface Parsing {
  readonly connected: boolean
  readonly closed: boolean
  _parser: {
    parse(chunk: Uint8Array): number
    /** So many bytes were left out of the PUBLISH that is parsed next. */
    skipped: number
  }
}

const skippedBytes = Symbol('skipped bytes')

/** How many bytes of a PUBLISH's payload were left out because they were over the limit; 0 = none. */
export function skippedOf(packet: object): number {
  return (packet as { [skippedBytes]?: number })[skippedBytes] ?? 0
}

export function markSkipped(packet: object, bytes: number): void {
  ;(packet as { [skippedBytes]?: number })[skippedBytes] = bytes
}

/** The same for all connections. */
export interface Guarding {
  readonly maxPacketBytes: number
  /** Told why a connection is ended. */
  refused(client: Client, fault: Fault): void
}

/**
 * Puts a {@link PacketGuard} in front of the connection's parser. In place of a stream of its own, which would cost
 * every chunk a copy and a turn of the event loop. Packets that {@link PlainReader} knows go past both.
 */
export function guardPackets(client: Client, guarding: Guarding, plain: PlainPackets): void {
  const parser = (client as unknown as Parsing)._parser
  const guarded = new GuardedParsing(client, guarding, plain)
  parser.parse = chunk => guarded.take(chunk as Buffer)
}

class GuardedParsing {
  readonly #client: Client
  readonly #guarding: Guarding
  readonly #plain: PlainPackets
  readonly #guard: PacketGuard
  readonly #reader: PlainReader
  readonly #reading: Reading
  readonly #pass: Pass
  /** What was read and is not parsed yet; undefined, as almost always, when there is nothing. */
  #waiting: Buffer[] | undefined
  #isParsing = false

  constructor(client: Client, guarding: Guarding, plain: PlainPackets) {
    const parser = (client as unknown as Parsing)._parser
    const { parse } = parser
    this.#client = client
    this.#guarding = guarding
    this.#plain = plain
    this.#guard = new PacketGuard(guarding.maxPacketBytes)
    this.#reader = new PlainReader(guarding.maxPacketBytes)
    this.#reading = readingOf(client)
    this.#pass = (bytes, skipped) => {
      if (skipped !== undefined) parser.skipped = skipped
      parse.call(parser, bytes)
    }
  }

  take(chunk: Buffer): number {
    const waits = this.#isParsing || this.#reading.isPaused || this.#waiting !== undefined
    if (waits && chunk.length > 0) this.#wait().push(chunk)
    // A packet that is handled at once has Aedes read on before the rest of its chunk is parsed.
    if (this.#isParsing) return 0
    this.#isParsing = true
    if (!waits) this.#parse(chunk)
    while (this.#waiting !== undefined && !this.#reading.isPaused) {
      const next = this.#waiting.shift()!
      if (this.#waiting.length === 0) this.#waiting = undefined
      this.#parse(next)
    }
    this.#isParsing = false
    this.#reading.hasUnparsed = this.#waiting !== undefined
    return 0
  }

  #wait(): Buffer[] {
    this.#waiting ??= []
    return this.#waiting
  }

  #parse(chunk: Buffer): void {
    const fault = this.#read(chunk)
    if (fault !== null) this.#end(fault)
  }

  /** Packet by packet, so that each is read in the one way or the other. */
  #read(chunk: Buffer): Fault | null {
    const parsing = this.#client as unknown as Parsing
    const guard = this.#guard
    let at = 0
    while (at < chunk.length && !guard.isOver) {
      if (this.#reading.isPaused) {
        this.#wait().unshift(chunk.subarray(at))
        return null
      }
      // While a session is set up or resumed, Aedes puts packets in order.
      if (guard.isBetweenPackets && parsing.connected && !parsing.closed) {
        const bytes = this.#reader.read(chunk, at, this.#plain)
        if (bytes > 0) {
          at += bytes
          continue
        }
      }
      const until = at + (guard.isBetweenPackets ? packetBytesAt(chunk, at) : guard.bytesLeft)
      const next = until > at && until < chunk.length ? until : chunk.length
      const fault = guard.check(at === 0 && next === chunk.length ? chunk : chunk.subarray(at, next), this.#pass)
      if (fault !== null) return fault
      at = next
    }
    return null
  }

  #end(fault: Fault): void {
    const client = this.#client
    this.#guarding.refused(client, fault)
    const error = new Error(`protocol violation: ${fault.message}`)
    if (fault.returnCode === undefined) client.emit('error', error)
    else client.conn.write(Buffer.from([0x20, 0x02, 0x00, fault.returnCode]), () => client.emit('error', error))
  }
}
