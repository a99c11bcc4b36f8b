import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { type TestContext, test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { WebSocketStream } from '../../broker/listeners/websocket-stream.ts'

/** Longer than any test takes: only an answered close ends the server's side before it. */
const NEVER_MS = 60_000

async function openPair(t: TestContext) {
  const settings = { port: 0, host: '127.0.0.1', closeTimeout: NEVER_MS }
  const server = new WebSocketServer(settings)
  await once(server, 'listening')
  const peer = new WebSocket(`ws://127.0.0.1:${(server.address() as { port: number }).port}`)
  t.after(() => {
    peer.terminate()
    for (const socket of server.clients) socket.terminate()
    server.close()
  })
  const [[socket, request]] = (await Promise.all([once(server, 'connection'), once(peer, 'open')])) as [
    [WebSocket, IncomingMessage],
    unknown,
  ]
  return { peer, socket, stream: new WebSocketStream(socket, request.socket) }
}

test('what a peer still sends after we closed does not keep its answer to the close from being read', async t => {
  const { peer, socket, stream } = await openPair(t)
  const closed = once(socket, 'close')
  // On its way before the peer knows of the close: as when a platform stops under load.
  for (let i = 0; i < 20; i++) peer.send(Buffer.alloc(stream.readableHighWaterMark * 4))
  stream.destroy()
  const [code] = await closed
  assert.equal(code, 1000)
})

test('a stream closed while nobody reads it still reads the answer to the close', async t => {
  const { peer, socket, stream } = await openPair(t)
  peer.send(Buffer.alloc(stream.readableHighWaterMark * 4))
  while (!socket.isPaused) await new Promise(setImmediate)
  const closed = once(socket, 'close')
  stream.destroy()
  const [code] = await closed
  assert.equal(code, 1000)
})

test('frames of every length come whole and in order, between those of ws', async t => {
  const { peer, socket, stream } = await openPair(t)
  const lengths = [1, 125, 126, 127, 65_535, 65_536, 70_000, 2]
  const heard: Buffer[] = []
  const pinged = once(peer, 'ping')
  peer.on('message', (data: Buffer) => heard.push(data))
  for (const [i, length] of lengths.entries()) {
    await new Promise<void>(resolve => stream.write(Buffer.alloc(length, i + 1), () => resolve()))
    if (i === 3) socket.ping()
  }
  await pinged
  while (heard.length < lengths.length) await new Promise(setImmediate)
  for (const [i, length] of lengths.entries()) assert.deepEqual(heard[i], Buffer.alloc(length, i + 1))
})

test('who sends without a pause is read a part at a time: others have their turn in between', async t => {
  const { peer, stream } = await openPair(t)
  const [frames, bytes] = [8_000, 1_000]
  for (let i = 0; i < frames; i += 1) peer.send(Buffer.alloc(bytes))
  let heard = 0
  stream.on('data', (data: Buffer) => (heard += data.length))
  let most = 0
  while (heard < frames * bytes) {
    const before = heard
    await new Promise(setImmediate)
    most = Math.max(most, heard - before)
  }
  // A buffer of 64 KiB that was read already is taken to its end.
  assert.ok(most <= 3 * 65_536, `${most} bytes in a turn`)
})
