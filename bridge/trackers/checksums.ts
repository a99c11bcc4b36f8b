/** CRC-16 with the bits of each byte turned round: `polynomial` is given that way too. */
function reflectedCrc16(bytes: Uint8Array, polynomial: number, initial: number): number {
  let crc = initial
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
  }
  return crc
}

/** CRC-16/ARC: Teltonika. */
export function crc16Arc(bytes: Uint8Array): number {
  return reflectedCrc16(bytes, 0xa001, 0)
}

/** CRC-16/X-25, ITU-T V.41 as the GT06 documents call "CRC-ITU". */
export function crc16X25(bytes: Uint8Array): number {
  return reflectedCrc16(bytes, 0x8408, 0xffff) ^ 0xffff
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
