import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { after, before, test } from 'node:test'
import type { Packet } from 'mqtt-packet'
import { mint, startTestBroker, type TestBroker } from '../support/broker.ts'
import { connect, packet, publish } from '../support/mqtt-bytes.ts'
import { openRaw, openRawWebSocket, type RawClient } from '../support/raw-mqtt.ts'
import { openScope } from '../support/scope.ts'
import { ODD, wholeOf } from './odd-cases.ts'

const DEVICE = { role: 'device', sub: 'truck-7' } as const

const scope = openScope()
let running: TestBroker
let webUrl: string
let token: string

before(async () => {
  const webSocketServer = createServer().listen(0, '127.0.0.1')
  await once(webSocketServer, 'listening')
  scope.after(() => void webSocketServer.close())
  running = await startTestBroker(scope, { webSocketServer })
  webUrl = `ws://127.0.0.1:${(webSocketServer.address() as { port: number }).port}/mqtt`
  token = await mint(DEVICE)
})
after(() => scope.release())

function described(answer: Packet): string {
  const { cmd, messageId } = answer
  if (cmd === 'suback') return [cmd, messageId, ...answer.granted].join(' ')
  return messageId === undefined ? cmd : `${cmd} ${messageId}`
}

async function accepted(raw: RawClient, send: () => void | Promise<void>, odd: (typeof ODD)[number]): Promise<void> {
  const { answers = [], connack = 0 } = odd
  await send()
  assert.equal((await raw.next('connack')).returnCode, connack)
  if (connack !== 0) return raw.closed()
  await raw.until('the answers', () => raw.packets.length > answers.length)
  await raw.ping()
  assert.deepEqual(raw.packets.slice(1).map(described).sort(), [...answers, 'pingresp'].sort())
  raw.sendBytes(packet(0xe0))
  await raw.closed()
}

const TRANSPORTS = {
  TCP: () => openRaw(scope, running.port),
  WebSocket: () => openRawWebSocket(scope, webUrl),
}

for (const [transport, open] of Object.entries(TRANSPORTS)) {
  for (const odd of ODD) {
    test(`${transport}: ${odd.name} is ${odd.connack ? `answered with CONNACK ${odd.connack}` : 'accepted'}`, async () => {
      const raw = await open()
      const bytes = wholeOf(odd, token)
      // A frame of WebSocket has a limit of its own.
      const send = () => {
        for (let at = 0; at < bytes.length; at += 65_536) raw.sendBytes(bytes.subarray(at, at + 65_536))
      }
      await accepted(raw, send, odd)
    })
  }
}

test('split at each of its bytes a connection works as well', async () => {
  const odd = ODD.find(({ name }) => name === 'packets of every kind in one write')!
  const bytes = wholeOf(odd, token)
  // One device sends a session for each of its bytes: more than limits allow in a minute.
  const { port } = await startTestBroker(scope, { limits: false })
  for (let at = 1; at < bytes.length; at += 1) {
    const raw = await openRaw(scope, port)
    const send = async () => {
      raw.sendBytes(bytes.subarray(0, at))
      await new Promise<void>(resolve => setImmediate(resolve))
      raw.sendBytes(bytes.subarray(at))
    }
    await accepted(raw, send, odd)
  }
})

test('the sender of a payload over the limit is told, QoS 0 too, and nothing of it is forwarded', async () => {
  const raw = await openRaw(scope, running.port)
  raw.sendBytes(connect({ password: token }))
  await raw.next('connack')
  await raw.subscribe('demo/users/truck-7/errors', 'demo/devices/truck-7/location')
  const calls = running.work.calls.length
  for (const [flags, id] of [
    [0, null],
    [2, 7],
  ] as const) {
    raw.sendBytes(publish(flags, 'demo/devices/truck-7/location', id, 'x'.repeat(300_000)))
  }
  await raw.until('two notices', () => raw.of('publish').length === 2)
  for (const { topic, payload } of raw.of('publish')) {
    assert.equal(topic, 'demo/users/truck-7/errors')
    const notice = JSON.parse(payload.toString())
    assert.equal(notice.code, 'payload_too_large')
    assert.match(notice.message, /the payload has 300000 bytes, the limit is 262144/)
  }
  assert.equal(running.work.calls.length, calls)
})

test('at least 60 of them', () => assert.ok(ODD.length >= 60, `${ODD.length}`))
