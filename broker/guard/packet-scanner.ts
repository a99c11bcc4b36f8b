/** Until CONNECT has been read: enough for a token and a will, far from what could fill our memory. */
export const MAX_CONNECT_BYTES = 65_536
/** Topic, packet identifier and the like, beside the payload. */
export const PACKET_OVERHEAD_BYTES = 2_048

const CONNECT = 1

/**
 * Follows the packet boundaries of one inbound MQTT stream and refuses a packet by its declared length, before the parser
 * buffers a byte of it (Aedes has no such limit). [MQTT-2.2.3], [MQTT-3.1.0-1]
 */
export class PacketScanner {
  readonly #maxPacketBytes: number
  #connectSeen = false
  /** Bytes of the current packet's body still to come. */
  #remaining = 0
  /** Fixed header under way: -1 = none, otherwise the packet type. */
  #type = -1
  #length = 0
  #lengthBytes = 0

  constructor(maxPacketBytes: number) {
    this.#maxPacketBytes = maxPacketBytes
  }

  /** Reads one chunk. Returns why the connection must end, or null. */
  scan(chunk: Uint8Array): string | null {
    let at = 0
    while (at < chunk.length) {
      if (this.#remaining > 0) {
        const skipped = Math.min(this.#remaining, chunk.length - at)
        this.#remaining -= skipped
        at += skipped
        continue
      }
      const byte = chunk[at]!
      at += 1
      if (this.#type === -1) {
        this.#type = byte >> 4
        if (!this.#connectSeen && this.#type !== CONNECT) return 'the first packet is not CONNECT'
        continue
      }
      // Remaining Length, MQTT 3.1.1 §2.2.3: 7 bits a byte, at most 4 bytes.
      this.#length += (byte & 0x7f) * 128 ** this.#lengthBytes
      this.#lengthBytes += 1
      if (byte & 0x80) {
        if (this.#lengthBytes === 4) return 'the remaining length has more than 4 bytes'
        continue
      }
      const limit = this.#connectSeen ? this.#maxPacketBytes : MAX_CONNECT_BYTES
      if (this.#length > limit) return `a packet of ${this.#length} bytes, the limit is ${limit}`
      this.#connectSeen = true
      this.#remaining = this.#length
      this.#type = -1
      this.#length = 0
      this.#lengthBytes = 0
    }
    return null
  }
}
