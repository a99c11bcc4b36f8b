import type { Client } from 'aedes'
import { PacketScanner } from './packet-scanner.ts'

interface Parsing {
  _parser: { parse(chunk: Uint8Array): number }
}

/**
 * Puts a {@link PacketScanner} in front of the connection's parser. In place of a stream of its own, which would cost
 * every chunk a copy and a turn of the event loop.
 */
export function guardPackets(client: Client, maxPacketBytes: number): void {
  const parser = (client as unknown as Parsing)._parser
  const parse = parser.parse.bind(parser)
  const scanner = new PacketScanner(maxPacketBytes)
  parser.parse = chunk => {
    const fault = scanner.scan(chunk)
    if (fault === null) return parse(chunk)
    client.emit('error', new Error(`protocol violation: ${fault}`))
    return 0
  }
}
