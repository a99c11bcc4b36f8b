import type { Server } from 'node:http'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import type { Client } from 'aedes'
import { ClassicLevel } from 'classic-level'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import { decideFilter, fillAcl, isSameShare, MAX_PAYLOAD_BYTES, TrackwireError } from '../contract/index.ts'
import { type Admission, admit, CONNACK, ConnectRefused, refuseProtocol5, type VerifyToken } from './auth/admit.ts'
import { authorizeForward } from './auth/authorize-forward.ts'
import { authorizePublish } from './auth/authorize-publish.ts'
import { authorizeSubscribe } from './auth/authorize-subscribe.ts'
import { endWithLink, type ShareGate } from './auth/share-gate.ts'
import { TokenExpiry } from './auth/token-expiry.ts'
import { type Connection, Connections, type Transport } from './connections.ts'
import { Bus } from './delivery/bus.ts'
import { deliverAtGrantedQos, GrantedQos } from './delivery/granted-qos.ts'
import { dropNoLatecomers } from './delivery/latecomers.ts'
import { OrderedAnswers } from './delivery/ordered-answers.ts'
import { DeviceStatusPublisher } from './device-status.ts'
import { guardPackets } from './guard/guard-packets.ts'
import { PACKET_OVERHEAD_BYTES } from './guard/packet-guard.ts'
import { handleQueuedPackets, readingOf } from './guard/reading.ts'
import type { Handlers } from './handlers.ts'
import type { Listener } from './listeners/listener.ts'
import { listenTcp, type TcpOptions } from './listeners/tcp.ts'
import { listenWebSocket } from './listeners/websocket.ts'
import { brokerMetrics } from './metrics.ts'
import { createNotices } from './notices.ts'
import { BrokerPersistence } from './persistence.ts'
import { type Publish, publishThrough } from './publish.ts'
import { RepeatedFilters } from './repeated-filters.ts'
import { TrackwireAedes } from './trackwire-aedes.ts'

export interface BrokerOptions {
  /** Sessions, queued and retained messages live in `<dataDirectory>/broker`. */
  readonly dataDirectory: string
  readonly verifyToken: VerifyToken
  readonly handlers: Handlers
  /** Share links; without it a token with a scope is shown nothing. */
  readonly shares?: ShareGate | undefined
  readonly logger: Logger
  readonly registry: Registry
  /** Contract §7; off for benchmarks. What protects the process itself stays on. */
  readonly limits: boolean
  readonly now?: () => number
  /** How long a socket may take to send CONNECT. */
  readonly connectTimeoutMs?: number
  /** How long a subscriber may leave its socket full before it is disconnected. */
  readonly drainTimeoutMs?: number
  /** Four of these after a start, the wills of an earlier process are published; after five, devices that have not come back are offline. */
  readonly heartbeatMs?: number
}

export interface ListenOptions {
  readonly tcp?: TcpOptions
  readonly tls?: TcpOptions
  readonly webSocket?: { readonly server: Server; readonly allowedOrigins: readonly string[] }
}

export interface Broker {
  readonly publish: Publish
  /** Opens the listeners and returns the real addresses of those for TCP and TLS, in this order. */
  listen(options: ListenOptions): Promise<string[]>
  /** Stops accepting connections; those that stand live on. */
  stopAccepting(): void
  readonly connectionCount: number
  close(): Promise<void>
}

const CONNECT_TIMEOUT_MS = 10_000
/**
 * A socket "drains" when it is empty, so a consumer that reads, but never catches up, looks stalled too: it gets a minute. What may
 * pile up until then is bounded by slow-consumers.ts.
 */
const DRAIN_TIMEOUT_MS = 60_000
const HEARTBEAT_MS = 15_000
/** MQTT 3.1 cuts client ids at 23 characters, its clients (OwnTracks) do not; ours are longer by their namespace. */
const MAX_CLIENT_ID_31 = 65_535
/** Packets of one read that may wait for CONNACK; a read is 64 KiB at the most, so this is no limit in practice. */
const CONNECT_QUEUE = 65_536

/** Starts the broker without listeners; {@link Broker.listen} opens them once everything behind it is ready. */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const { logger, limits, now = Date.now } = options
  const connections = new Connections()
  const metrics = brokerMetrics(options.registry, connections)
  const db = new ClassicLevel<string, unknown>(join(options.dataDirectory, 'broker'), { valueEncoding: 'json' })
  const admissions = new WeakMap<Client, Admission | ConnectRefused>()
  /** Clients that are authenticated, but not yet in Aedes' table. */
  const pending = new Map<string, Client>()
  const transports = new WeakMap<Duplex, Transport>()
  const streams = new Set<Duplex>()
  const repeatedFilters = new RepeatedFilters()
  const heartbeatMs = options.heartbeatMs ?? HEARTBEAT_MS
  const persistence = new BrokerPersistence(db, hasWill)

  const bus = new Bus()
  const aedes = new TrackwireAedes({
    // Stored messages are ordered by broker id, then counter: ids that grow with time keep their order over restarts.
    id: `node-${now().toString(36).padStart(11, '0')}`,
    mq: bus,
    persistence,
    heartbeatInterval: heartbeatMs,
    connectTimeout: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    drainTimeout: options.drainTimeoutMs ?? DRAIN_TIMEOUT_MS,
    queueLimit: CONNECT_QUEUE,
    maxClientsIdLength: MAX_CLIENT_ID_31,
    preConnect: (client, packet, done) => {
      if (packet.protocolVersion === 5) {
        metrics.connectRefused.inc({ reason: 'protocol_version' })
        return refuseProtocol5(client, packet, () => done(new Error('MQTT 5 is not served yet'), false))
      }
      // Nothing more is read of a stranger; Aedes resumes after CONNACK.
      readingOf(client).pause()
      admit(packet, options.verifyToken)
        .catch(error => (error instanceof ConnectRefused ? error : unavailable(error)))
        .then(admission => {
          admissions.set(client, admission)
          done(null, true)
        })
    },
    authenticate: (client, _username, _password, done) => {
      const admission = admissions.get(client)
      if (admission === undefined || admission instanceof ConnectRefused) {
        metrics.connectRefused.inc({ reason: admission?.reason ?? 'unknown' })
        logger.info({ reason: admission?.reason, peer: peerOf(client) }, `connection refused: ${admission?.message}`)
        return done(
          Object.assign(admission ?? new Error('not admitted'), {
            returnCode: admission?.returnCode ?? CONNACK.notAuthorized,
          }),
          false,
        )
      }
      // Gone meanwhile: its 'close' will not come a second time.
      if (client.conn.destroyed) return done(null, false)
      enter(client, admission)
      done(null, true)
    },
    authorizePublish: (client, packet, done) => publishPath(client, packet, done),
    authorizeSubscribe: (client, subscription, done) => subscribePath(client, subscription, done),
    authorizeForward: authorizeForward({ connections, bus, metrics, shares: options.shares, now }),
  })
  const publish = publishThrough(aedes)
  const tell = createNotices(publish, metrics)
  const expiry = new TokenExpiry(tell, now)
  const status = new DeviceStatusPublisher({
    publish,
    connections,
    now,
    returnWithinMs: 5 * heartbeatMs,
    told: options.handlers.deviceSession,
  })
  const subscribePath = authorizeSubscribe({
    connections,
    tell,
    limits,
    grant: subscription => persistence.grant(subscription),
    drop: forgetFilter,
  })
  const publishPath = authorizePublish({
    connections,
    handlers: options.handlers,
    renewToken,
    tell,
    metrics,
    logger,
    now,
  })

  function hasWill(clientId: string): boolean {
    // The one being set up comes first: it is the successor of the one in Aedes' table.
    const { clients } = aedes as unknown as { clients: Record<string, Client> }
    const client = (pending.get(clientId) ?? clients[clientId]) as { closed: boolean; will: object | null } | undefined
    return client !== undefined && !client.closed && client.will !== null
  }

  function forgetFilter(client: Client, ...filters: string[]): void {
    if (client.clean) return
    persistence.removeSubscriptions(client, filters).catch(error => logger.error({ err: error }, 'session not stored'))
  }

  function enter(client: Client, admission: Admission): void {
    const connection: Connection = {
      client,
      ...admission,
      transport: transports.get(client.conn) ?? 'tcp',
      connectedAtMs: now(),
      forbiddenAtMs: [],
      receivable: new Map(),
      granting: new Set(),
      grantedQos: new GrantedQos(),
      answers: new OrderedAnswers(readingOf(client)),
      lastEmission: 0,
      handedBytes: 0,
      willSpoke: false,
    }
    connections.add(connection)
    pending.set(client.id, client)
    expiry.watch(connection)
    endWithLink(connection, options.shares, tell)
    client.conn.once('close', () => {
      connections.remove(connection)
      settled(client)
      expiry.forget(connection)
      // After Aedes has published the will, which speaks first.
      setImmediate(() => setImmediate(() => status.disconnected(connection)))
    })
  }

  /** A connection that is taken over while it is set up is ready after its successor was admitted: that one stays pending. */
  function settled(client: Client): void {
    if (pending.get(client.id) === client) pending.delete(client.id)
  }

  async function renewToken(connection: Connection, token: string): Promise<void> {
    const renewed = await options.verifyToken(token.trim())
    if (renewed.org !== connection.principal.org || renewed.sub !== connection.principal.sub) {
      throw new TrackwireError('token_invalid', 'a renewed token has the same sub and org as the one of the connection')
    }
    if (!isSameShare(connection.principal.share, renewed.share)) {
      throw new TrackwireError(
        'token_invalid',
        'a renewed token is of the same share link as the one of the connection',
      )
    }
    connection.principal = fillAcl(renewed, { clientId: connection.ownClientId, username: connection.username })
    connection.receivable.clear()
    expiry.watch(connection)
    const held = Object.keys((connection.client as unknown as { subscriptions: object }).subscriptions)
    const lost = held.filter(filter => !decideFilter(connection.principal, filter).allowed)
    if (lost.length > 0) {
      forgetFilter(connection.client, ...lost)
      connection.client.unsubscribe({ cmd: 'unsubscribe', unsubscriptions: lost } as never, () => {})
    }
    for (const topic of lost)
      tell(renewed, { code: 'subscribe_forbidden', message: 'the renewed token does not allow it', topic })
  }

  aedes.on('connackSent', ({ returnCode }, client) => {
    const connection = connections.of(client)
    if (returnCode !== 0 || connection === undefined) return
    logger.debug({ client: client.id, transport: connection.transport }, 'connected')
    // First of all, so that what the device says of itself comes after it.
    status.connected(connection)
    handleQueuedPackets(client)
  })
  aedes.on('subscribe', (subscriptions, client) => {
    const granting = connections.of(client)?.granting
    for (const { topic } of subscriptions) granting?.delete(topic)
    repeatedFilters.answer(client, subscriptions)
  })
  aedes.on('unsubscribe', (filters, client) => {
    for (const filter of filters) connections.of(client)?.grantedQos.revoke(filter)
  })
  aedes.on('clientReady', settled)
  aedes.on('clientError', (client, error) =>
    logger.debug({ client: client.id, reason: error.message }, 'connection ended'),
  )
  aedes.on('connectionError', (client, error) =>
    logger.debug({ peer: peerOf(client), reason: error.message }, 'connection ended before it was admitted'),
  )
  ;(aedes as unknown as { on(event: 'error', listener: (error: Error) => void): unknown }).on('error', error =>
    logger.error({ err: error }, 'broker error'),
  )

  await aedes.listen()
  status.settleAfterRestart(persistence)

  const listeners: Listener[] = []
  const accept = (stream: Duplex, transport: Transport) => {
    transports.set(stream, transport)
    streams.add(stream)
    stream.once('close', () => streams.delete(stream))
    const client = aedes.handle(stream)
    dropNoLatecomers(client)
    deliverAtGrantedQos(client, () => connections.of(client)?.grantedQos)
    repeatedFilters.watch(client)
    guardPackets(client, MAX_PAYLOAD_BYTES + PACKET_OVERHEAD_BYTES, ({ reason, message }) => {
      metrics.protocolErrors.inc({ reason })
      logger.info({ reason, client: client.id, peer: peerOf(client) }, `connection closed: ${message}`)
    })
  }
  const stopAccepting = () => {
    for (const listener of listeners.splice(0)) listener.stop()
  }
  let closing: Promise<void> | undefined

  return {
    publish,
    async listen({ tcp, tls, webSocket }) {
      const addresses: string[] = []
      for (const options of [tcp, tls]) {
        if (options === undefined) continue
        const listener = await listenTcp(options, accept)
        listeners.push(listener)
        addresses.push(listener.address)
      }
      if (webSocket) {
        const maxFrameBytes = 2 * (MAX_PAYLOAD_BYTES + PACKET_OVERHEAD_BYTES)
        listeners.push(listenWebSocket({ ...webSocket, path: '/mqtt', maxFrameBytes }, accept))
      }
      return addresses
    },
    stopAccepting,
    get connectionCount() {
      return connections.size
    },
    close() {
      closing ??= (async () => {
        stopAccepting()
        expiry.close()
        status.close()
        await new Promise<void>(resolve => aedes.close(resolve))
        // Those that never got as far as CONNECT are in no table of Aedes.
        for (const stream of streams) stream.destroy()
        await aedes.idle()
        await persistence.destroy()
      })()
      return closing
    },
  }
}

function unavailable(error: Error): ConnectRefused {
  return new ConnectRefused(CONNACK.serverUnavailable, 'internal', error.message)
}

function peerOf(client: Client): string | undefined {
  return (client.conn as { remoteAddress?: string }).remoteAddress
}
