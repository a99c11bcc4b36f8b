import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { Aedes } from 'aedes'

export interface Received {
  readonly topic: string
  readonly payload: unknown
  readonly qos: number
  readonly retain: boolean
}

export interface RecordingBroker {
  readonly url: string
  readonly aedes: Aedes
  /** What clients published, in order of arrival. Wills are among them. */
  readonly received: Received[]
  /** Resolves when a message for which `matches` holds has arrived, also an earlier one. */
  arrival(matches: (message: Received) => boolean): Promise<Received>
  /** Cuts every connection and stops listening; {@link RecordingBroker.listen} takes the same port again. */
  shut(): Promise<void>
  listen(): Promise<void>
}

/** An outside broker on a free port that keeps what it was sent. Closed with the test. */
export async function startRecordingBroker(t: TestContext): Promise<RecordingBroker> {
  const aedes = await Aedes.createBroker()
  const sockets = new Set<Socket>()
  let server: Server | undefined
  let port = 0
  const received: Received[] = []
  const waiting: { matches: (message: Received) => boolean; resolve: (message: Received) => void }[] = []

  aedes.on('publish', packet => {
    if (packet.topic.startsWith('$SYS')) return
    const text = packet.payload.toString()
    const message = {
      topic: packet.topic,
      payload: text === '' ? undefined : JSON.parse(text),
      qos: packet.qos,
      retain: packet.retain,
    }
    received.push(message)
    for (const waiter of [...waiting]) {
      if (!waiter.matches(message)) continue
      waiting.splice(waiting.indexOf(waiter), 1)
      waiter.resolve(message)
    }
  })

  async function listen() {
    server = createServer({ noDelay: true }, socket => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
      aedes.handle(socket)
    })
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
  }

  async function shut() {
    const closing = server
    server = undefined
    if (closing === undefined) return
    const closed = once(closing, 'close')
    closing.close()
    for (const socket of sockets) socket.destroy()
    await closed
  }

  t.after(async () => {
    await shut()
    await new Promise<void>(resolve => aedes.close(() => resolve()))
  })
  await listen()
  return {
    url: `mqtt://127.0.0.1:${port}`,
    aedes,
    received,
    arrival(matches) {
      const earlier = received.find(matches)
      if (earlier !== undefined) return Promise.resolve(earlier)
      return new Promise(resolve => waiting.push({ matches, resolve }))
    },
    shut,
    listen,
  }
}
