/** Bytes ran out where the format says there are more. */
export class FrameTooShort extends Error {
  override readonly name = 'FrameTooShort'
  constructor() {
    super('the frame ends before its fields do')
  }
}

/** Reads a frame from front to back, big-endian as all binary tracker protocols are. @throws FrameTooShort */
export class ByteReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get remaining(): number {
    return this.#bytes.length - this.#at
  }

  /** Where the next byte is read. */
  get offset(): number {
    return this.#at
  }

  bytes(length: number): Buffer {
    if (length < 0 || length > this.remaining) throw new FrameTooShort()
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  skip(length: number): void {
    this.bytes(length)
  }

  peek(): number {
    if (this.remaining < 1) throw new FrameTooShort()
    return this.#bytes[this.#at]!
  }

  /** Unsigned, of 1 to 6 bytes. */
  uint(length: 1 | 2 | 3 | 4 | 5 | 6): number {
    return this.bytes(length).readUIntBE(0, length)
  }

  /** Two's complement, of 1 to 6 bytes. */
  int(length: 1 | 2 | 3 | 4 | 5 | 6): number {
    return this.bytes(length).readIntBE(0, length)
  }

  float(): number {
    return this.bytes(4).readFloatBE(0)
  }

  /** 64 bits, unsigned. */
  uint64(): bigint {
    return this.bytes(8).readBigUInt64BE(0)
  }

  text(length: number): string {
    return this.bytes(length).toString('latin1')
  }

  hex(length: number): string {
    return this.bytes(length).toString('hex')
  }
}
