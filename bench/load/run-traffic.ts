import { connect, subscribe, word } from '../../test/support/mqtt-bytes.ts'
import type { RunningBroker } from './brokers.ts'
import { Burst, deviceId, topicOf } from './messages.ts'
import type { Heard } from './packet-walk.ts'
import { figuresOf } from './process-figures.ts'
import { openRawConnection, type RawConnection } from './raw-connection.ts'
import type { TrafficScenario } from './scenarios.ts'

/** Names as they stand in the table and in the JSON. */
export type Figures = Readonly<Record<string, number>>

interface Publisher {
  readonly connection: RawConnection
  readonly bursts: Burst
  /** Deliveries and acknowledgements that are still to come for what it sent. */
  open: number
  /** When its unanswered messages were sent, the oldest first. */
  sentAtMs: number[]
}

const CONNACK = 2
const PUBACK = 4
const SUBACK = 9
const SETTLE_MS = 3_000
/** Unless the scenario says otherwise. */
const WARM_UP_SECONDS = 1.5
const TICK_MS = 2
const DRAIN_WITHIN_MS = 8_000
const ANSWER_WITHIN_MS = 60_000

/** Runs one scenario against one broker and says how it went; what was opened is closed. */
export async function runTraffic(scenario: TrafficScenario, broker: RunningBroker, seconds: number): Promise<Figures> {
  const opened: RawConnection[] = []
  try {
    return await measure(scenario, broker, seconds, opened)
  } finally {
    for (const { socket } of opened) socket.destroy()
  }
}

async function measure(
  scenario: TrafficScenario,
  broker: RunningBroker,
  seconds: number,
  opened: RawConnection[],
): Promise<Figures> {
  const { qos, over, burst, window, rate, onlyAcknowledged = false, frozen = 0 } = scenario
  const counts = { sent: 0, delivered: 0, acknowledged: 0 }
  const latenciesMs: number[] = []
  let isStarted = false
  let isMeasuring = false
  let isSending = true

  const publishers: Publisher[] = []
  const reading = scenario.subscribers - frozen
  const copies = onlyAcknowledged ? 0 : scenario.shape === 'fan-out' ? reading : 1
  /** What one burst has to hear until the next may go. */
  const answersOfBurst = burst * (copies + (qos === 1 ? 1 : 0))
  const mostOpen = (window / burst) * answersOfBurst

  const send = (publisher: Publisher) => {
    publisher.open += answersOfBurst
    counts.sent += burst
    if (rate !== undefined) publisher.sentAtMs.push(performance.now())
    publisher.connection.sendFramed(publisher.bursts.take())
  }
  const answered = (publisher: Publisher) => {
    publisher.open -= 1
    if (rate === undefined && isSending && publisher.open <= mostOpen - answersOfBurst) send(publisher)
  }
  const noteLatency = (sentAtMs: number | undefined) => {
    if (isMeasuring && sentAtMs !== undefined) latenciesMs.push(performance.now() - sentAtMs)
  }

  const open = async (sub: string, role: 'device' | 'dispatcher') => {
    const port = over === 'tcp' ? broker.port : broker.webSocketPort
    const connection = await openRawConnection(port, over)
    opened.push(connection)
    const password = await broker.password(role, sub)
    await answer(connection, CONNACK, connect({ clientId: sub, password, keepAlive: 0 }))
    return connection
  }

  for (let i = 0; i < scenario.subscribers; i += 1) {
    const connection = await open(`watch-${i}`, 'dispatcher')
    const filter = topicOf(scenario.kind, scenario.shape === 'pairs' ? i : scenario.shape === 'fan-out' ? 0 : '+')
    await answer(connection, SUBACK, subscribe(1, [filter, qos]))
    if (i >= reading) {
      connection.socket.pause()
      continue
    }
    let nth = 0
    connection.heard = acknowledging(connection, device => {
      if (!isStarted) return
      counts.delivered += 1
      const publisher = publishers[device]!
      // Of a fan-out every subscriber hears every message in turn.
      if (rate !== undefined)
        noteLatency(scenario.shape === 'fan-out' ? publisher.sentAtMs[nth++] : publisher.sentAtMs.shift())
      answered(publisher)
    })
  }
  for (let i = 0; i < scenario.publishers; i += 1) {
    const connection = await open(deviceId(i), 'device')
    const bursts = new Burst(scenario.kind, i, qos, burst, over)
    const publisher: Publisher = { connection, bursts, open: 0, sentAtMs: [] }
    connection.heard = {
      onPublish: () => {},
      onOther: type => {
        if (type !== PUBACK) return
        counts.acknowledged += 1
        if (onlyAcknowledged && rate !== undefined) noteLatency(publisher.sentAtMs.shift())
        answered(publisher)
      },
    }
    publishers.push(publisher)
  }

  // What a broker has to say of connections that begin is not part of it.
  await pause(SETTLE_MS)
  isStarted = true
  const isPaced = rate !== undefined
  if (!isPaced) for (const publisher of publishers) for (let i = 0; i < window; i += burst) send(publisher)
  const stopPacing = isPaced ? pace(rate, () => send(publishers[(counts.sent / burst) % publishers.length]!)) : () => {}

  await pause((scenario.warmUpSeconds ?? WARM_UP_SECONDS) * 1_000)
  const before = { ...counts, atMs: performance.now(), ...figuresOf(broker.pid), own: process.cpuUsage() }
  isMeasuring = true
  await pause(seconds * 1_000)
  isMeasuring = false
  const after = { ...counts, atMs: performance.now(), ...figuresOf(broker.pid) }
  const own = process.cpuUsage(before.own)
  isSending = false
  stopPacing()
  const drainedBy = performance.now() + DRAIN_WITHIN_MS
  while (performance.now() < drainedBy && publishers.some(({ open }) => open > 0)) await pause(50)

  const forSeconds = (after.atMs - before.atMs) / 1_000
  const sent = after.sent - before.sent
  const arrived = onlyAcknowledged ? after.acknowledged - before.acknowledged : after.delivered - before.delivered
  const cpuMicros = after.cpuMicros - before.cpuMicros
  latenciesMs.sort((a, b) => a - b)
  const expected = counts.sent * (onlyAcknowledged ? 1 : copies)
  return {
    'out/s': arrived / forSeconds,
    'CPU µs/msg': cpuMicros / (sent + (onlyAcknowledged ? 0 : arrived)),
    'broker cores': cpuMicros / 1e6 / forSeconds,
    'generator cores': (own.user + own.system) / 1e6 / forSeconds,
    'p50 ms': latenciesMs[Math.floor(latenciesMs.length * 0.5)] ?? Number.NaN,
    'p99 ms': latenciesMs[Math.floor(latenciesMs.length * 0.99)] ?? Number.NaN,
    'delivered share': (onlyAcknowledged ? counts.acknowledged : counts.delivered) / expected,
    'stuck publishers': publishers.filter(({ open }) => open > 0).length,
    'closed connections': opened.filter(({ isClosed }) => isClosed).length,
    'resident MB': after.residentKb / 1_024,
  }
}

/** As many as the clock says are due. */
function pace(rate: number, send: () => void): () => void {
  const startedAt = performance.now()
  let due = 0
  const timer = setInterval(() => {
    const elapsed = (performance.now() - startedAt) / 1_000
    for (; due < elapsed * rate; due += 1) send()
  }, TICK_MS)
  return () => clearInterval(timer)
}

/** Acknowledges what comes with QoS 1; the acknowledgements of one turn in one write. */
function acknowledging(connection: RawConnection, onPublish: (device: number) => void): Heard {
  let acknowledgements: number[] = []
  const flush = () => {
    connection.send(Buffer.from(acknowledgements))
    acknowledgements = []
  }
  return {
    onPublish: (device, qos, packetId) => {
      if (qos > 0) {
        if (acknowledgements.length === 0) setImmediate(flush)
        acknowledgements.push(PUBACK << 4, 2, ...word(packetId))
      }
      onPublish(device)
    },
    onOther: () => {},
  }
}

/** Sends a packet and waits for its answer. */
export async function answer(connection: RawConnection, type: number, packet: Buffer): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no packet of type ${type} came`)), ANSWER_WITHIN_MS)
    connection.socket.once('close', () => reject(new Error('the connection was closed')))
    connection.heard = {
      onPublish: () => {},
      onOther: (got, refusal) => {
        if (got !== type) return
        clearTimeout(late)
        if (refusal === 0) resolve()
        else reject(new Error(`the connection was refused with ${refusal}`))
      },
    }
    connection.send(packet)
  })
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
