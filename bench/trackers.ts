/*
 * What a tracker's frame costs (cut, decode, acknowledge) beside an MQTT fix of the same position (parse, check), in the same run; then
 * 10,000 tracker connections on one node.
 *   node --expose-gc dist/bench/trackers.js [rounds] [connections]
 * The ratio is what to read: the machine's speed is in both. With TRACKWIRE_TEST_DATA the frames are the real ones there.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { FrameStream } from '../bridge/trackers/frame-stream.ts'
import type { Protocol } from '../bridge/trackers/protocol.ts'
import { PROTOCOLS } from '../bridge/trackers/registry.ts'
import { startTrackers } from '../bridge/trackers/start-trackers.ts'
import { decodePayload } from '../contract/index.ts'
import { createGt06Wire } from '../firmware-sim/trackers/gt06-wire.ts'
import { createTeltonikaWire } from '../firmware-sim/trackers/teltonika-wire.ts'
import { bytesOf, FRAME_FILES, isMisfiled, readTrackerFrames } from '../test/support/tracker-frames.ts'

const ROUNDS = Number(process.argv[2] ?? 7)
const CONNECTIONS = Number(process.argv[3] ?? 10_000)
const DATA = process.env.TRACKWIRE_TEST_DATA
const FRAMES = 20_000
const RECEIVED_AT = Date.UTC(2026, 0, 15, 12)
const FIX = {
  timestamp: RECEIVED_AT,
  location: { lat: 41.1496, lng: -8.6109, speed: 13.9, heading: 270, altitude: 92 },
  metadata: { battery: 81 },
  attributes: { ignition: true, satellites: 9 },
}

if (process.send === undefined) {
  measureFrames()
  await measureConnections()
} else await serve(process.send.bind(process))

function measureFrames(): void {
  console.log(
    `${ROUNDS} rounds by turns, the fastest counts; Node ${process.version}; frames ${DATA === undefined ? 'of the simulator' : 'of real devices'}`,
  )
  const json = JSON.stringify(FIX)
  const mqtt = () => {
    for (let i = 0; i < FRAMES; i++) decodePayload('location', Buffer.from(json))
  }
  for (const protocol of PROTOCOLS.values()) {
    const { bytes, frames, positions } = streamOf(protocol)
    if (frames === 0) continue
    const read = () => run(protocol, bytes)
    let [own, peer] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
    for (let round = 0; round < ROUNDS; round++) {
      own = Math.min(own, cpuMicroseconds(read) / frames)
      peer = Math.min(peer, cpuMicroseconds(mqtt) / FRAMES)
    }
    const perPosition = (own * frames) / positions
    console.log(
      `${protocol.name}: ratio ${(own / peer).toFixed(2)} to an MQTT fix (${peer.toFixed(2)} µs); ${own.toFixed(2)} µs of CPU a frame, ` +
        `${Math.round(1e6 / own).toLocaleString('en')} frames/s; ${(positions / frames).toFixed(2)} positions a frame, ${perPosition.toFixed(2)} µs each`,
    )
  }
}

/** About as many bytes of real frames as make 20,000 of them, as one connection would bring them. */
function streamOf(protocol: Protocol<unknown>): { bytes: Buffer; frames: number; positions: number } {
  const samples = samplesOf(protocol)
  if (samples.length === 0) return { bytes: Buffer.alloc(0), frames: 0, positions: 0 }
  const once = Buffer.concat(samples)
  const { frames, positions } = run(protocol, once)
  const times = Math.max(1, Math.ceil(FRAMES / Math.max(1, frames)))
  return { bytes: Buffer.concat(Array<Buffer>(times).fill(once)), frames: frames * times, positions: positions * times }
}

/** Frames with positions, each with the end that its kind has. */
function samplesOf(protocol: Protocol<unknown>): Buffer[] {
  if (DATA === undefined) {
    const wire =
      protocol.name === 'gt06' ? createGt06Wire() : protocol.name === 'teltonika' ? createTeltonikaWire() : null
    return wire === null ? [] : [wire.fixes([FIX])]
  }
  const ends: Readonly<Record<string, string>> = {
    nmea: '\r\n',
    suntech: '\r',
    wialon: '\r\n',
    gps103: ';',
    meitrack: '',
  }
  return (FRAME_FILES[protocol.name] ?? [protocol.name])
    .flatMap(file => readTrackerFrames(DATA, file))
    .filter(frame => !isMisfiled(frame) && (frame.reference.positions ?? []).some(({ lat }) => lat !== undefined))
    .map(frame => {
      const bytes = bytesOf(frame)
      const end = Buffer.from(ends[protocol.name] ?? '')
      return bytes.subarray(-end.length).equals(end) ? bytes : Buffer.concat([bytes, end])
    })
    .filter(bytes => countIn(protocol, bytes) === 1)
}

function countIn(protocol: Protocol<unknown>, bytes: Buffer): number {
  try {
    return run(protocol, bytes).frames
  } catch {
    return 0
  }
}

function run(protocol: Protocol<unknown>, bytes: Buffer): { frames: number; positions: number } {
  const stream = new FrameStream(protocol)
  let memory = protocol.initial
  let [frames, positions] = [0, 0]
  for (let at = 0; at < bytes.length; at += 1_460) {
    for (const frame of stream.push(bytes.subarray(at, at + 1_460))) {
      const decoded = protocol.decode(frame, memory, { receivedAt: RECEIVED_AT })
      memory = decoded.memory
      protocol.acknowledge(frame, decoded)
      frames += 1
      for (const { position } of decoded.reports) if (position !== null) positions += 1
    }
  }
  return { frames, positions }
}

function cpuMicroseconds(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return user + system
}

/** The node: a GT06 listener whose fixes go nowhere. It answers `measure` with its memory and the delay of its event loop. */
async function serve(send: (message: object) => void): Promise<void> {
  const trackers = await startTrackers({
    host: '0.0.0.0',
    listeners: [{ protocol: 'gt06', port: 0 }],
    logger: pino({ level: 'silent' }),
    registry: new Registry(),
    sink: {
      isOverloaded: false,
      identify: async deviceId => ({ org: 'bench', deviceId }),
      unknown: () => {},
      store: async () => {},
      session: () => {},
      clash: () => {},
      contact: () => {},
      answered: () => {},
    },
  })
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  process.on('message', message => {
    if (message !== 'measure') return
    globalThis.gc?.()
    const { rss, heapUsed, external } = process.memoryUsage()
    const delays = [50, 99, 100].map(percent => delay.percentile(percent) / 1e6)
    send({ rss, own: heapUsed + external, devices: trackers.connectedDevices, cpu: process.cpuUsage(), delays })
    delay.reset()
  })
  send({ port: Number(trackers.addresses[0]!.split(':').at(-1)) })
}

interface Measured {
  readonly rss: number
  readonly own: number
  readonly devices: number
  readonly cpu: NodeJS.CpuUsage
  readonly delays: readonly number[]
}

/** 2,000 connections from one address are the most that a listener takes: so several loopback addresses. */
async function measureConnections(): Promise<void> {
  const node = fork(fileURLToPath(import.meta.url), [], { execArgv: ['--expose-gc'] })
  const answer = async <Message>(): Promise<Message> => (await once(node, 'message'))[0] as Message
  const { port } = await answer<{ port: number }>()
  const measure = (): Promise<Measured> => {
    node.send('measure')
    return answer<Measured>()
  }
  const before = await measure()
  const sockets: Socket[] = []
  const startedAt = performance.now()
  for (let i = 0; i < CONNECTIONS; i += 100) {
    const group = Array.from({ length: Math.min(100, CONNECTIONS - i) }, (_, k) => open(port, i + k))
    sockets.push(...(await Promise.all(group)))
  }
  const seconds = (performance.now() - startedAt) / 1_000
  const connected = await measure()
  // Each sends a position, all within ten seconds, and waits for its answer.
  const wire = createGt06Wire()
  const spread = 10_000 / Math.max(1, sockets.length)
  const answered = sockets.map(async (socket, i) => {
    await new Promise(resolve => setTimeout(resolve, i * spread))
    socket.write(wire.fixes([{ ...FIX, timestamp: Date.now() }]))
    await once(socket, 'data')
  })
  await Promise.all(answered)
  const busy = await measure()
  const kib = (bytes: number) => (bytes / 1_024 / sockets.length).toFixed(1)
  const shown = ({ delays: [p50, p99, most] }: Measured) =>
    `event-loop delay p50 ${p50!.toFixed(1)}, p99 ${p99!.toFixed(1)}, maximum ${most!.toFixed(1)} ms`
  console.log(
    `\n${sockets.length.toLocaleString('en')} GT06 connections, logged in within ${seconds.toFixed(1)} s, ${connected.devices.toLocaleString('en')} devices: ` +
      `${kib(connected.own - before.own)} KiB of heap and buffers each, ${kib(connected.rss - before.rss)} KiB of resident memory; ${shown(connected)}`,
  )
  const cpu = busy.cpu.user + busy.cpu.system - connected.cpu.user - connected.cpu.system
  console.log(
    `a position of each within 10 s: ${(cpu / sockets.length).toFixed(0)} µs of CPU each with its answer (socket included); ${shown(busy)}`,
  )
  for (const socket of sockets) socket.destroy()
  node.kill()
  await once(node, 'exit')
}

async function open(port: number, index: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, localAddress: `127.0.0.${2 + Math.floor(index / 1_900)}` })
  socket.on('error', error => {
    throw error
  })
  await once(socket, 'connect')
  socket.write(createGt06Wire().login(String(index + 1).padStart(15, '0')))
  await once(socket, 'data')
  return socket
}
