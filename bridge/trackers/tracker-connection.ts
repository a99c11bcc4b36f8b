import type { Logger } from 'pino'
import { FrameStream, NotThisProtocol } from './frame-stream.ts'
import type { TrackerMetrics } from './metrics.ts'
import type { Decoded, Protocol } from './protocol.ts'
import type { Sessions } from './sessions.ts'
import { type Origin, type TrackerDevice, TrackerRefused, type TrackerSink } from './sink.ts'
import { TrackerLink } from './tracker-link.ts'

/** A tracker that is adopted while it is connected is known after so long at the most. */
const LOOK_AGAIN_MS = 10_000
/** Frames that may wait for the one before them, and their bytes; beyond it, nothing more is read. */
const MAX_WAITING = 64
const MAX_WAITING_BYTES = 65_536
/** What is remembered of the newest frame. */
const HEAD_BYTES = 64

/** The peer of a connection: what its bytes are answered with, and how it is held back. */
export interface Peer {
  readonly address: string
  send(bytes: Buffer): void
  pause(): void
  resume(): void
  close(): void
}

export interface ConnectionContext {
  readonly sink: TrackerSink
  readonly sessions: Sessions
  readonly metrics: TrackerMetrics
  readonly logger: Logger
  readonly now: () => number
  /** Another one with every connection. */
  readonly nextId: () => string
}

/** One tracker's conversation: frames are decoded, stored and acknowledged one after the other, in the order in which they came. */
export class TrackerConnection {
  readonly #protocol: Protocol<unknown>
  readonly #transport: 'tcp' | 'udp'
  readonly #peer: Peer
  readonly #context: ConnectionContext
  readonly #stream: FrameStream
  #memory: unknown
  /** Commands go out over it; null where the protocol has none. */
  readonly link: TrackerLink | null
  #identity: string | null = null
  #frame: Buffer = Buffer.alloc(0)
  #device: TrackerDevice | null = null
  #lookedAt = 0
  #waiting = 0
  #waitingBytes = 0
  #paused = false
  #closed = false
  #work: Promise<void> = Promise.resolve()

  constructor(protocol: Protocol<unknown>, transport: 'tcp' | 'udp', peer: Peer, context: ConnectionContext) {
    this.#protocol = protocol
    this.#transport = transport
    this.#peer = peer
    this.#context = context
    this.#stream = new FrameStream(protocol)
    this.#memory = protocol.initial
    const { commands } = protocol
    this.link = commands?.transports.includes(transport)
      ? new TrackerLink(context.nextId(), this.#linked(), commands)
      : null
  }

  get device(): TrackerDevice | null {
    return this.#device
  }

  get address(): string {
    return this.#peer.address
  }

  /** Bytes of a stream, in any pieces. */
  receive(chunk: Buffer): void {
    try {
      for (const frame of this.#stream.push(chunk)) this.#queue(frame)
    } catch (error) {
      if (!(error instanceof NotThisProtocol)) throw error
      this.#context.metrics.closed.inc({ protocol: this.#protocol.name, reason: 'not-this-protocol' })
      this.#context.logger.info({ peer: this.#peer.address, protocol: this.#protocol.name }, `${error.message}: closed`)
      this.#peer.close()
    }
  }

  /** A datagram: its frames are whole. */
  receiveDatagram(bytes: Buffer): void {
    // Datagrams cannot be held back. One that is not acknowledged comes again.
    if (this.#paused) return void this.#context.metrics.dropped.inc({ protocol: this.#protocol.name })
    const cut = this.#protocol.cut(bytes)
    // A datagram of a protocol that cuts its stream otherwise (Teltonika's has a head of its own) is one frame.
    if (cut.kind !== 'frame') return this.#queue(bytes)
    for (const frame of new FrameStream(this.#protocol).push(bytes)) this.#queue(frame)
  }

  /** Resolves when what was received is stored and answered. */
  idle(): Promise<void> {
    return this.#work
  }

  end(): void {
    if (this.#closed) return
    this.#closed = true
    void this.#work.then(() => this.#leave())
  }

  #queue(frame: Buffer): void {
    this.#waiting += 1
    this.#waitingBytes += frame.length
    if (!this.#paused && this.#isFull(1)) {
      this.#paused = true
      this.#peer.pause()
    }
    const receivedAt = this.#context.now()
    this.#work = this.#work.then(() => this.#handle(frame, receivedAt)).finally(() => this.#done(frame.length))
  }

  #isFull(part: number): boolean {
    const most = this.#context.sink.isOverloaded ? 1 : MAX_WAITING
    return this.#waiting >= most * part || this.#waitingBytes >= MAX_WAITING_BYTES * part
  }

  #done(frameBytes: number): void {
    this.#waiting -= 1
    this.#waitingBytes -= frameBytes
    if (!this.#paused || (this.#waiting > 0 && this.#isFull(0.5))) return
    this.#paused = false
    this.#peer.resume()
  }

  async #handle(frame: Buffer, receivedAt: number): Promise<void> {
    const { metrics, logger, sink } = this.#context
    const { name } = this.#protocol
    const decoded = this.#protocol.decode(frame, this.#memory, { receivedAt })
    this.#memory = decoded.memory
    metrics.frames.inc({ protocol: name })
    if (decoded.fault !== undefined) {
      metrics.faults.inc({ protocol: name })
      logger.debug({ peer: this.#peer.address, protocol: name, frame: frame.toString('hex', 0, 64) }, decoded.fault)
    }
    const origin: Origin = { protocol: name, transport: this.#transport, peer: this.#peer.address, receivedAt }
    try {
      const identity = decoded.identity ?? (this.#mayBeKnownNow(receivedAt) ? this.#identity : null)
      if (identity !== null) await this.#becomes(identity, origin)
      if (decoded.reports.length > 0) await this.#keep(decoded.reports, origin)
    } catch (error) {
      if (error instanceof TrackerRefused) {
        metrics.closed.inc({ protocol: name, reason: 'identity-refused' })
        logger.warn({ peer: this.#peer.address, protocol: name }, error.message)
        this.#peer.close()
        return
      }
      // Nothing was stored: without an acknowledgement the device sends it again.
      logger.warn({ err: error, peer: this.#peer.address, protocol: name }, 'a tracker frame could not be stored')
      this.#peer.close()
      return
    }
    if (this.#device === null && this.#identity !== null) return sink.unknown(this.#identity, decoded.reports, origin)
    const answer = decoded.answer ?? this.#protocol.acknowledge(frame, decoded)
    if (answer !== null && !this.#closed) this.#peer.send(answer)
    this.#tell(frame, decoded, receivedAt)
  }

  /** What the frame answers, and that commands may go out now: the device listens. */
  #tell(frame: Buffer, decoded: Decoded<unknown>, receivedAt: number): void {
    const device = this.#device
    if (this.link === null || device === null || this.#closed) return
    // A copy: the frame would keep all that arrived with it alive.
    this.#frame = Buffer.from(frame.subarray(0, HEAD_BYTES))
    for (const answer of this.link.heard(frame, decoded, receivedAt)) this.#context.sink.answered(device, answer)
    this.#context.sink.contact(device)
  }

  #linked() {
    return {
      protocol: this.#protocol,
      now: this.#context.now,
      addressee: () => ({ memory: this.#memory, identity: this.#identity, frame: this.#frame }),
      send: (bytes: Buffer) => {
        if (!this.#closed) this.#peer.send(bytes)
      },
    }
  }

  async #keep(reports: Parameters<TrackerSink['store']>[1], origin: Origin): Promise<void> {
    if (this.#device !== null) {
      this.#context.sessions.heard(this.#device, this)
      return this.#context.sink.store(this.#device, reports, origin)
    }
    this.#context.metrics.unidentified.inc({ protocol: this.#protocol.name })
  }

  #mayBeKnownNow(nowMs: number): boolean {
    return this.#device === null && nowMs - this.#lookedAt >= LOOK_AGAIN_MS
  }

  async #becomes(identity: string, origin: Origin): Promise<void> {
    if (identity === this.#identity && this.#device !== null) return
    this.#lookedAt = origin.receivedAt
    const device = await this.#context.sink.identify(identity, origin)
    this.#identity = identity
    if (device?.deviceId === this.#device?.deviceId && device?.org === this.#device?.org) return
    this.#leave()
    this.#device = device
    if (device !== null) this.#context.sessions.enter(device, this, origin)
  }

  #leave(): void {
    if (this.#device === null) return
    this.#context.sessions.leave(this.#device, this)
    this.#device = null
  }
}
