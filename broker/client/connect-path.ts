import type { AedesOptions, Client, ConnectPacket } from 'aedes'
import type { TrackwireAedes } from '../trackwire-aedes.ts'

/** What is stored of a session, as far as a CONNECT asks for it. */
export interface StoredState {
  /** Whether anything of a session is, or is about to be, in the store: subscriptions, a queue, packet identifiers. */
  isStored(clientId: string): boolean
  /** Whether the connection that was admitted found a session, with nothing in it. */
  isResumed(clientId: string): boolean
  endSession(clientId: string): Promise<unknown> | undefined
  hasStoredWill(clientId: string): boolean
  delWill(client: Client): Promise<unknown>
  putWill(client: Client, will: object): Promise<unknown>
}

interface Setup {
  clean: boolean
  readonly closed: boolean
  connecting: boolean
  connected: boolean
  connackSent: boolean
  id: string
  version: number
  will: object | null
  _will: object | null | undefined
  _authorized: boolean
  _parsingBatch: number
  _connectTimer: NodeJS.Timeout | null
  _keepaliveInterval: number
  _nextBatch(error?: Error): void
  emit(event: string, ...about: unknown[]): boolean
  pause(): void
  resume(): void
  close(done?: () => void): void
}

/** What the broker is made of, beside its types. */
interface Parts {
  readonly closed: boolean
  registerClient(client: Client): void
  emit(event: string, ...about: unknown[]): boolean
}

export interface ConnectPathOptions {
  readonly aedes: TrackwireAedes
  readonly stored: StoredState
  readonly preConnect: NonNullable<AedesOptions['preConnect']>
  readonly authenticate: NonNullable<AedesOptions['authenticate']>
  /** Has Aedes handle a packet. */
  readonly handle: (client: Client, packet: object) => void
}

const NOT_AUTHORIZED = 5

/**
 * CONNECT of a client of whom nothing is stored, which is almost every one: what Aedes does for it, in the same order, without its nine steps
 * that ask the store what is known here, two streams for a queue that is empty, and an answer in four writes. Whoever has something of a
 * session in the store goes Aedes' way; one with nothing in it is told by CONNACK, and that is all.
 */
export function connectPath(options: ConnectPathOptions): (client: Client, packet: ConnectPacket) => void {
  const { aedes, stored, preConnect, authenticate, handle } = options
  const parts = aedes as unknown as Parts

  function begin(client: Client, packet: ConnectPacket): void {
    const setup = client as unknown as Setup
    setup._parsingBatch += 1
    clearTimeout(setup._connectTimer ?? undefined)
    setup._connectTimer = null
    setup.connecting = true
    preConnect(client, packet, (error, isSuccessful) => {
      if (error || !isSuccessful) {
        setup.connecting = false
        setup._nextBatch(error ?? undefined)
      } else if (stored.isStored(packet.clientId)) leaveToAedes(client, packet)
      else void setUp(client, packet).catch((failure: Error) => finish(setup, failure))
    })
  }

  /** Packets that came behind it were counted and wait: to Aedes it has to be the first one. */
  function leaveToAedes(client: Client, packet: ConnectPacket): void {
    const setup = client as unknown as Setup
    const counted = setup._parsingBatch
    setup.connecting = false
    setup._parsingBatch = 0
    handle(client, packet)
    setup._parsingBatch = counted
  }

  async function setUp(client: Client, packet: ConnectPacket): Promise<void> {
    const setup = client as unknown as Setup
    const { clientId, clean, protocolVersion, username, password } = packet
    setup.id = clientId
    setup.clean = clean ?? true
    setup.version = protocolVersion ?? 4
    setup._will = packet.will
    setup.pause()
    let refused: (Error & { returnCode?: number }) | undefined
    authenticate(client, username as never, password as never, (error, isSuccessful) => {
      if (error) refused = error
      else if (!isSuccessful) refused = new Error('not authorized')
    })
    if (setup.closed || parts.closed) return
    if (refused !== undefined) return refuse(client, refused)
    setup._authorized = true
    // Nothing is stored of it: it only was there, or is no more. [MQTT-3.1.2-6]
    const sessionPresent = !setup.clean && stored.isResumed(clientId)
    const ending = setup.clean ? stored.endSession(clientId) : undefined
    if (ending !== undefined) await ending
    // Watched from CONNACK on (guard/reading.ts): until then it is not read. [MQTT-3.1.2-24]
    if (packet.keepalive) setup._keepaliveInterval = packet.keepalive * 1_500 + 1
    setup.will = setup._will ?? null
    if (stored.hasStoredWill(clientId)) await stored.delWill(client)
    if (setup.will !== null) await stored.putWill(client, setup.will)
    parts.registerClient(client)
    answer(client, 0, sessionPresent, () => {
      setup.resume()
      finish(setup)
      if (setup.connected) {
        parts.emit('clientReady', client)
        setup.emit('connected')
        setup._nextBatch()
      }
    })
  }

  function finish(setup: Setup, failure?: Error): void {
    setup.connecting = false
    if (failure !== undefined) setup._nextBatch(failure)
    else setup.connected = !setup.closed
  }

  function refuse(client: Client, error: Error & { returnCode?: number }): void {
    const setup = client as unknown as Setup
    answer(client, error.returnCode ?? NOT_AUTHORIZED, false, () => setup.close(() => finish(setup, error)))
  }

  /** What follows comes a turn later: a predecessor that is taken over has left the tables then. */
  function answer(client: Client, returnCode: number, sessionPresent: boolean, then: () => void): void {
    const setup = client as unknown as Setup
    if (!client.conn.destroyed) client.conn.write(Buffer.from([0x20, 2, sessionPresent ? 1 : 0, returnCode]))
    setImmediate(() => {
      if (setup.closed) return
      parts.emit('connackSent', { cmd: 'connack', returnCode, sessionPresent }, client)
      setup.connackSent = true
      then()
    })
  }

  return begin
}
