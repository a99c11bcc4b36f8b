import type { Client } from 'aedes'

interface Reader {
  closed: boolean
  connackSent: boolean
  _parsingBatch: number
  _keepaliveInterval: number
  _keepaliveTimer: NodeJS.Timeout | null
  _nextBatch(): void
  _parser: { _queue: object[] | null; emit(event: 'packet', packet: object): void; parse(chunk: Buffer): void }
  pause(): void
  resume(): void
}

const NOTHING = Buffer.alloc(0)
/** A field of the client: weak maps of tens of thousands slow down every garbage collection. */
const reading = Symbol('reading of the client')

/** Whether a connection is read. */
export class Reading {
  readonly #reader: Reader
  /** Nothing more is parsed, of what was read already either. */
  isPaused = false
  /** There is some of that. */
  hasUnparsed = false

  constructor(client: Client) {
    this.#reader = client as unknown as Reader
  }

  pause(): void {
    this.isPaused = true
    this.#reader.pause()
  }

  resume(): void {
    this.isPaused = false
    if (this.#reader.closed) return
    // Aedes counts the packets of a chunk down as they are done, but not while it is paused: it would never read again.
    this.#reader._parsingBatch = 0
    this.#reader._parser.parse(NOTHING)
    if (!this.isPaused) this.#reader.resume()
  }
}

export function readingOf(client: Client): Reading {
  const owner = client as { [reading]?: Reading }
  owner[reading] ??= new Reading(client)
  return owner[reading]
}

/** Until Aedes reads on by itself, after CONNACK. */
export function pauseUntilConnack(client: Client): void {
  ;(client as unknown as Reader).pause()
}

/**
 * Ends a connection that is silent for one and a half times its keep-alive, as Aedes does, [MQTT-3.1.2-24] but not one whose bytes wait
 * because we do not read them: its PINGREQ is among them.
 */
export function endWhenSilent(client: Client): void {
  const reader = client as unknown as Reader
  if (reader.closed || reader._keepaliveInterval <= 0) return
  // That of Aedes, where it handled CONNECT.
  clearTimeout(reader._keepaliveTimer ?? undefined)
  const timer = setTimeout(() => {
    if (client.conn.readableLength > 0 || readingOf(client).hasUnparsed) timer.refresh()
    else client.emit('error', new Error('keep alive timeout'))
  }, reader._keepaliveInterval)
  reader._keepaliveTimer = timer
}

/** Aedes reads on once a chunk's packets are done; one that is put off counts as done for that. */
export function readPast(client: Client): void {
  const reader = client as unknown as Reader
  setImmediate(() => {
    if (!reader.closed) reader._nextBatch()
  })
}

/**
 * Handles what came behind CONNECT as soon as CONNACK is out. Aedes keeps those packets back until the session's whole
 * queue is delivered, but handles what is read meanwhile at once: the later would overtake the earlier. [MQTT-4.6.0-5]
 */
export function handleQueuedPackets(client: Client): void {
  const reader = client as unknown as Reader
  const queued = reader._parser._queue
  if (queued === null || queued.length === 0) return
  reader._parser._queue = []
  reader.connackSent = true
  for (const packet of queued) {
    if (reader.closed) return
    // It was counted when it was queued, and is again now.
    reader._parsingBatch -= 1
    reader._parser.emit('packet', packet)
  }
}
