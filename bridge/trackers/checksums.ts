/** What a CRC-16 makes of each byte, with the bits of each byte turned round: `polynomial` is given that way too. */
function reflectedTable(polynomial: number): Uint16Array {
  return Uint16Array.from({ length: 256 }, (_, byte) => {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
    return crc
  })
}

function reflectedCrc16(bytes: Uint8Array, table: Uint16Array, initial: number): number {
  let crc = initial
  for (let i = 0; i < bytes.length; i++) crc = (crc >>> 8) ^ table[(crc ^ bytes[i]!) & 0xff]!
  return crc
}

const ARC = reflectedTable(0xa001)
const X25 = reflectedTable(0x8408)

/** CRC-16/ARC: Teltonika. */
export function crc16Arc(bytes: Uint8Array): number {
  return reflectedCrc16(bytes, ARC, 0)
}

/** CRC-16/X-25, ITU-T V.41 as the GT06 documents call "CRC-ITU". */
export function crc16X25(bytes: Uint8Array): number {
  return reflectedCrc16(bytes, X25, 0xffff) ^ 0xffff
}

/** All bytes combined by exclusive or: NMEA 0183, JT/T 808. */
export function xorOf(bytes: Uint8Array): number {
  let xor = 0
  for (const byte of bytes) xor ^= byte
  return xor
}

/** The sum of all bytes, its lowest 8 bits: Meitrack. */
export function sum8(bytes: Uint8Array): number {
  let sum = 0
  for (const byte of bytes) sum = (sum + byte) & 0xff
  return sum
}
