import { ByteReader, FrameTooShort } from '../byte-reader.ts'
import { isPlace } from '../minutes.ts'
import type { DecodeContext, Decoded } from '../protocol.ts'
import { type Alarm, kilometersPerHourToMetersPerSecond, type Report } from '../report.ts'
import type { Attributes } from '../vocabulary.ts'
import { readElements } from './elements.ts'
import { dataOf, imeiOf } from './frames.ts'
import { readGh3000 } from './gh3000.ts'

/** "Codec" byte of a data field, as the maker's document numbers them. */
const CODEC = { gh3000: 0x07, avl8: 0x08, text12: 0x0c, text13: 0x0d, text14: 0x0e, avl16: 0x10, avl8E: 0x8e } as const
/** A command's answer, as opposed to a command. */
const RESPONSE = 6
/** Records of this priority were sent by the panic button. */
const PANIC = 2

/** What a connection remembers: nothing but who it is, which the platform keeps itself. */
export type TeltonikaMemory = null

export function decodeTeltonika(frame: Buffer, memory: TeltonikaMemory, _context: DecodeContext): Decoded<null> {
  const imei = imeiOf(frame)
  if (imei !== null) return { memory, identity: imei, reports: [] }
  if (frame.length === 1) return { memory, reports: [] }
  const packet = dataOf(frame)
  if (packet !== null) {
    const decoded = decodeData(packet.data)
    return packet.intact ? decoded : { ...decoded, fault: decoded.fault ?? 'the CRC does not fit' }
  }
  const datagram = datagramOf(frame)
  if (datagram === null) return { memory, reports: [], fault: 'neither a login nor a data packet' }
  return { ...decodeData(datagram.data), identity: datagram.imei }
}

/** The parts of a UDP packet: length, packet id, an unused byte, AVL packet id, IMEI, data field without a CRC. */
export function datagramOf(
  frame: Buffer,
): { packetId: number; avlPacketId: number; imei: string; data: Buffer } | null {
  if (frame.length < 10 || frame.readUInt16BE(0) !== frame.length - 2) return null
  const imeiLength = frame.readUInt16BE(6)
  const imei = frame.subarray(8, 8 + imeiLength).toString('latin1')
  if (!/^\d{8,17}$/.test(imei) || imei.length !== imeiLength) return null
  return { packetId: frame.readUInt16BE(2), avlPacketId: frame[5]!, imei, data: frame.subarray(8 + imeiLength) }
}

/** How many records a data field holds, which is what its sender is answered with. */
export function recordCountOf(data: Buffer): number {
  return data[1] ?? 0
}

function decodeData(data: Buffer): Decoded<null> {
  const codec = data[0] ?? 0
  if (codec === CODEC.text12 || codec === CODEC.text13 || codec === CODEC.text14) return decodeText(data, codec)
  const forms = formsOf(codec)
  if (forms.length === 0) return { memory: null, reports: [], fault: `codec ${codec} is not known` }
  const readings = forms.map(read => readRecords(data, read))
  return readings.find(({ fault }) => fault === undefined) ?? readings[0]!
}

type ReadRecord = (reader: ByteReader) => Report

function readRecords(data: Buffer, read: ReadRecord): Decoded<null> {
  const reports: Report[] = []
  const reader = new ByteReader(data)
  try {
    reader.skip(1)
    const count = reader.uint(1)
    for (let i = 0; i < count; i++) reports.push(read(reader))
    const repeated = reader.uint(1)
    if (repeated === count) return { memory: null, reports }
    return { memory: null, reports, fault: `${count} records announced, ${repeated} at the end` }
  } catch (error) {
    if (!(error instanceof FrameTooShort)) throw error
    return { memory: null, reports, fault: error.message }
  }
}

/** The ways to read a codec's records; where there are several, the one that ends where the data end is right. */
function formsOf(codec: number): ReadRecord[] {
  const avl8: AvlForm = { idBytes: 1, countBytes: 1, generation: false, variable: false, wide: false }
  switch (codec) {
    case CODEC.gh3000:
      return [readGh3000]
    case CODEC.avl8:
      return [reader => readAvl(reader, avl8), reader => readAvl(reader, { ...avl8, wide: true })]
    case CODEC.avl16:
      return [reader => readAvl(reader, { ...avl8, idBytes: 2, generation: true })]
    case CODEC.avl8E:
      return [reader => readAvl(reader, { ...avl8, idBytes: 2, countBytes: 2, variable: true })]
    default:
      return []
  }
}

/** What differs between the three AVL codecs. */
export interface AvlForm {
  readonly idBytes: 1 | 2
  readonly countBytes: 1 | 2
  /** Codec 16 says what made the record. */
  readonly generation: boolean
  /** Codec 8 Extended has elements of any length. */
  readonly variable: boolean
  /** Some models add a group of 16-byte elements to codec 8. */
  readonly wide: boolean
}

function readAvl(reader: ByteReader, form: AvlForm): Report {
  const time = Number(reader.uint64())
  const priority = reader.uint(1)
  const lng = reader.int(4) / 1e7
  const lat = reader.int(4) / 1e7
  const altitude = reader.int(2)
  const heading = reader.uint(2)
  const satellites = reader.uint(1)
  const speed = kilometersPerHourToMetersPerSecond(reader.uint(2))
  const event = reader.uint(form.idBytes)
  if (form.generation) reader.skip(1)
  reader.skip(form.countBytes)
  const elements = readElements(reader, form, event)
  // Models with the wide form write the measured speed there, another than in the record's own field.
  const measured = form.wide ? elements.attributes.io24 : undefined
  const alarms: Alarm[] = priority === PANIC ? ['sos', ...elements.alarms] : elements.alarms
  const place = {
    lat,
    lng,
    valid: satellites > 0,
    altitude,
    heading: heading % 360,
    speed: measured === undefined ? speed : kilometersPerHourToMetersPerSecond(Number(measured)),
  }
  return {
    timestamp: Number.isSafeInteger(time) ? time : null,
    position: isPlace(lat, lng) ? place : null,
    alarms: [...new Set(alarms)],
    attributes: { satellites, event, ...elements.attributes },
  }
}

/** Codecs 12 to 14: what a device says in words, most often the answer to a command. */
function decodeText(data: Buffer, codec: number): Decoded<null> {
  try {
    return readText(new ByteReader(data), codec)
  } catch (error) {
    if (!(error instanceof FrameTooShort)) throw error
    return { memory: null, reports: [], fault: error.message }
  }
}

function readText(reader: ByteReader, codec: number): Decoded<null> {
  reader.skip(2)
  const type = reader.uint(1)
  const length = reader.uint(4)
  // Codec 13 has a time in seconds, codec 14 the IMEI as 8 bytes of BCD in front of the text; both count in the length.
  const time = codec === CODEC.text13 ? reader.uint(4) : null
  const imei = codec === CODEC.text14 ? reader.hex(8).replace(/^0/, '') : undefined
  const head = (time === null ? 0 : 4) + (imei === undefined ? 0 : 8)
  const bytes = reader.bytes(Math.min(length - head, reader.remaining))
  const isText = bytes.every(byte => (byte >= 0x20 && byte < 0x7f) || byte === 0x0d || byte === 0x0a)
  const text = isText ? bytes.toString('latin1').trim() : bytes.toString('hex')
  const attributes: Attributes = { ...driverOf(text), event: `codec-${codec}`, text }
  return {
    memory: null,
    ...(imei === undefined ? {} : { identity: imei }),
    reports: [{ timestamp: time === null ? null : time * 1_000, position: null, alarms: [], attributes }],
    ...(type === RESPONSE ? { result: { text } } : {}),
  }
}

/** A tachograph or a card reader behind the serial port: `$GTSL|6|1|0|12749884|1|`, the number is the driver's. */
function driverOf(text: string): Attributes {
  const parts = text.split('|')
  return parts[0]?.endsWith('GTSL') && parts[4] ? { driverId: parts[4] } : {}
}
