import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

export interface RefusalText {
  readonly status: 429 | 503
  readonly retryAfterSeconds: number
  readonly message: string
}

/** How long a refused peer has to read why. */
const LINGER_MS = 1_000
/** Refused sockets that linger at the same time; beyond it they are closed without a word, so that refusing costs no sockets. */
const MOST_LINGERING = 256
/** CONNACK, "server unavailable", MQTT 3.1.1 §3.2.2.3. */
const CONNACK_UNAVAILABLE = Buffer.from([0x20, 0x02, 0x00, 0x03])

/** Ends sockets of which nothing was read yet: with CONNACK 3 or an HTTP answer. */
export class SocketRefusals {
  #lingering = 0

  /** @param language what the peer can read; `tls` = nothing without a handshake, so it is closed at once */
  refuse(socket: Socket, language: 'mqtt' | 'http' | 'tls', text: RefusalText): void {
    socket.on('error', () => socket.destroy())
    if (language === 'tls' || this.#lingering >= MOST_LINGERING) return void socket.destroy()
    this.#lingering += 1
    // Bytes left unread would reset the connection, and the peer would not see the answer.
    socket.resume()
    socket.end(language === 'http' ? httpRefusal(text) : CONNACK_UNAVAILABLE)
    const late = setTimeout(() => socket.destroy(), LINGER_MS)
    socket.once('close', () => {
      this.#lingering -= 1
      clearTimeout(late)
    })
  }
}

/** Refuses a WebSocket upgrade. */
export function refuseUpgrade(socket: Duplex, text: RefusalText): void {
  socket.once('finish', () => socket.destroy())
  socket.end(httpRefusal(text))
}

function httpRefusal({ status, retryAfterSeconds, message }: RefusalText): string {
  const code = status === 503 ? 'connections_exhausted' : 'rate_limited'
  const title = STATUS_CODES[status]
  const body = JSON.stringify({ type: `/api/docs/errors#${code}`, title, status, detail: message, code })
  const head = [
    `HTTP/1.1 ${status} ${title}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `Retry-After: ${retryAfterSeconds}`,
    'Connection: close',
  ]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}
