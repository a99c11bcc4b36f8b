import type { Client } from 'aedes'
import type { Fault } from './faults.ts'
import { PacketGuard } from './packet-guard.ts'
import { type PlainPackets, PlainReader, packetBytesAt } from './plain-packets.ts'
import { readingOf } from './reading.ts'

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

/**
 * Puts a {@link PacketGuard} in front of the connection's parser. In place of a stream of its own, which would cost
 * every chunk a copy and a turn of the event loop. Packets that {@link PlainReader} knows go past both.
 */
export function guardPackets(
  client: Client,
  maxPacketBytes: number,
  refused: (fault: Fault) => void,
  plain: PlainPackets,
): void {
  const parsing = client as unknown as Parsing
  const parser = parsing._parser
  const parse = parser.parse.bind(parser)
  const guard = new PacketGuard(maxPacketBytes)
  const reader = new PlainReader(maxPacketBytes)
  const reading = readingOf(client)
  const waiting: Uint8Array[] = []
  let isParsing = false

  const pass = (bytes: Uint8Array, skipped?: number) => {
    if (skipped !== undefined) parser.skipped = skipped
    parse(bytes)
  }
  const end = (fault: Fault) => {
    refused(fault)
    const error = new Error(`protocol violation: ${fault.message}`)
    if (fault.returnCode === undefined) client.emit('error', error)
    else client.conn.write(Buffer.from([0x20, 0x02, 0x00, fault.returnCode]), () => client.emit('error', error))
  }
  /** Packet by packet, so that each is read in the one way or the other. */
  const read = (chunk: Buffer): Fault | null => {
    let at = 0
    while (at < chunk.length && !guard.isOver) {
      if (reading.isPaused) {
        waiting.unshift(chunk.subarray(at))
        return null
      }
      // While a session is set up or resumed, Aedes puts packets in order.
      if (guard.isBetweenPackets && parsing.connected && !parsing.closed) {
        const bytes = reader.read(chunk, at, plain)
        if (bytes > 0) {
          at += bytes
          continue
        }
      }
      const until = at + (guard.isBetweenPackets ? packetBytesAt(chunk, at) : guard.bytesLeft)
      const next = until > at && until < chunk.length ? until : chunk.length
      const fault = guard.check(at === 0 && next === chunk.length ? chunk : chunk.subarray(at, next), pass)
      if (fault !== null) return fault
      at = next
    }
    return null
  }
  parser.parse = chunk => {
    if (chunk.length > 0) waiting.push(chunk)
    // A packet that is handled at once has Aedes read on before the rest of its chunk is parsed.
    if (isParsing) return 0
    isParsing = true
    while (waiting.length > 0 && !reading.isPaused) {
      const fault = read(waiting.shift() as Buffer)
      if (fault !== null) end(fault)
    }
    isParsing = false
    reading.hasUnparsed = waiting.length > 0
    return 0
  }
}
