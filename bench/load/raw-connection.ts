import { connect as connectSocket, type Socket } from 'node:net'
import { type Heard, PacketWalk } from './packet-walk.ts'

export type Over = 'tcp' | 'websocket'

export interface RawConnection {
  readonly socket: Socket
  /** Bytes of MQTT, put into one frame where it is a WebSocket. */
  send(bytes: Buffer): void
  /** Bytes that {@link framed} made ready. */
  sendFramed(bytes: Buffer): void
  /** What is heard from now on. */
  heard: Heard
  isClosed: boolean
}

const OPEN_WITHIN_MS = 10_000
const READ_BYTES = 262_144
/** All sockets read into the same memory: what is read is done with at once. */
const READ_INTO = Buffer.allocUnsafe(READ_BYTES)
const HANDSHAKE = [
  'GET /mqtt HTTP/1.1',
  'Host: localhost',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Protocol: mqtt',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  '\r\n',
].join('\r\n')
const NOBODY: Heard = { onPublish: () => {}, onOther: () => {} }

/** A client's frame has to be masked; with a mask of zeros its bytes stay as they are. */
export function framed(over: Over, bytes: Buffer): Buffer {
  if (over === 'tcp') return bytes
  const { length } = bytes
  const header = length < 126 ? [0x82, 0x80 | length] : [0x82, 0x80 | 126, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([...header, 0, 0, 0, 0]), bytes])
}

/** Opens a socket from the given loopback address, as far as MQTT may be spoken on it. */
export function openRawConnection(port: number, over: Over, localAddress = '127.0.0.1'): Promise<RawConnection> {
  return new Promise((resolve, reject) => {
    let isUpgraded = over === 'tcp'
    let upgrade = ''
    let unframe: Unframe | undefined
    const onread = {
      buffer: READ_INTO,
      callback: (bytes: number) => {
        const piece = READ_INTO.subarray(0, bytes)
        if (unframe !== undefined) unframe.read(piece)
        else if (isUpgraded) walk.read(piece)
        else answered(piece)
        return true
      },
    }
    const socket = connectSocket({ port, host: '127.0.0.1', localAddress, onread, noDelay: true })
    const connection: RawConnection = {
      socket,
      send: bytes => void socket.write(framed(over, bytes)),
      sendFramed: bytes => void socket.write(bytes),
      heard: NOBODY,
      isClosed: false,
    }
    const walk = new PacketWalk({
      onPublish: (device, qos, packetId) => connection.heard.onPublish(device, qos, packetId),
      onOther: (type, refusal) => connection.heard.onOther(type, refusal),
    })
    const answered = (piece: Buffer) => {
      upgrade += piece.toString('latin1')
      if (!upgrade.includes('\r\n\r\n')) return
      if (!upgrade.startsWith('HTTP/1.1 101')) return void socket.destroy(new Error(upgrade.split('\r\n', 1)[0]))
      isUpgraded = true
      unframe = new Unframe(bytes => walk.read(bytes))
      opened()
    }
    const late = setTimeout(() => socket.destroy(new Error('the broker did not open the connection')), OPEN_WITHIN_MS)
    const opened = () => {
      clearTimeout(late)
      resolve(connection)
    }
    socket.on('error', reject)
    socket.on('close', () => {
      clearTimeout(late)
      connection.isClosed = true
      reject(new Error('the broker closed the connection'))
    })
    socket.once('connect', () => {
      if (over === 'tcp') opened()
      else socket.write(HANDSHAKE)
    })
  })
}

/** Takes the payload out of a server's frames, which come in any pieces. */
class Unframe {
  readonly #payload: (bytes: Buffer) => void
  #header: number[] = []
  #left = 0

  constructor(payload: (bytes: Buffer) => void) {
    this.#payload = payload
  }

  read(piece: Buffer): void {
    let at = 0
    while (at < piece.length) {
      if (this.#left > 0) {
        const end = Math.min(at + this.#left, piece.length)
        this.#payload(piece.subarray(at, end))
        this.#left -= end - at
        at = end
        continue
      }
      this.#header.push(piece[at]!)
      at += 1
      const length = lengthIn(this.#header)
      if (length === null) continue
      this.#left = length
      this.#header = []
    }
  }
}

function lengthIn(header: readonly number[]): number | null {
  const short = (header[1] ?? 0) & 0x7f
  const more = short < 126 ? 0 : short === 126 ? 2 : 8
  if (header.length < 2 + more) return null
  return more === 0 ? short : header.slice(2).reduce((sum, byte) => sum * 256 + byte, 0)
}
