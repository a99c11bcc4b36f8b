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
    const at = this.#pass(length)
    return this.#bytes.subarray(at, at + length)
  }

  skip(length: number): void {
    this.#pass(length)
  }

  /** Goes on by so many bytes. @returns where they begin */
  #pass(length: number): number {
    if (length < 0 || length > this.remaining) throw new FrameTooShort()
    const at = this.#at
    this.#at += length
    return at
  }

  peek(): number {
    if (this.remaining < 1) throw new FrameTooShort()
    return this.#bytes[this.#at]!
  }

  /** Unsigned, of 1 to 6 bytes. */
  uint(length: 1 | 2 | 3 | 4 | 5 | 6): number {
    return this.#bytes.readUIntBE(this.#pass(length), length)
  }

  /** Two's complement, of 1 to 6 bytes. */
  int(length: 1 | 2 | 3 | 4 | 5 | 6): number {
    return this.#bytes.readIntBE(this.#pass(length), length)
  }

  float(): number {
    return this.#bytes.readFloatBE(this.#pass(4))
  }

  /** 64 bits, unsigned. */
  uint64(): bigint {
    return this.#bytes.readBigUInt64BE(this.#pass(8))
  }

  text(length: number): string {
    return this.bytes(length).toString('latin1')
  }

  hex(length: number): string {
    return this.bytes(length).toString('hex')
  }
}
