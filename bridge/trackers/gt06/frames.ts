import { crc16X25 } from '../checksums.ts'
import type { Cut } from '../protocol.ts'

export const MAX_FRAME_BYTES = 4_096
/** `78 78` has a length of one byte, `79 79` one of two. */
const SHORT = 0x7878
const LONG = 0x7979
const END = 0x0d0a
/** Serial number and CRC count in the length; the start and the end of the frame do not. */
const TRAILER_BYTES = 4

export interface Gt06Frame {
  readonly type: number
  readonly isLong: boolean
  readonly body: Buffer
  readonly serial: number
  readonly intact: boolean
}

function headLength(bytes: Buffer): { head: number; length: number } | null {
  const start = bytes.readUInt16BE(0)
  if (start === SHORT) return { head: 3, length: bytes[2]! }
  if (start === LONG && bytes.length >= 4) return { head: 4, length: bytes.readUInt16BE(2) }
  return null
}

/**
 * Cuts the GT06 stream: start, length, type, body, serial number, CRC, `0D 0A`. A length that does not lead to that end is a
 * maker's slip (some count wrong): then the next end is taken.
 */
export function cutGt06(bytes: Buffer): Cut {
  if (bytes.length < 4) return isStart(bytes) ? { kind: 'incomplete' } : { kind: 'rubbish', length: 1 }
  const found = headLength(bytes)
  if (found === null) return { kind: 'rubbish', length: 1 }
  const end = found.head + found.length + 2
  if (end <= bytes.length && bytes.readUInt16BE(end - 2) === END) return { kind: 'frame', start: 0, end }
  if (end > bytes.length && end <= MAX_FRAME_BYTES && found.length > TRAILER_BYTES) {
    return { kind: 'incomplete' }
  }
  const next = bytes.indexOf('\r\n', found.head, 'latin1')
  if (next !== -1) return { kind: 'frame', start: 0, end: next + 2 }
  return bytes.length < MAX_FRAME_BYTES ? { kind: 'incomplete' } : { kind: 'rubbish', length: 1 }
}

function isStart(bytes: Buffer): boolean {
  const first = bytes[0]
  return (first === 0x78 || first === 0x79) && (bytes.length < 2 || bytes[1] === first)
}

/** The parts of a frame; null for what is too short to be one. */
export function partsOf(frame: Buffer): Gt06Frame | null {
  if (frame.length < 5) return null
  const found = headLength(frame)
  if (found === null) return null
  const ends = frame.length >= 2 && frame.readUInt16BE(frame.length - 2) === END
  const end = ends ? frame.length - 2 : frame.length
  const bodyStart = found.head + 1
  if (end < bodyStart + TRAILER_BYTES) {
    return {
      type: frame[found.head]!,
      isLong: found.head === 4,
      body: frame.subarray(bodyStart, end),
      serial: 0,
      intact: false,
    }
  }
  return {
    type: frame[found.head]!,
    isLong: found.head === 4,
    body: frame.subarray(bodyStart, end - TRAILER_BYTES),
    serial: frame.readUInt16BE(end - TRAILER_BYTES),
    intact: crc16X25(frame.subarray(2, end - 2)) === frame.readUInt16BE(end - 2),
  }
}

/** A frame of our own: `78 78`, or `79 79` where it does not fit. */
export function buildFrame(type: number, body: Buffer, serial: number): Buffer {
  const length = 1 + body.length + TRAILER_BYTES
  const isLong = length > 0xff
  const head = isLong
    ? Buffer.from([0x79, 0x79, length >> 8, length & 0xff, type])
    : Buffer.from([0x78, 0x78, length, type])
  const frame = Buffer.concat([head, body, Buffer.alloc(6)])
  frame.writeUInt16BE(serial, frame.length - 6)
  frame.writeUInt16BE(crc16X25(frame.subarray(2, frame.length - 4)), frame.length - 4)
  frame.writeUInt16BE(END, frame.length - 2)
  return frame
}
