import { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'

/** FIN and the opcode of binary data, RFC 6455 §5.2. */
const BINARY = 0x82
/** Read of one connection, it lets the others have their turn: who sends without a pause would be read for as long as there is more. */
const TURN_BYTES = 32_768
/** Larger ones are not copied to stand behind a header. */
const FRAMED_UP_TO_BYTES = 65_535
/** Many connections are often sent the very same bytes: what was put into a frame last. */
let framedBytes: Buffer | undefined
let frame: Buffer = Buffer.alloc(0)

function framed(bytes: Buffer): Buffer {
  if (bytes === framedBytes) return frame
  const { length } = bytes
  const headerBytes = length < 126 ? 2 : 4
  frame = Buffer.allocUnsafe(headerBytes + length)
  frame[0] = BINARY
  if (length < 126) frame[1] = length
  else {
    frame[1] = 126
    frame.writeUInt16BE(length, 2)
  }
  frame.set(bytes, headerBytes)
  framedBytes = bytes
  return frame
}

/**
 * One WebSocket as a byte stream, with back-pressure both ways: it stops reading the socket when the broker does not keep
 * up, and `write` returns false while the socket has not taken what was written.
 *
 * Several MQTT packets may share a frame and a packet may span frames. [MQTT-6.0.0-2]; only binary frames count. [MQTT-6.0.0-1]
 */
export class WebSocketStream extends Duplex {
  readonly #socket: WebSocket
  readonly #transport: Duplex
  #readBytes = 0
  /** The broker does not keep up. */
  #isFull = false
  #hadItsTurn = false

  /** @param transport what the WebSocket was upgraded from: frames are written to it, in between those of `ws` */
  constructor(socket: WebSocket, transport: Duplex) {
    super({ allowHalfOpen: false })
    this.#socket = socket
    this.#transport = transport
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      // Pausing for a stream that nobody reads any more would leave the peer's answer to our close unread.
      if (this.destroyed) return
      if (!isBinary) {
        socket.close(1003, 'MQTT takes binary frames')
        this.destroy(new Error('protocol violation: a text frame'))
      } else {
        this.#isFull = !this.push(data)
        this.#readBytes += data.length
        if (this.#readBytes >= TURN_BYTES) this.#letOthersRead()
        if (this.#isFull) socket.pause()
      }
    })
    // No destroy: what the peer sent before it left is still read, as on a TCP connection.
    socket.on('close', () => this.push(null))
    socket.on('error', error => this.destroy(error))
  }

  override _read(): void {
    this.#isFull = false
    this.#readOn()
  }

  #letOthersRead(): void {
    if (this.#hadItsTurn) return
    this.#hadItsTurn = true
    this.#socket.pause()
    setImmediate(() => {
      this.#hadItsTurn = false
      this.#readBytes = 0
      this.#readOn()
    })
  }

  #readOn(): void {
    if (!this.#isFull && !this.#hadItsTurn && this.#socket.isPaused) this.#socket.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#send(chunk, done)
  }

  /** What piled up leaves in one frame. */
  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#send(Buffer.concat(chunks.map(({ chunk }) => chunk)), done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.close(1000)
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (this.#socket.isPaused) this.#socket.resume()
    // A clean close where the peer still answers; ws ends the socket by itself when it does not.
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.close(error ? 1002 : 1000)
    else this.#socket.terminate()
    done(error)
  }

  #send(bytes: Buffer, done: (error?: Error | null) => void): void {
    // Nobody is there to read it. No error: what the peer sent before it left may not have been handled yet.
    if (this.#socket.readyState !== this.#socket.OPEN) return done()
    if (bytes.length <= FRAMED_UP_TO_BYTES) this.#transport.write(framed(bytes), done)
    else this.#socket.send(bytes, { binary: true }, done)
  }
}
