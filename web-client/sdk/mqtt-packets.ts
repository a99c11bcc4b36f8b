/** The packets of MQTT 3.1.1 that a publisher needs. Section numbers are those of the OASIS standard. */

export const CONNACK = 2
export const PUBACK = 4
export const PINGRESP = 13

const encoder = new TextEncoder()

export interface Connect {
  readonly clientId: string
  readonly username: string
  readonly password: string
  readonly keepAliveSeconds: number
}

/** §3.1, with a clean session. */
export function connectPacket({ clientId, username, password, keepAliveSeconds }: Connect): Uint8Array {
  const USER_NAME = 0x80
  const PASSWORD = 0x40
  const CLEAN_SESSION = 0x02
  const flags = USER_NAME | PASSWORD | CLEAN_SESSION
  const head = [...text('MQTT'), 4, flags, keepAliveSeconds >> 8, keepAliveSeconds & 0xff]
  return packet(0x10, Uint8Array.from(head), text(clientId), text(username), text(password))
}

/** §3.3. `packetId` 0 = QoS 0. */
export function publishPacket(topic: string, payload: Uint8Array, packetId: number): Uint8Array {
  if (packetId === 0) return packet(0x30, text(topic), payload)
  return packet(0x32, text(topic), Uint8Array.of(packetId >> 8, packetId & 0xff), payload)
}

export const PINGREQ_PACKET = Uint8Array.of(0xc0, 0)
export const DISCONNECT_PACKET = Uint8Array.of(0xe0, 0)

/** §1.5.3 */
function text(value: string): Uint8Array {
  const bytes = encoder.encode(value)
  const sized = new Uint8Array(bytes.length + 2)
  sized.set([bytes.length >> 8, bytes.length & 0xff])
  sized.set(bytes, 2)
  return sized
}

/** §2.2 */
function packet(first: number, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = parts.reduce((sum, part) => sum + part.length, 0)
  const head = [first]
  do {
    const digit = length & 0x7f
    length >>>= 7
    head.push(length > 0 ? digit | 0x80 : digit)
  } while (length > 0)
  const bytes = new Uint8Array(head.length + parts.reduce((sum, part) => sum + part.length, 0))
  bytes.set(head)
  let at = head.length
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

export interface Packet {
  readonly type: number
  readonly body: Uint8Array
}

/** Cuts a stream of bytes into packets: a WebSocket frame may hold a part of one, or several. [MQTT-6.0.0-4] */
export class PacketReader {
  #rest = new Uint8Array(0);

  *read(bytes: Uint8Array): Generator<Packet> {
    const joined = new Uint8Array(this.#rest.length + bytes.length)
    joined.set(this.#rest)
    joined.set(bytes, this.#rest.length)
    this.#rest = joined
    for (let one = this.#next(); one !== null; one = this.#next()) yield one
  }

  #next(): Packet | null {
    const bytes = this.#rest
    let length = 0
    for (let i = 1; ; i++) {
      const digit = bytes[i]
      if (digit === undefined) return null
      length += (digit & 0x7f) * 128 ** (i - 1)
      if (digit < 0x80) {
        const from = i + 1
        if (bytes.length < from + length) return null
        this.#rest = bytes.slice(from + length)
        return { type: bytes[0]! >> 4, body: bytes.subarray(from, from + length) }
      }
    }
  }
}
