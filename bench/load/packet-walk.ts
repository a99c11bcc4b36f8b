/** What the generator needs to know of what a broker sends. */
export interface Heard {
  /** The number at the end of the device id in the topic. */
  onPublish(device: number, qos: number, packetId: number): void
  /** @param refusal the return code of a CONNACK; 0: it is none, or says yes */
  onOther(type: number, refusal: number): void
}

const CONNACK = 2
const PUBLISH = 3
/** Where the digits of the device id are: `demo/devices/dev-0001/…`. */
const DIGITS_AT = 'demo/devices/dev-'.length
const DIGITS = 4

/** Walks over the packets of a stream that comes in any pieces. Copies only what is cut by the end of a piece. */
export class PacketWalk {
  readonly #heard: Heard
  #rest: Buffer | undefined

  constructor(heard: Heard) {
    this.#heard = heard
  }

  read(piece: Buffer): void {
    const bytes = this.#rest === undefined ? piece : Buffer.concat([this.#rest, piece])
    let at = 0
    while (at + 2 <= bytes.length) {
      let length = bytes[at + 1]! & 0x7f
      let body = at + 2
      for (let shift = 7; bytes[body - 1]! & 0x80; shift += 7, body += 1) {
        if (body >= bytes.length) return this.#keep(bytes, at)
        length |= (bytes[body]! & 0x7f) << shift
      }
      if (body + length > bytes.length) return this.#keep(bytes, at)
      this.#packet(bytes, bytes[at]!, body)
      at = body + length
    }
    this.#keep(bytes, at)
  }

  #packet(bytes: Buffer, first: number, body: number): void {
    const type = first >> 4
    if (type !== PUBLISH) return this.#heard.onOther(type, type === CONNACK ? bytes[body + 1]! : 0)
    const topicBytes = bytes.readUInt16BE(body)
    let device = 0
    for (let i = 0; i < DIGITS; i += 1) device = device * 10 + bytes[body + 2 + DIGITS_AT + i]! - 48
    const qos = (first >> 1) & 3
    this.#heard.onPublish(device, qos, qos === 0 ? 0 : bytes.readUInt16BE(body + 2 + topicBytes))
  }

  #keep(bytes: Buffer, at: number): void {
    // The bytes are in a buffer that the next piece overwrites.
    this.#rest = at === bytes.length ? undefined : Buffer.from(bytes.subarray(at))
  }
}
