import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Client } from 'aedes'

interface Reading {
  readonly connected: boolean
  readonly closed: boolean
  readonly _paused: boolean | undefined
  readonly _parsingBatch: number
  readonly _parser: { parse(chunk: Uint8Array): number }
}
interface Handle {
  useUserBuffer?(buffer: Buffer): void
}
/** Where a socket keeps the buffer, who is called with it, and who gives the next one. */
interface Parts {
  readonly buffer: symbol
  readonly callback: symbol
  readonly generate: symbol
}

/**
 * Of one connection in a turn of the event loop: who fills it has sent more, and is read again after the others. libuv by itself reads on up to 32
 * times, so that a few who send without a pause make everybody else wait for seconds.
 */
const READ_BYTES = 32_768
/** All connections are read into it, one after the other: what came is copied out before the next one is read. */
const READ_INTO = Buffer.allocUnsafeSlow(READ_BYTES)
/** The same in all sockets of a process; undefined until the first one was looked at, null where Node names them otherwise. */
let parts: Parts | null | undefined

/**
 * Reads a TCP socket into memory that all of them share, as Node's option `onread` does, which a server's sockets cannot be given.
 * Node by itself allocates 64 KiB for every read, and has the bytes go through a stream, an event and another turn to get to where
 * they are parsed. Where they cannot be parsed at once they still go that way.
 * @returns whether it does: other streams, and a Node that names its parts otherwise, are read as ever
 */
export function readDirectly(conn: Duplex, client: Client): boolean {
  if (!(conn instanceof Socket) || conn.constructor !== Socket) return false
  if (parts === undefined) parts = partsOf(conn)
  const handle = (conn as unknown as { _handle: Handle | null })._handle
  if (parts === null || handle?.useUserBuffer === undefined) return false
  const reading = client as unknown as Reading
  const readOn = () => {
    if (!conn.destroyed) conn._read(0)
  }
  const take = (bytes: number, from: Buffer): boolean => {
    const chunk = Buffer.from(from.subarray(0, bytes))
    const { connected, closed, _paused, _parsingBatch } = reading
    if (!connected || closed || _paused === true || _parsingBatch > 0 || conn.readableLength > 0)
      return conn.push(chunk)
    reading._parser.parse(chunk)
    if (bytes < READ_BYTES) return true
    setImmediate(readOn)
    return false
  }
  Object.assign(conn, { [parts.buffer]: READ_INTO, [parts.callback]: take, [parts.generate]: null })
  // biome-ignore lint/correctness/useHookAtTopLevel: Node's handle, no hook of React
  handle.useUserBuffer(READ_INTO)
  return true
}

function partsOf(socket: Socket): Parts | null {
  const symbols = Object.getOwnPropertySymbols(socket)
  const [buffer, callback, generate] = ['kBuffer', 'kBufferCb', 'kBufferGen'].map(name =>
    symbols.find(({ description }) => description === name),
  )
  if (buffer === undefined || callback === undefined || generate === undefined) return null
  return { buffer, callback, generate }
}
