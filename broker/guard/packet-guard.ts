import { FAULTS, type Fault } from './faults.ts'
import { TextCheck, type TextKind } from './text.ts'

/** Until CONNECT has been read: enough for the longest token we take and a will, far from what could fill our memory. */
export const MAX_CONNECT_BYTES = 16_384
/** Topic, packet identifier and the like, beside the payload. */
export const PACKET_OVERHEAD_BYTES = 2_048
/** A PUBLISH over the limit is read past and its sender told; one over this is not worth the wait. */
export const MAX_SKIPPED_BYTES = 4_194_304

/** Packet types, MQTT 3.1.1 §2.2.1; of the others none comes from a client. */
const CONNECT = 1
const PUBLISH = 3
const SUBSCRIBE = 8
const UNSUBSCRIBE = 10
const PINGREQ = 12
const DISCONNECT = 14
/** The flags each type of packet has, MQTT 3.1.1 §2.2.2; -1 = no client sends it. */
const FLAGS = [-1, 0, -1, -1, 0, 0, 2, 0, 2, -1, 2, -1, 0, -1, 0, -1]
const DUP = 0x08
const QOS = 0x06

const NAME_MQTT = [...Buffer.from('MQTT')]
const NAME_MQISDP = [...Buffer.from('MQIsdp')]
/** A bridge of mosquitto sets it in the level: it wants retain flags kept, and none of its own messages back. */
const BRIDGE = 0x80

/** Flags of CONNECT, MQTT 3.1.1 §3.1.2.3. */
const RESERVED = 0x01
const WILL = 0x04
const WILL_QOS = 0x18
const WILL_QOS_AND_RETAIN = 0x38
const WITH_PASSWORD = 0x40
const WITH_USER_NAME = 0x80

/** What follows its two bytes of length is `string` or `bytes`; only strings are looked into. */
interface Field {
  readonly shape: 'byte' | 'number' | 'string' | 'bytes'
  readonly text?: TextKind
}
/** Fields of the packets, in the order of MQTT 3.1.1 §3. */
const PROTOCOL_NAME: Field = { shape: 'bytes' }
const PROTOCOL_LEVEL: Field = { shape: 'byte' }
const CONNECT_FLAGS: Field = { shape: 'byte' }
const KEEP_ALIVE: Field = { shape: 'number' }
const CLIENT_ID: Field = { shape: 'string', text: 'text' }
const WILL_TOPIC: Field = { shape: 'string', text: 'name' }
const WILL_PAYLOAD: Field = { shape: 'bytes' }
const USER_NAME: Field = { shape: 'string', text: 'text' }
const PASSWORD: Field = { shape: 'bytes' }
const TOPIC_NAME: Field = { shape: 'string', text: 'name' }
const PACKET_IDENTIFIER: Field = { shape: 'number' }
const FILTER: Field = { shape: 'string', text: 'filter' }
const REQUESTED_QOS: Field = { shape: 'byte' }

const EMPTY: Uint8Array = new Uint8Array(0)

/** Where the reading stands. */
type State = 'type' | 'length' | 'field' | 'rest' | 'over'

/**
 * Takes bytes for the parser.
 * @param skipped given when they end a PUBLISH whose payload was over the limit: so many bytes of it were left out
 */
export type Pass = (bytes: Uint8Array, skipped?: number) => void

/**
 * Reads one inbound MQTT stream ahead of the parser, in any pieces, and lets through what MQTT 3.1 and 3.1.1 allow a client to
 * send. It looks once at every byte but those of payloads, copies none of them and keeps a few numbers for a connection.
 *
 * In front of the parser, because behind it the bytes are gone: the parser buffers what is declared, whatever its length, and
 * replaces what is no UTF-8.
 */
export class PacketGuard {
  readonly #maxPacketBytes: number
  readonly #text = new TextCheck()
  #state: State = 'type'
  #isConnected = false
  #is31 = false

  #type = 0
  #flags = 0
  /** Bytes of a fixed header that ends in a later chunk: the parser gets it whole, or not at all. */
  #held: number[] = []
  #lengthBytes = 0
  /** Bytes of the packet under way still to come. */
  #left = 0
  /** It is a PUBLISH over the limit: its payload is not passed on. */
  #isSkipping = false

  #field: Field = PROTOCOL_NAME
  #fieldBytes = 0
  #number = 0
  /** Bytes of the field under way still to come, behind its length. */
  #bodyLeft = 0

  #connectFlags = 0
  /** `other` = refused by the guard; MQTT 5 is refused behind the parser, which reads its properties. */
  #level: 'served' | 'five' | 'other' = 'served'
  #filters = 0

  /** The chunk at hand, the position in it, the first byte that was not passed on yet, and where the packet under way began. */
  #chunk: Uint8Array = EMPTY
  #at = 0
  #from = 0
  #packetAt = 0
  #pass: Pass = () => {}

  constructor(maxPacketBytes: number) {
    this.#maxPacketBytes = maxPacketBytes
  }

  /** CONNECT has been read, and the next byte begins a packet. */
  get isBetweenPackets(): boolean {
    return this.#state === 'type' && this.#isConnected
  }

  /** Bytes still to come of a packet whose length is known; 0 = it is not. */
  get bytesLeft(): number {
    return this.#state === 'field' || this.#state === 'rest' ? this.#left : 0
  }

  /** Nothing more is let through. */
  get isOver(): boolean {
    return this.#state === 'over'
  }

  /**
   * Reads one chunk and passes on what may be parsed; nothing that comes after a fault, after DISCONNECT [MQTT-3.14.4-2] or after
   * a CONNECT of a version that is not served.
   * @param chunk is changed where a header has a flag that is allowed, but unknown to the parser
   * @returns why the connection must end, or null
   */
  check(chunk: Uint8Array, pass: Pass): Fault | null {
    this.#chunk = chunk
    this.#pass = pass
    this.#at = 0
    this.#from = 0
    this.#packetAt = 0
    let fault: Fault | null = null
    while (this.#at < chunk.length && this.#state !== 'over' && fault === null) {
      if (this.#state === 'field') fault = this.#readField()
      else if (this.#state === 'rest') fault = this.#readRest()
      else if (this.#state === 'type') fault = this.#readType()
      else fault = this.#readLength()
    }
    if (fault !== null) {
      this.#passUntil(this.#packetAt)
      this.#state = 'over'
    } else if (this.#state === 'length') {
      this.#passUntil(this.#packetAt)
      this.#held.push(...chunk.subarray(this.#packetAt))
    } else {
      this.#passUntil(this.#at)
    }
    this.#chunk = EMPTY
    return fault
  }

  /** Passes on what was not yet, up to here. */
  #passUntil(end: number, skipped?: number): void {
    const from = this.#from
    if (end <= from) return
    this.#from = end
    const chunk = this.#chunk
    this.#pass(from === 0 && end === chunk.length ? chunk : chunk.subarray(from, end), skipped)
  }

  #readType(): Fault | null {
    this.#packetAt = this.#at
    const byte = this.#chunk[this.#at]!
    this.#type = byte >> 4
    this.#flags = byte & 0x0f
    if (!this.#isConnected && this.#type !== CONNECT) return FAULTS.notConnected
    if (this.#isConnected && this.#type === CONNECT) return FAULTS.secondConnect
    const fault = this.#type === PUBLISH ? this.#checkPublishFlags() : this.#checkFlags()
    if (fault !== null) return fault
    this.#at += 1
    this.#state = 'length'
    this.#left = 0
    this.#lengthBytes = 0
    this.#isSkipping = false
    return null
  }

  #checkPublishFlags(): Fault | null {
    const qos = this.#flags & QOS
    if (qos === QOS) return FAULTS.publishQos
    // MQTT 3.1 does not forbid it.
    return qos === 0 && this.#flags & DUP && !this.#is31 ? FAULTS.publishDup : null
  }

  #checkFlags(): Fault | null {
    const wanted = FLAGS[this.#type]!
    if (wanted === -1) return FAULTS.packetType
    if (this.#flags === wanted) return null
    // MQTT 3.1: a SUBSCRIBE, UNSUBSCRIBE or PUBREL that is sent again bears DUP. The parser knows 3.1.1 alone.
    if (!this.#is31 || wanted === 0 || this.#flags !== (wanted | DUP)) return FAULTS.headerFlags
    this.#flags = wanted
    this.#chunk[this.#at]! &= ~DUP
    return null
  }

  #readLength(): Fault | null {
    const byte = this.#chunk[this.#at]!
    this.#at += 1
    this.#left += (byte & 0x7f) * 128 ** this.#lengthBytes
    this.#lengthBytes += 1
    if (byte & 0x80) return this.#lengthBytes === 4 ? FAULTS.remainingLength : null
    const limit = this.#isConnected ? this.#maxPacketBytes : MAX_CONNECT_BYTES
    if (this.#left > limit) {
      this.#isSkipping = this.#type === PUBLISH && this.#left <= MAX_SKIPPED_BYTES
      if (!this.#isSkipping) {
        const message = `a packet of ${this.#left} bytes, the limit is ${limit}`
        return { ...FAULTS.tooLarge, message }
      }
      // Its header is written anew, once it is known what remains of it.
      this.#passUntil(this.#packetAt)
      this.#from = this.#at
    } else if (this.#held.length > 0) {
      this.#pass(Uint8Array.from(this.#held))
    }
    this.#held = []
    return this.#startPacket()
  }

  #startPacket(): Fault | null {
    switch (this.#type) {
      case CONNECT:
        return this.#enter(PROTOCOL_NAME)
      case PUBLISH:
        return this.#enter(TOPIC_NAME)
      case PINGREQ:
      case DISCONNECT:
        return this.#endPacket()
      default:
        this.#filters = 0
        return this.#enter(PACKET_IDENTIFIER)
    }
  }

  #enter(field: Field): Fault | null {
    if (this.#left < (field.shape === 'byte' ? 1 : 2)) return FAULTS.tooShort
    this.#state = 'field'
    this.#field = field
    this.#fieldBytes = 0
    this.#number = 0
    return null
  }

  #readField(): Fault | null {
    const field = this.#field
    if (this.#fieldBytes < 2) {
      this.#number = this.#number * 256 + this.#chunk[this.#at]!
      this.#fieldBytes += 1
      this.#at += 1
      this.#left -= 1
      if (this.#isSkipping && field === TOPIC_NAME) this.#from = this.#at
      if (field.shape === 'byte') return this.#next()
      if (this.#fieldBytes < 2) return null
      return field.shape === 'number' ? this.#next() : this.#startBody(field)
    }
    const end = Math.min(this.#at + this.#bodyLeft, this.#chunk.length)
    const fault = field.text === undefined ? this.#readBytes(end) : this.#text.read(this.#chunk, this.#at, end)
    if (fault !== null) return fault
    this.#left -= end - this.#at
    this.#bodyLeft -= end - this.#at
    this.#at = end
    if (this.#bodyLeft > 0) return null
    return (field.text === undefined ? null : this.#text.end()) ?? this.#next()
  }

  #startBody({ text }: Field): Fault | null {
    const length = this.#number
    if (length > this.#left) return FAULTS.tooShort
    this.#bodyLeft = length
    if (this.#isSkipping) this.#passShortHeader(length)
    if (this.#field === PROTOCOL_NAME) {
      this.#is31 = length === NAME_MQISDP.length
      if (!this.#is31 && length !== NAME_MQTT.length) return FAULTS.protocolName
    }
    const fault = text === undefined ? null : this.#text.start(text, length)
    return fault ?? (length === 0 ? this.#next() : null)
  }

  /** Bytes that are not text: all are good, but those of the protocol name are given. */
  #readBytes(end: number): Fault | null {
    if (this.#field !== PROTOCOL_NAME) return null
    const name = this.#is31 ? NAME_MQISDP : NAME_MQTT
    const read = name.length - this.#bodyLeft
    const bytes = this.#chunk.subarray(this.#at, end)
    return bytes.every((byte, i) => byte === name[read + i]) ? null : FAULTS.protocolName
  }

  /** The fixed header and the topic's length of a PUBLISH without its payload. */
  #passShortHeader(topicBytes: number): void {
    const length = 2 + topicBytes + (this.#flags & QOS ? 2 : 0)
    const header = [(PUBLISH << 4) | this.#flags]
    for (let rest = length; rest > 0; rest >>= 7) header.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
    this.#pass(Uint8Array.of(...header, topicBytes >> 8, topicBytes & 0xff))
    this.#from = this.#at
  }

  /** The field under way has been read: what comes behind it. */
  #next(): Fault | null {
    const number = this.#number
    const connectFlags = this.#connectFlags
    switch (this.#field) {
      case PROTOCOL_NAME:
        return this.#enter(PROTOCOL_LEVEL)
      case PROTOCOL_LEVEL:
        return this.#chooseLevel(number & ~BRIDGE)
      case CONNECT_FLAGS:
        this.#connectFlags = number
        return checkConnectFlags(number) ?? this.#enter(KEEP_ALIVE)
      case KEEP_ALIVE:
        return this.#enter(CLIENT_ID)
      case CLIENT_ID:
        return connectFlags & WILL ? this.#enter(WILL_TOPIC) : this.#enterUserName()
      case WILL_TOPIC:
        return this.#enter(WILL_PAYLOAD)
      case WILL_PAYLOAD:
        return this.#enterUserName()
      case USER_NAME:
        return connectFlags & WITH_PASSWORD ? this.#enter(PASSWORD) : this.#endPacket()
      case TOPIC_NAME:
        return this.#flags & QOS ? this.#enter(PACKET_IDENTIFIER) : this.#enterRest()
      case PACKET_IDENTIFIER:
        if (number === 0) return FAULTS.packetIdentifier
        if (this.#type === PUBLISH) return this.#enterRest()
        return this.#type === SUBSCRIBE || this.#type === UNSUBSCRIBE ? this.#enterFilter() : this.#endPacket()
      case FILTER:
        this.#filters += 1
        return this.#type === SUBSCRIBE ? this.#enter(REQUESTED_QOS) : this.#enterFilter()
      case REQUESTED_QOS:
        return number > 2 ? FAULTS.requestedQos : this.#enterFilter()
      default:
        return this.#endPacket()
    }
  }

  #chooseLevel(level: number): Fault | null {
    if (level === (this.#is31 ? 3 : 4)) return this.#enter(CONNECT_FLAGS)
    this.#level = level === 5 && !this.#is31 ? 'five' : 'other'
    // What follows is laid out as another version has it.
    return this.#enterRest()
  }

  #enterUserName(): Fault | null {
    return this.#connectFlags & WITH_USER_NAME ? this.#enter(USER_NAME) : this.#endPacket()
  }

  #enterFilter(): Fault | null {
    if (this.#left > 0) return this.#enter(FILTER)
    return this.#filters === 0 ? FAULTS.noFilter : this.#endPacket()
  }

  #enterRest(): Fault | null {
    if (this.#isSkipping) this.#passUntil(this.#at, this.#left)
    if (this.#left === 0) return this.#endPacket()
    this.#state = 'rest'
    return null
  }

  #readRest(): Fault | null {
    const bytes = Math.min(this.#left, this.#chunk.length - this.#at)
    this.#left -= bytes
    this.#at += bytes
    if (this.#isSkipping) this.#from = this.#at
    return this.#left === 0 ? this.#endPacket() : null
  }

  #endPacket(): Fault | null {
    if (this.#left > 0) return FAULTS.tooLong
    this.#state = this.#type === DISCONNECT || this.#level !== 'served' ? 'over' : 'type'
    this.#isConnected = true
    return this.#level === 'other' ? FAULTS.protocolLevel : null
  }
}

function checkConnectFlags(flags: number): Fault | null {
  if (flags & RESERVED) return FAULTS.connectReserved
  if (!(flags & WILL) && flags & WILL_QOS_AND_RETAIN) return FAULTS.willFlags
  if ((flags & WILL_QOS) === WILL_QOS) return FAULTS.willQos
  return flags & WITH_PASSWORD && !(flags & WITH_USER_NAME) ? FAULTS.passwordAlone : null
}
