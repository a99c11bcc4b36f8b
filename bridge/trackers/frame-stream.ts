import type { Protocol } from './protocol.ts'

/** The bytes of a connection are not those of its protocol. */
export class NotThisProtocol extends Error {
  override readonly name = 'NotThisProtocol'
}

/** Rubbish between frames is passed over (a modem's greeting, half a frame after a reconnect), but not for ever. */
const MAX_RUBBISH_BYTES = 4_096

/** Cuts what arrives in any pieces into frames. Holds less than one frame's most. */
export class FrameStream {
  readonly #protocol: Pick<Protocol<unknown>, 'cut' | 'maxFrameBytes' | 'title'>
  #bytes: Buffer = Buffer.alloc(0)
  #rubbish = 0

  constructor(protocol: Pick<Protocol<unknown>, 'cut' | 'maxFrameBytes' | 'title'>) {
    this.#protocol = protocol
  }

  /**
   * The frames that are whole now, in order.
   * @throws NotThisProtocol when too much came that is no frame
   */
  push(chunk: Buffer): Buffer[] {
    const frames: Buffer[] = []
    let bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
    while (bytes.length > 0) {
      const cut = this.#protocol.cut(bytes)
      if (cut.kind === 'incomplete') break
      if (cut.kind === 'frame') {
        this.#rubbish = cut.start === 0 ? 0 : this.#rubbish + cut.start
        frames.push(bytes.subarray(cut.start, cut.end))
        bytes = bytes.subarray(cut.end)
      } else {
        this.#rubbish += cut.length
        bytes = bytes.subarray(cut.length)
      }
      if (this.#rubbish > MAX_RUBBISH_BYTES) throw new NotThisProtocol(`this is not ${this.#protocol.title}`)
    }
    if (bytes.length > this.#protocol.maxFrameBytes) {
      throw new NotThisProtocol(`no frame of ${this.#protocol.title} within ${this.#protocol.maxFrameBytes} bytes`)
    }
    // A copy: the rest would keep the whole chunk alive.
    this.#bytes = Buffer.from(bytes)
    return frames
  }
}
