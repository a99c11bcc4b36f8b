/** Builds packets byte by byte, the wrong ones too: mqtt-packet's generator refuses to write those. */
type Bytes = Uint8Array | readonly number[] | string

const bytesOf = (bytes: Bytes): Buffer => (typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes))

/** The two bytes of a 16-bit number. */
export const word = (value: number): number[] => [value >> 8, value & 0xff]

/** Bytes behind their length, MQTT 3.1.1 §1.5.3. */
export function field(bytes: Bytes): Buffer {
  const body = bytesOf(bytes)
  return Buffer.from([...word(body.length), ...body])
}

/** Remaining Length, MQTT 3.1.1 §2.2.3; padded with zeros to so many bytes. */
export function remainingLength(length: number, atLeast = 1): number[] {
  const bytes: number[] = []
  for (let rest = length; rest > 0 || bytes.length < atLeast; rest >>= 7) bytes.push(0x80 | (rest & 0x7f))
  bytes[bytes.length - 1]! &= 0x7f
  return bytes
}

/** A packet: its first byte, its remaining length as it should be, and what follows. */
export function packet(first: number, ...parts: Bytes[]): Buffer {
  const body = Buffer.concat(parts.map(bytesOf))
  return Buffer.concat([Buffer.from([first, ...remainingLength(body.length)]), body])
}

/** Flags of CONNECT, MQTT 3.1.1 §3.1.2.3. */
export const FLAG = {
  reserved: 0x01,
  clean: 0x02,
  will: 0x04,
  willQos1: 0x08,
  willQos2: 0x10,
  willQos3: 0x18,
  willRetain: 0x20,
  password: 0x40,
  userName: 0x80,
} as const

export interface ConnectFields {
  readonly first?: number
  readonly name?: Bytes
  readonly level?: number
  readonly flags?: number
  readonly keepAlive?: number
  readonly clientId?: Bytes
  readonly will?: { readonly topic: Bytes; readonly payload: Bytes }
  readonly userName?: Bytes
  readonly password?: Bytes
  /** What comes behind the last field. */
  readonly more?: Bytes
}

/** CONNECT of MQTT 3.1.1 with a user name and a password, unless its parts say otherwise. */
export function connect(fields: ConnectFields = {}): Buffer {
  const { first = 0x10, name = 'MQTT', level = 4, keepAlive = 0, clientId = 'raw', will, userName = 'any' } = fields
  const flags = fields.flags ?? FLAG.clean | FLAG.userName | FLAG.password | (will ? FLAG.will : 0)
  return packet(
    first,
    field(name),
    [level, flags, ...word(keepAlive)],
    field(clientId),
    ...(will ? [field(will.topic), field(will.payload)] : []),
    ...(flags & FLAG.userName ? [field(userName)] : []),
    ...(flags & FLAG.password ? [field(fields.password ?? '')] : []),
    fields.more ?? [],
  )
}

export function publish(flags: number, topic: Bytes, id: number | null, payload: Bytes = ''): Buffer {
  return packet(0x30 | flags, field(topic), id === null ? [] : word(id), payload)
}

export function subscribe(id: number, ...filters: readonly (readonly [filter: Bytes, qos: number])[]): Buffer {
  return packet(0x82, word(id), ...filters.flatMap(([filter, qos]) => [field(filter), [qos]]))
}

export function unsubscribe(id: number, ...filters: readonly Bytes[]): Buffer {
  return packet(0xa2, word(id), ...filters.map(field))
}
