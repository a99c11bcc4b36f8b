import type { Client } from 'aedes'

interface Reader {
  closed: boolean
  connackSent: boolean
  _parsingBatch: number
  _keepaliveInterval: number
  _keepaliveTimer: NodeJS.Timeout | null
  _nextBatch(): void
  _parser: { _queue: object[] | null; emit(event: 'packet', packet: object): void }
  pause(): void
  resume(): void
}

/** Stops reading a connection and continues. */
export function readingOf(client: Client): { pause: () => void; resume: () => void } {
  const reader = client as unknown as Reader
  return {
    pause: () => reader.pause(),
    resume: () => {
      if (reader.closed) return
      // Aedes counts the packets of a chunk down as they are done, but not while it is paused: it would never read again.
      reader._parsingBatch = 0
      reader.resume()
    },
  }
}

/**
 * Ends a connection that is silent for one and a half times its keep-alive, as Aedes does, [MQTT-3.1.2-24] but not one whose bytes wait
 * because we do not read them: its PINGREQ is among them.
 */
export function endWhenSilent(client: Client): void {
  const reader = client as unknown as Reader
  if (reader.closed || reader._keepaliveTimer === null) return
  clearTimeout(reader._keepaliveTimer)
  const timer = setTimeout(() => {
    if (client.conn.readableLength > 0) timer.refresh()
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
