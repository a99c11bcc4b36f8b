/**
 * What a client may send, MQTT 3.1 and 3.1.1, written down a second time: whole packets only, with Node's own UTF-8 decoder and regular
 * expressions, to be compared with the guard, which reads byte by byte.
 */
export interface OracleVerdict {
  /** Whether a packet is malformed. */
  readonly refused: boolean
  /** Whether the stream ends inside a packet, of which nothing can be said. */
  readonly unfinished: boolean
}

class Malformed extends Error {}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

class Body {
  readonly #bytes: Buffer
  #at = 0
  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }
  get left(): number {
    return this.#bytes.length - this.#at
  }
  take(count: number): Buffer {
    if (count > this.left) throw new Malformed()
    this.#at += count
    return this.#bytes.subarray(this.#at - count, this.#at)
  }
  byte(): number {
    return this.take(1)[0]!
  }
  word(): number {
    return this.take(2).readUInt16BE()
  }
  bytes(): Buffer {
    return this.take(this.word())
  }
  text(fits: RegExp): string {
    let text: string
    try {
      text = decoder.decode(this.bytes())
    } catch {
      throw new Malformed()
    }
    must(!text.includes('\0') && fits.test(text))
    return text
  }
  id(): void {
    must(this.word() > 0)
  }
}

function must(holds: boolean): void {
  if (!holds) throw new Malformed()
}

const ANY = /^/
const NAME = /^[^#+]+$/
const FILTER = /^(?!$)(?:(?:\+|[^#+/]*)\/)*(?:#|\+|[^#+/]*)$/

export function oracle(
  stream: Buffer,
  maxConnectBytes: number,
  maxPacketBytes: number,
  maxSkippedBytes: number,
): OracleVerdict {
  let at = 0
  let version = 0
  try {
    while (at < stream.length) {
      const first = stream[at]!
      let length = 0
      let lengthBytes = 0
      for (let more = true; more; lengthBytes += 1) {
        must(lengthBytes < 4)
        const byte = stream[at + 1 + lengthBytes]
        if (byte === undefined) return { refused: false, unfinished: true }
        length += (byte % 128) * 128 ** lengthBytes
        more = byte >= 128
      }
      const start = at + 1 + lengthBytes
      const type = first >> 4
      const limit = version === 0 ? maxConnectBytes : type === 3 ? maxSkippedBytes : maxPacketBytes
      must(length <= limit)
      at = start + length
      if (at > stream.length) return { refused: false, unfinished: true }
      const body = new Body(stream.subarray(start, at))
      must((version === 0) === (type === 1))
      if (type === 1) version = readConnect(first, body)
      else readOther(first, body, version)
      if (version === 5 || type === 14) break
    }
    return { refused: false, unfinished: false }
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    return { refused: true, unfinished: false }
  }
}

function readConnect(first: number, body: Body): number {
  must(first === 0x10)
  const name = body.bytes().toString('latin1')
  must(name === 'MQTT' || name === 'MQIsdp')
  const version = body.byte() % 128
  if (name === 'MQTT' && version === 5) return 5
  must(version === (name === 'MQTT' ? 4 : 3))
  const flags = body.byte()
  const flag = (bit: number) => (flags & (1 << bit)) !== 0
  const willQos = (flags >> 3) & 3
  must(!flag(0) && willQos < 3)
  must(flag(2) || (willQos === 0 && !flag(5)))
  must(flag(7) || !flag(6))
  body.word()
  body.text(ANY)
  if (flag(2)) {
    body.text(NAME)
    body.bytes()
  }
  if (flag(7)) body.text(ANY)
  if (flag(6)) body.bytes()
  must(body.left === 0)
  return version
}

function readOther(first: number, body: Body, version: number): void {
  const flags = first & 15
  const resent = version === 3 ? flags & ~8 : flags
  const filters = (each: () => void) => {
    must(resent === 2)
    body.id()
    must(body.left > 0)
    while (body.left > 0) {
      body.text(FILTER)
      each()
    }
  }
  switch (first >> 4) {
    case 3: {
      const qos = (flags >> 1) & 3
      must(qos < 3 && (qos > 0 || flags < 8 || version === 3))
      body.text(NAME)
      if (qos > 0) body.id()
      return
    }
    case 4:
    case 5:
    case 7:
      must(flags === 0)
      body.id()
      return must(body.left === 0)
    case 6:
      must(resent === 2)
      body.id()
      return must(body.left === 0)
    case 8:
      return filters(() => must(body.byte() < 3))
    case 10:
      return filters(() => {})
    case 12:
    case 14:
      return must(flags === 0 && body.left === 0)
    default:
      throw new Malformed()
  }
}
