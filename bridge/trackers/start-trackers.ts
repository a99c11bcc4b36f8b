import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { BlockList, createServer, isIPv6, type Server, type Socket } from 'node:net'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import type { CommandLink } from '../commands/command-sender.ts'
import { trackerMetrics } from './metrics.ts'
import type { Protocol } from './protocol.ts'
import { PROTOCOLS } from './registry.ts'
import { Sessions } from './sessions.ts'
import type { TrackerDevice, TrackerSink } from './sink.ts'
import { type ConnectionContext, TrackerConnection } from './tracker-connection.ts'

/** One listener, as `TRACKWIRE_TRACKERS` names it. */
export interface TrackerListener {
  readonly protocol: string
  /** 0 = any free port. */
  readonly port: number
}

export interface TrackersOptions {
  readonly host: string
  readonly listeners: readonly TrackerListener[]
  readonly sink: TrackerSink
  readonly logger: Logger
  readonly registry: Registry
  /** Addresses and networks (CIDR) that may connect; none = all. */
  readonly allowedNetworks?: readonly string[]
  readonly maxConnections?: number
  readonly maxConnectionsPerAddress?: number
  /** A connection from which nothing came for so long is closed. */
  readonly idleMs?: number
  readonly now?: () => number
}

export interface Trackers {
  /** Where each listener really listens, like `gt06://127.0.0.1:5023`. */
  readonly addresses: readonly string[]
  readonly connectedDevices: number
  /** How commands get to the device: over its newest connection; null when it has none, or its protocol no commands. */
  linkOf(device: TrackerDevice): CommandLink | null
  stopAccepting(): void
  /** Closes the connections once what they brought is stored and answered. */
  close(): Promise<void>
}

const MAX_CONNECTIONS = 20_000
/** A carrier may bring a whole fleet from one address. */
const MAX_CONNECTIONS_PER_ADDRESS = 2_000
/** Trackers that sleep keep their connection for an hour and more. */
const IDLE_MS = 2 * 3_600_000
/** Until a frame has come: strangers that scan ports. */
const FIRST_BYTE_MS = 60_000
/** Datagrams of so many peers are remembered; the one heard of longest ago goes. */
const MAX_UDP_PEERS = 20_000
const CLOSE_WITHIN_MS = 5_000

/** Starts a listener for each; a protocol that knows UDP is served on the same port there too. Rejects when a port is taken. */
export async function startTrackers(options: TrackersOptions): Promise<Trackers> {
  const { sink, logger, registry, now = Date.now } = options
  const sessions = new Sessions(sink)
  const metrics = trackerMetrics(registry)
  let connectionIds = 0
  const nextId = () => `tracker-${++connectionIds}`
  const context: ConnectionContext = { sink, sessions, metrics, logger, now, nextId }
  const allowed = networksOf(options.allowedNetworks ?? [])
  const connections = new Map<TrackerConnection, Socket>()
  const perAddress = new Map<string, number>()
  const closers: (() => Promise<void>)[] = []
  const addresses: string[] = []

  function accept(protocol: Protocol<unknown>, socket: Socket): void {
    const address = socket.remoteAddress ?? ''
    const refusal = refusalOf(address)
    if (refusal !== null) {
      metrics.closed.inc({ protocol: protocol.name, reason: refusal })
      socket.destroy()
      return
    }
    perAddress.set(address, (perAddress.get(address) ?? 0) + 1)
    metrics.connections.inc({ protocol: protocol.name })
    socket.setNoDelay(true)
    socket.setKeepAlive(true, 60_000)
    socket.setTimeout(FIRST_BYTE_MS)
    const peer = {
      address: `${address}:${socket.remotePort}`,
      send: (bytes: Buffer) => void (socket.writable && socket.write(bytes)),
      pause: () => void socket.pause(),
      resume: () => void socket.resume(),
      close: () => void socket.destroy(),
    }
    const connection = new TrackerConnection(protocol, 'tcp', peer, context)
    connections.set(connection, socket)
    socket.on('data', (chunk: Buffer) => {
      socket.setTimeout(options.idleMs ?? IDLE_MS)
      connection.receive(chunk)
    })
    socket.on('timeout', () => {
      // It is we who do not read.
      if (socket.isPaused()) return void socket.setTimeout(options.idleMs ?? IDLE_MS)
      metrics.closed.inc({ protocol: protocol.name, reason: 'idle' })
      socket.destroy()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      connections.delete(connection)
      metrics.connections.dec({ protocol: protocol.name })
      const left = (perAddress.get(address) ?? 1) - 1
      if (left === 0) perAddress.delete(address)
      else perAddress.set(address, left)
      connection.end()
    })
  }

  function refusalOf(address: string): string | null {
    if (allowed !== null && !allowed.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')) return 'address-not-allowed'
    if (connections.size >= (options.maxConnections ?? MAX_CONNECTIONS)) return 'too-many-connections'
    const limit = options.maxConnectionsPerAddress ?? MAX_CONNECTIONS_PER_ADDRESS
    return (perAddress.get(address) ?? 0) >= limit ? 'too-many-of-one-address' : null
  }

  const stops: (() => void)[] = []
  for (const { protocol: name, port } of options.listeners) {
    const protocol = PROTOCOLS.get(name)
    if (protocol === undefined) throw new TypeError(`no tracker protocol is called ${name}`)
    const server = createServer(socket => accept(protocol, socket))
    await listening(server, options.host, port)
    const bound = server.address()
    const boundPort = typeof bound === 'object' && bound !== null ? bound.port : port
    stops.push(() => server.close())
    if (protocol.transports.includes('udp')) {
      const udp = await listenUdp(protocol, options.host, boundPort, context, address =>
        allowed === null ? true : allowed.check(address, isIPv6(address) ? 'ipv6' : 'ipv4'),
      )
      stops.push(() => udp.stop())
      closers.push(() => udp.close())
    }
    addresses.push(`${name}://${options.host.includes(':') ? `[${options.host}]` : options.host}:${boundPort}`)
  }

  const stopAccepting = () => {
    for (const stop of stops.splice(0)) stop()
  }
  let closing: Promise<void> | undefined
  return {
    addresses,
    get connectedDevices() {
      return sessions.size
    },
    linkOf: device => sessions.connectionOf(device)?.link ?? null,
    stopAccepting,
    close() {
      closing ??= (async () => {
        stopAccepting()
        for (const socket of connections.values()) socket.pause()
        const idle = Promise.all([...connections.keys()].map(connection => connection.idle()))
        await Promise.race([idle, new Promise(resolve => setTimeout(resolve, CLOSE_WITHIN_MS).unref())])
        for (const socket of connections.values()) socket.destroy()
        await Promise.all(closers.map(close => close()))
      })()
      return closing
    },
  }
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      // From here on an error is one connection that could not be accepted: the others live on.
      server.on('error', () => {})
      resolve()
    })
  })
}

/** A peer's datagrams are one conversation, as far as it is remembered. */
async function listenUdp(
  protocol: Protocol<unknown>,
  host: string,
  port: number,
  context: ConnectionContext,
  mayConnect: (address: string) => boolean,
): Promise<{ stop(): void; close(): Promise<void> }> {
  const socket: UdpSocket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
  const peers = new Map<string, TrackerConnection>()
  let stopped = false
  socket.on('error', error => context.logger.warn({ err: error, protocol: protocol.name }, 'UDP listener'))
  socket.on('message', (bytes, { address, port: peerPort }) => {
    if (bytes.length === 0 || stopped || !mayConnect(address)) return
    const key = `${address}:${peerPort}`
    let connection = peers.get(key)
    if (connection === undefined) {
      if (peers.size >= MAX_UDP_PEERS) forgetOldest(peers)
      const send = (answer: Buffer) => socket.send(answer, peerPort, address, () => {})
      const peer = { address: key, send, pause: () => {}, resume: () => {}, close: () => void peers.delete(key) }
      connection = new TrackerConnection(protocol, 'udp', peer, context)
    }
    // Put back at the end: the first one is the one that was silent longest.
    peers.delete(key)
    peers.set(key, connection)
    connection.receiveDatagram(bytes)
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind({ address: host, port }, () => {
      socket.off('error', reject)
      resolve()
    })
  })
  return {
    stop: () => {
      stopped = true
    },
    close: async () => {
      await Promise.all([...peers.values()].map(connection => connection.idle()))
      for (const connection of peers.values()) connection.end()
      await new Promise<void>(resolve => socket.close(() => resolve()))
    },
  }
}

function forgetOldest(peers: Map<string, TrackerConnection>): void {
  const oldest = peers.entries().next().value
  if (oldest === undefined) return
  peers.delete(oldest[0])
  oldest[1].end()
}

/** @throws TypeError for what is no address and no network */
function networksOf(texts: readonly string[]): BlockList | null {
  if (texts.length === 0) return null
  const list = new BlockList()
  for (const text of texts) {
    const [address, bits] = text.split('/')
    const family = isIPv6(address!) ? 'ipv6' : 'ipv4'
    if (bits === undefined) list.addAddress(address!, family)
    else list.addSubnet(address!, Number(bits), family)
  }
  return list
}
