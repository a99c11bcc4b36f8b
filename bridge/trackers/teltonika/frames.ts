import { crc16Arc } from '../checksums.ts'
import type { Cut } from '../protocol.ts'

export const MAX_FRAME_BYTES = 65_536
/** Zeros, length of the data field. */
const PREAMBLE_BYTES = 8
const CRC_BYTES = 4
const IMEI_LENGTH = /^\d{8,17}$/

/**
 * Cuts the stream of "Teltonika Data Sending Protocols": a login `000F` + IMEI in ASCII, or a packet of four zero bytes, length,
 * data and CRC. A lone `FF` is the device's ping.
 */
export function cutTeltonika(bytes: Buffer): Cut {
  if (bytes[0] === 0xff) return { kind: 'frame', start: 0, end: 1 }
  if (bytes.length < 4) return { kind: 'incomplete' }
  const first = bytes.readUInt16BE(0)
  if (first === 0) {
    if (bytes.readUInt32BE(0) !== 0) return { kind: 'rubbish', length: 1 }
    if (bytes.length < PREAMBLE_BYTES) return { kind: 'incomplete' }
    const length = bytes.readUInt32BE(4)
    const end = PREAMBLE_BYTES + length + CRC_BYTES
    if (length < 3 || end > MAX_FRAME_BYTES) return { kind: 'rubbish', length: 1 }
    return bytes.length < end ? { kind: 'incomplete' } : { kind: 'frame', start: 0, end }
  }
  if (first > 17 || first < 8) return { kind: 'rubbish', length: 1 }
  const end = 2 + first
  const digits = bytes.subarray(2, end).toString('latin1')
  if (!/^\d*$/.test(digits)) return { kind: 'rubbish', length: 1 }
  return bytes.length < end ? { kind: 'incomplete' } : { kind: 'frame', start: 0, end }
}

/** The IMEI of a login frame, or null. */
export function imeiOf(frame: Buffer): string | null {
  if (frame.length < 10 || frame.readUInt16BE(0) !== frame.length - 2) return null
  const imei = frame.subarray(2).toString('latin1')
  return IMEI_LENGTH.test(imei) ? imei : null
}

/** The data field of a packet, and whether it is whole and its CRC fits; null for what is none. */
export function dataOf(frame: Buffer): { data: Buffer; intact: boolean } | null {
  if (frame.length < PREAMBLE_BYTES + 3 || frame.readUInt32BE(0) !== 0) return null
  const end = PREAMBLE_BYTES + frame.readUInt32BE(4)
  const data = frame.subarray(PREAMBLE_BYTES, end)
  return { data, intact: frame.length >= end + CRC_BYTES && crc16Arc(data) === frame.readUInt32BE(end) }
}
