import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { generate, type IConnectPacket, type IPublishPacket, type Packet, parser } from 'mqtt-packet'
import { createWebSocketStream, WebSocket } from 'ws'
import type { TestScope } from './scope.ts'

type Command = Packet['cmd']
type Of<Cmd extends Command> = Extract<Packet, { cmd: Cmd }>

/** How long a test waits before it says what it missed; nothing depends on it when all is well. */
const PATIENCE_MS = 10_000

/** An MQTT client that does nothing by itself: every byte is the test's. */
export class RawClient {
  readonly stream: Duplex
  readonly packets: Packet[] = []
  /** Everything the broker sent. */
  bytes = Buffer.alloc(0)
  isClosed = false
  readonly #parser = parser()
  readonly #checks = new Set<() => void>()
  #messageId = 0

  constructor(stream: Duplex) {
    this.stream = stream
    this.#parser.on('packet', (packet: Packet) => this.packets.push(packet))
    stream.on('data', (chunk: Buffer) => {
      if (this.bytes.length < 65_536) this.bytes = Buffer.concat([this.bytes, chunk])
      this.#parser.parse(chunk)
      this.#check()
    })
    stream.on('error', () => {})
    stream.on('close', () => {
      this.isClosed = true
      this.#check()
    })
  }

  sendBytes(bytes: Uint8Array): void {
    this.stream.write(bytes)
  }

  send(...packets: Packet[]): void {
    this.stream.write(Buffer.concat(packets.map(packet => generate(packet))))
  }

  /** From now on every message is acknowledged, those that came already too: only so many are sent without. */
  acknowledge(): void {
    const answer = (packet: Packet) => {
      const { cmd, messageId } = packet
      if (cmd === 'publish' && packet.qos > 0)
        this.send({ cmd: packet.qos === 1 ? 'puback' : 'pubrec', messageId: messageId! })
      if (cmd === 'pubrel') this.send({ cmd: 'pubcomp', messageId: messageId! })
    }
    for (const packet of this.packets) answer(packet)
    this.#parser.on('packet', answer)
  }

  /** Sends CONNECT and waits for CONNACK. */
  async connect(password: string, more: Partial<IConnectPacket> = {}): Promise<Of<'connack'>> {
    this.send(connectPacket(password, more))
    return this.next('connack')
  }

  publish(topic: string, payload: string | Buffer, qos: 0 | 1 | 2 = 0, more: Partial<IPublishPacket> = {}): number {
    const messageId = ++this.#messageId
    this.send({ cmd: 'publish', topic, payload, qos, dup: false, retain: false, messageId, ...more })
    return messageId
  }

  async subscribe(...topics: string[]): Promise<readonly number[]> {
    const messageId = ++this.#messageId
    const subscriptions = topics.map(topic => ({ topic, qos: 1 as const }))
    this.send({ cmd: 'subscribe', messageId, subscriptions })
    const suback = await this.find('suback', packet => packet.messageId === messageId)
    return suback.granted as number[]
  }

  async unsubscribe(...unsubscriptions: string[]): Promise<void> {
    const messageId = ++this.#messageId
    this.send({ cmd: 'unsubscribe', messageId, unsubscriptions })
    await this.find('unsuback', packet => packet.messageId === messageId)
  }

  /** Asks the broker for a sign of life: whatever it had to say before has arrived when this resolves. */
  async ping(): Promise<void> {
    const before = this.of('pingresp').length
    this.send({ cmd: 'pingreq' })
    await this.until('PINGRESP', () => this.of('pingresp').length > before)
  }

  of<Cmd extends Command>(cmd: Cmd): Of<Cmd>[] {
    return this.packets.filter((packet): packet is Of<Cmd> => packet.cmd === cmd)
  }

  next<Cmd extends Command>(cmd: Cmd): Promise<Of<Cmd>> {
    return this.find(cmd, () => true)
  }

  /** The first packet of a kind that fits; waits for it. */
  async find<Cmd extends Command>(cmd: Cmd, fits: (packet: Of<Cmd>) => boolean): Promise<Of<Cmd>> {
    let found: Of<Cmd> | undefined
    await this.until(cmd, () => {
      found = this.of(cmd).find(fits)
      return found !== undefined
    })
    return found!
  }

  /** Resolves when the broker has closed the connection. */
  async closed(): Promise<void> {
    await this.until('the end of the connection', () => this.isClosed, true)
  }

  until(what: string, holds: () => boolean, evenWhenClosed = false): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (error?: Error) => {
        clearTimeout(late)
        this.#checks.delete(check)
        if (error) reject(error)
        else resolve()
      }
      const heard = () => this.packets.map(({ cmd }) => cmd).join(' ')
      const check = () => {
        if (holds()) finish()
        else if (this.isClosed && !evenWhenClosed)
          finish(new Error(`closed while waiting for ${what}; heard ${heard()}`))
      }
      const late = setTimeout(
        () => finish(new Error(`no ${what} within ${PATIENCE_MS} ms; heard ${heard()}`)),
        PATIENCE_MS,
      )
      this.#checks.add(check)
      check()
    })
  }

  #check(): void {
    for (const check of this.#checks) check()
  }
}

export function connectPacket(password: string, more: Partial<IConnectPacket> = {}): IConnectPacket {
  return {
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clean: true,
    clientId: 'raw',
    keepalive: 0,
    username: 'any',
    password: Buffer.from(password),
    ...more,
  }
}

/** Connects a socket to the broker, nothing sent yet. */
export async function openRaw(t: TestScope, port: number): Promise<RawClient> {
  const socket: Socket = connect({ host: '127.0.0.1', port, noDelay: true })
  await once(socket, 'connect')
  t.after(() => {
    socket.destroy()
  })
  return new RawClient(socket)
}

/** The same over a WebSocket. */
export async function openRawWebSocket(t: TestScope, url: string): Promise<RawClient> {
  const socket = new WebSocket(url, ['mqtt'], { perMessageDeflate: false })
  t.after(() => socket.terminate())
  const stream = createWebSocketStream(socket)
  await once(socket, 'open')
  socket.once('close', () => setImmediate(() => stream.destroy()))
  return new RawClient(stream)
}
