import type { Server } from 'node:http'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import type { SecureContextOptions } from 'node:tls'
import type { AedesOptions, Client, ConnectPacket } from 'aedes'
import type { StoredPacket } from 'aedes-persistence-level/asyncPersistence.js'
import { ClassicLevel } from 'classic-level'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import { DEFAULT_LIMITS, MAX_PAYLOAD_BYTES, NO_LIMITS, type Principal, TrackwireError } from '../contract/index.ts'
import { deleteAbandonedSessions, SESSION_LIFETIME_MS } from './abandoned-sessions.ts'
import {
  type Admission,
  admit,
  CONNACK,
  ConnectRefused,
  principalOnEntry,
  refuseProtocol5,
  type VerifyToken,
} from './auth/admit.ts'
import { authorizeForward, forwardThrough } from './auth/authorize-forward.ts'
import { authorizePublish } from './auth/authorize-publish.ts'
import { authorizeSubscribe } from './auth/authorize-subscribe.ts'
import type { CertificateDesk } from './auth/client-certificate.ts'
import { endConnections } from './auth/end-connection.ts'
import { currentPrincipal, LiveRights } from './auth/live-rights.ts'
import { Newcomers } from './auth/newly-readable.ts'
import { PublishRights } from './auth/publish-rights.ts'
import { ParsedTopics, Reader } from './auth/reader.ts'
import { renewTokens } from './auth/renew-token.ts'
import { namesOnLists } from './auth/revocation-list.ts'
import { AS_ISSUED, type Rights } from './auth/rights.ts'
import { endWithLink, type ShareGate } from './auth/share-gate.ts'
import { TokenExpiry } from './auth/token-expiry.ts'
import { connectPath } from './client/connect-path.ts'
import { InSlices } from './client/in-slices.ts'
import { knownOf, setKnown } from './client/known.ts'
import { LeanClients } from './client/lean-clients.ts'
import { type Clock, SYSTEM_CLOCK } from './clock.ts'
import { CommandLane, commandOf, listens } from './command-lane.ts'
import { ConnectionDesk } from './connection-desk.ts'
import { type Connection, Connections, NO_SIBLINGS, NOTHING_GRANTING } from './connections.ts'
import { Bus } from './delivery/bus.ts'
import { GrantedQos } from './delivery/granted-qos.ts'
import { Intake } from './delivery/intake.ts'
import { dropNoLatecomers } from './delivery/latecomers.ts'
import { OrderedAnswers } from './delivery/ordered-answers.ts'
import { Subscriber } from './delivery/subscriber.ts'
import { DeviceStatusPublisher } from './device-status.ts'
import { readDirectly } from './guard/direct-reading.ts'
import { type Guarding, guardPackets } from './guard/guard-packets.ts'
import { PACKET_OVERHEAD_BYTES } from './guard/packet-guard.ts'
import { endWhenSilent, handleQueuedPackets, pauseUntilConnack, readingOf } from './guard/reading.ts'
import type { Handlers } from './handlers.ts'
import { IdentityClashes, type IdentityClashSettings } from './identity-clash.ts'
import { tooManyConnections } from './limits/connections-per-principal.ts'
import { type Limits, openLimits } from './limits/limits.ts'
import { PublishLimits } from './limits/publish-limits.ts'
import type { Accept, Listener } from './listeners/listener.ts'
import { listenTcp, type TcpOptions } from './listeners/tcp.ts'
import { listenWebSocket } from './listeners/websocket.ts'
import { brokerMetrics } from './metrics.ts'
import { createNotices } from './notices.ts'
import type { LiveMessages, ObservedMessage } from './observe.ts'
import { decideSubscription, type OwnTracksSecret } from './owntracks.ts'
import { messageForFriends } from './owntracks-friends.ts'
import { BrokerPersistence, type Shown } from './persistence.ts'
import { commandTopicOf, PhoneLane } from './phone-lane.ts'
import { PlainPath } from './plain-path.ts'
import { type Publish, publishThrough } from './publish.ts'
import { RepeatedFilters } from './repeated-filters.ts'
import { SESSION_ITSELF } from './session-itself.ts'
import { type SessionOwner, StoredSessions } from './stored-sessions.ts'
import { TrackwireAedes } from './trackwire-aedes.ts'

export interface BrokerOptions {
  /** Sessions, queued and retained messages live in `<dataDirectory>/broker`. */
  readonly dataDirectory: string
  readonly verifyToken: VerifyToken
  /** Which client certificates are let in beside what the CA says; left out, all that it signed. */
  readonly certificates?: CertificateDesk | undefined
  readonly handlers: Handlers
  /** What is shared with OwnTracks apps that encrypt; their messages are refused without it. */
  readonly ownTracks?: OwnTracksSecret | undefined
  /** Share links; without it a token with a scope is shown nothing. */
  readonly shares?: ShareGate | undefined
  readonly logger: Logger
  readonly registry: Registry
  /** Contract §7: those shared with HTTP; `true` = the defaults; `false` = none but what protects the process itself. */
  readonly limits: Limits | boolean
  /** What the database says of principals now; without it the token speaks for itself. */
  readonly rights?: Rights
  readonly clock?: Clock
  /** When two clients under the identity of one device are told from one that reconnects. */
  readonly identityClash?: Partial<IdentityClashSettings>
  /** How long a session waits for its client to come back. */
  readonly sessionLifetimeMs?: number
  /** How long a socket may take to send CONNECT. */
  readonly connectTimeoutMs?: number
  /** How long a subscriber may take nothing, neither bytes nor (of QoS 1 and 2) messages, while something waits, before it is disconnected. */
  readonly drainTimeoutMs?: number
  /** Four of these after a start, the wills of an earlier process are published; after five, devices that have not come back are offline. */
  readonly heartbeatMs?: number
}

export interface ListenOptions {
  readonly tcp?: TcpOptions
  readonly tls?: TcpOptions
  readonly webSocket?: { readonly server: Server; readonly allowedOrigins: readonly string[] }
}

export interface Broker extends LiveMessages {
  readonly publish: Publish
  /** Opens the listeners and returns the real addresses of those for TCP and TLS, in this order. */
  listen(options: ListenOptions): Promise<string[]>
  /** New TLS handshakes use this; connections that stand live on, but for those by certificates that the list names now. */
  renewTls(tls: SecureContextOptions): void
  /** Stops accepting connections; those that stand live on. */
  stopAccepting(): void
  readonly connectionCount: number
  /** Who is connected, and how an administrator ends it. */
  readonly connections: ConnectionDesk
  /** Commands of the platform to devices that listen. */
  readonly commands: CommandLane
  /** Commands to OwnTracks apps. */
  readonly phones: PhoneLane
  /** Figures of the moment. */
  state(): BrokerState
  close(): Promise<void>
}

export interface BrokerState {
  readonly connections: number
  /** Sessions that outlive their connections, connected or not. */
  readonly sessions: number
  /** Filters that connections hold. */
  readonly subscriptions: number
  readonly retained: number
  /** Connections are not read for now because too much waits for its answer. */
  readonly overloaded: boolean
}

const CONNECT_TIMEOUT_MS = 10_000
/** What may pile up until then is bounded by slow-consumers.ts. */
const DRAIN_TIMEOUT_MS = 60_000
const HEARTBEAT_MS = 15_000
/** MQTT 3.1 cuts client ids at 23 characters, its clients (OwnTracks) do not; ours are longer by their namespace. */
const MAX_CLIENT_ID_31 = 65_535
/** Packets of one read that may wait for CONNACK; a read is 64 KiB at the most, so this is no limit in practice. */
const CONNECT_QUEUE = 65_536
const TOKEN_EXPIRED = { code: 'token_expired', message: 'the token has expired; connect again with a new one' } as const
const CERTIFICATE_EXPIRED = {
  code: 'certificate_expired',
  message: 'the client certificate has expired; this device needs another one',
} as const
const CERTIFICATE_REVOKED = {
  code: 'certificate_revoked',
  message: 'the client certificate was revoked; this device needs another one',
} as const

type AuthenticateDone = Parameters<NonNullable<AedesOptions['authenticate']>>[3]

/** Starts the broker without listeners; {@link Broker.listen} opens them once everything behind it is ready. */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const { logger, registry, rights = AS_ISSUED, clock = SYSTEM_CLOCK } = options
  const { now } = clock
  const limits = limitsOf(options)
  const connections = new Connections()
  const intake = new Intake({ logger, now })
  const metrics = brokerMetrics(registry, connections, intake)
  const db = new ClassicLevel<string, unknown>(join(options.dataDirectory, 'broker'), { valueEncoding: 'json' })
  /** Clients that are authenticated, but not yet in Aedes' table. */
  const pending = new Map<string, Client>()
  const topics = new ParsedTopics()
  const streams = new Set<Duplex>()
  let connectionIds = 0
  const repeatedFilters = new RepeatedFilters((client, { topic, qos }) => {
    const principal = connections.of(client)?.principal
    return principal !== undefined && decideSubscription(principal, topic, { qos }).allowed
  })
  const heartbeatMs = options.heartbeatMs ?? HEARTBEAT_MS
  const sessions = new StoredSessions({
    readerOf: readerOfOwner,
    store: (id, owner) => persistence.saveSession(id, owner),
    mostEmpty: limits.settings.sessionsPerPrincipal,
  })
  const persistence = new BrokerPersistence({
    db,
    hasWill,
    sessions,
    mayReceive: (client, topic) => {
      const connection = connections.of(client as Client)
      return connection?.reader.mayReceive(topic, connection.grantedQos.of(topic)) ?? true
    },
    inFlight: client => knownOf(client)?.subscriber.outgoing,
    now,
    limits: {
      ...limits,
      logger,
      tell: (principal, notice) => tell(principal, notice),
      isConnected: clientId => clientOf(clientId) !== undefined,
    },
  })

  const drainTimeoutMs = options.drainTimeoutMs ?? DRAIN_TIMEOUT_MS
  const bus = new Bus()
  const aedes = new TrackwireAedes({
    // Stored messages are ordered by broker id, then counter: ids that grow with time keep their order over restarts.
    id: `node-${now().toString(36).padStart(11, '0')}`,
    mq: bus,
    persistence,
    heartbeatInterval: heartbeatMs,
    connectTimeout: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    drainTimeout: drainTimeoutMs,
    queueLimit: CONNECT_QUEUE,
    maxClientsIdLength: MAX_CLIENT_ID_31,
    preConnect,
    authenticate,
    authorizePublish: (client, packet, done) => publishing.byAedes(client, packet, done),
    authorizeSubscribe: (client, subscription, done) =>
      subscription === SESSION_ITSELF ? done(null, null) : subscribePath(client, subscription, done),
    authorizeForward: authorizeForward({
      connections,
      topics,
      shares: options.shares,
      ownTracks: options.ownTracks,
      now,
    }),
  })
  const delivery = {
    forward: forwardThrough({ bus, topics, shares: options.shares, ownTracks: options.ownTracks, now }),
    shown: (client: Client, packet: Shown, qos: 1 | 2) => persistence.shown(client, packet, qos),
    inTurn: (client: Client, packet: object, send: () => void) => persistence.inTurn(client, packet, send),
    stored: (client: Client, packet: object) => persistence.numbered(client, packet as StoredPacket),
    commandAcknowledged,
    drainTimeoutMs,
    count: (lane: 'drop' | 'close') => metrics.slowConsumers.inc({ lane }),
  }
  const publishHere = publishThrough(aedes)
  const publish: Publish = async message => {
    await publishHere(message)
    const forFriends = messageForFriends(message, topic => bus.hears(topic))
    if (forFriends !== null) await publishHere(forFriends)
  }
  const tell = createNotices(publish, metrics)
  const end = endConnections(tell, metrics)
  const expiry = new TokenExpiry({
    tell,
    end: connection => end(connection, expiredBy(connection)),
    clock,
  })
  const live = new LiveRights({
    rights,
    connections,
    sessions,
    topics,
    newcomers: new Newcomers(filter => persistence.retainedUnder(filter)),
    tell,
    end,
    drop: dropSubscriptions,
    logger,
  })
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
    maxSubscriptions: limits.settings.subscriptionsPerConnection,
    grant: subscription => persistence.grant(subscription),
    drop: forgetFilter,
  })
  const clashes = new IdentityClashes({
    connections,
    tell,
    raise: options.handlers.identityClash,
    now,
    settings: options.identityClash,
  })
  const publishLimits = new PublishLimits({
    ...limits,
    messagesPerSecond: limits.settings.messagesPerSecond,
    tell,
    logger,
  })
  const publishing = authorizePublish({
    connections,
    clashes,
    limits: publishLimits,
    topics,
    handlers: options.handlers,
    renewToken: renewTokens({ verifyToken: options.verifyToken, rights, live, expiry, connections }),
    tell,
    metrics,
    logger,
    now,
    ownTracks: options.ownTracks,
  })

  function preConnect(
    client: Client,
    packet: ConnectPacket,
    done: (error: Error | null, isSuccessful: boolean) => void,
  ) {
    const what = knownOf(client)!
    // Judged already, before it was left to Aedes.
    if (what.admission !== undefined) return done(null, true)
    if (packet.protocolVersion === 5) {
      metrics.connectRefused.inc({ reason: 'protocol_version' })
      return refuseProtocol5(client, packet, () => done(new Error('MQTT 5 is not served yet'), false))
    }
    // Nothing more is read of a stranger; Aedes resumes after CONNACK.
    pauseUntilConnack(client)
    const { verifyToken, certificates } = options
    admit(packet, { verifyToken, certificates, shown: what.peer.certificate })
      .catch(error => (error instanceof ConnectRefused ? error : unavailable(error)))
      .then(admission => {
        what.admission = admission
        done(null, true)
      })
  }

  function authenticate(client: Client, _username: unknown, _password: unknown, done: AuthenticateDone) {
    // Gone meanwhile: its 'close' will not come a second time.
    if (client.conn.destroyed) return done(null, false)
    const what = knownOf(client)!
    try {
      const admission = withinConnections(client, what.admission)
      if (admission === undefined) throw new ConnectRefused(CONNACK.notAuthorized, 'unknown', 'not admitted')
      if (admission instanceof ConnectRefused) throw admission
      enter(client, admission, principalOnEntry(admission, rights))
    } catch (error) {
      const refused = error instanceof ConnectRefused ? error : unavailable(error as Error)
      metrics.connectRefused.inc({ reason: refused.reason })
      logger.info({ reason: refused.reason, peer: what.peer.address }, `connection refused: ${refused.message}`)
      // Aedes reads the return code from the error.
      return done(refused as ConnectRefused & { returnCode: 2 }, false)
    }
    done(null, true)
  }

  /** The one being set up comes first: it is the successor of the one in Aedes' table. */
  function clientOf(clientId: string): Client | undefined {
    const { clients } = aedes as unknown as { clients: Record<string, Client> }
    return pending.get(clientId) ?? clients[clientId]
  }

  function hasWill(clientId: string): boolean {
    const client = clientOf(clientId) as { closed: boolean; will: object | null } | undefined
    return client !== undefined && !client.closed && client.will !== null
  }

  /** The newest of too many is refused: whoever is connected stays. */
  function withinConnections(client: Client, admission: Admission | ConnectRefused | undefined) {
    if (admission === undefined || admission instanceof ConnectRefused) return admission
    const { connectionsPerPrincipal } = limits.settings
    const held = connections.ofPrincipal(admission.issued)
    const refusal = tooManyConnections(held, client.id, connectionsPerPrincipal)
    if (refusal === null) return admission
    limits.metrics.connectionsRefused.inc({
      reason: 'principal',
      transport: knownOf(client)?.transport ?? 'tcp',
    })
    tell(admission.issued, refusal)
    return new ConnectRefused(CONNACK.serverUnavailable, refusal.code, refusal.message)
  }

  function forgetFilter(client: Client, ...filters: string[]): void {
    if (client.clean) return
    persistence.removeSubscriptions(client, filters).catch(error => logger.error({ err: error }, 'session not stored'))
  }

  function expiredBy({ certificate }: Connection) {
    return certificate !== undefined && certificate.validToMs <= now() ? CERTIFICATE_EXPIRED : TOKEN_EXPIRED
  }

  function dropSubscriptions({ client }: Connection, filters: readonly string[]): void {
    forgetFilter(client, ...filters)
    client.unsubscribe({ cmd: 'unsubscribe', unsubscriptions: filters } as never, () => {})
  }

  function readerOfOwner(owner: SessionOwner): Reader | null {
    try {
      return new Reader(currentPrincipal(rights, owner), topics)
    } catch (error) {
      if (error instanceof TrackwireError) return null
      throw error
    }
  }

  function enter(
    client: Client,
    { issued, ownClientId, username, certificate }: Admission,
    principal: Principal,
  ): void {
    connectionIds += 1
    const { subscriber, transport, peer } = knownOf(client)!
    const connection: Connection = {
      id: connectionIds,
      client,
      issued,
      principal,
      reader: new Reader(principal, topics),
      publishRights: new PublishRights(),
      siblings: NO_SIBLINGS,
      isCut: false,
      renewing: undefined,
      ownClientId,
      username,
      certificate,
      transport,
      address: peer.address,
      connectedAtMs: now(),
      forbiddenAtMs: [],
      granting: NOTHING_GRANTING,
      grantedQos: new GrantedQos(),
      answers: new OrderedAnswers(readingOf(client), intake.enter(`${principal.org}/${principal.sub}`)),
      lastEmission: 0,
      sealsOwnTracks: false,
      outgoing: subscriber.outgoing,
      willSpoke: false,
    }
    subscriber.connection = connection
    clashes.entered(connection)
    connections.add(connection)
    if (!client.clean) sessions.begin(connection)
    pending.set(client.id, client)
    limits.connections.admitted(client.conn)
    expiry.watch(connection)
    endWithLink(connection, options.shares, tell)
  }

  function left(connection: Connection): void {
    const { client } = connection
    connections.remove(connection)
    publishLimits.forget(connection)
    connection.answers.end()
    if (!client.clean) persistence.limits.left(client.id)
    sessions.end(connection, now())
    clashes.left(connection)
    settled(client)
    expiry.forget(connection)
    // After Aedes has published the will, which speaks first.
    setImmediate(() => setImmediate(() => status.disconnected(connection)))
  }

  /** After what Aedes has still to do for the connection: it must know it before anything is published to it. */
  function awaitsCommands(connection: Connection): void {
    setImmediate(() => {
      if (!connections.has(connection)) return
      const { org, sub } = connection.principal
      if (!listens(connection) && commandTopicOf(connection, { org, deviceId: sub }) === null) return
      options.handlers.commandsAwaited?.({ org, deviceId: sub })
    })
  }

  /** By the device itself; others may read along. */
  function commandAcknowledged(client: Client, topic: string): void {
    const { principal } = connections.of(client) ?? {}
    const command = commandOf(topic)
    if (command === null || principal?.role !== 'device') return
    if (principal.org === command.org && principal.sub === command.deviceId)
      options.handlers.commandDelivered?.(command)
  }

  /** A connection that is taken over while it is set up is ready after its successor was admitted: that one stays pending. */
  function settled(client: Client): void {
    if (pending.get(client.id) === client) pending.delete(client.id)
  }

  aedes.on('connackSent', ({ returnCode }, client) => {
    const connection = connections.of(client)
    if (returnCode !== 0 || connection === undefined) return
    logger.debug({ client: client.id, transport: connection.transport }, 'connected')
    endWhenSilent(client)
    // First of all, so that what the device says of itself comes after it.
    status.connected(connection)
    if (!client.clean) persistence.limits.returned(client.id).catch(error => logger.error({ err: error }, 'not told'))
    awaitsCommands(connection)
    // What the session held is in Aedes' table now; rights may have changed since it was looked at.
    connection.granting.clear()
    live.subscribed(connection)
    handleQueuedPackets(client)
  })
  aedes.on('subscribe', (subscriptions, client) => {
    const connection = connections.of(client)
    for (const { topic } of subscriptions) connection?.granting.delete(topic)
    repeatedFilters.answer(client, subscriptions)
    if (connection !== undefined) live.subscribed(connection)
    if (connection !== undefined) awaitsCommands(connection)
  })
  aedes.on('unsubscribe', (filters, client) => {
    for (const filter of filters) connections.of(client)?.grantedQos.revoke(filter)
  })
  aedes.on('clientReady', settled)
  aedes.on('clientError', (client, error) =>
    logger.debug({ client: client.id, reason: error.message }, 'connection ended'),
  )
  aedes.on('connectionError', (client, error) =>
    logger.debug(
      { peer: knownOf(client)?.peer.address, reason: error.message },
      'connection ended before it was admitted',
    ),
  )
  ;(aedes as unknown as { on(event: 'error', listener: (error: Error) => void): unknown }).on('error', error =>
    logger.error({ err: error }, 'broker error'),
  )

  await aedes.listen()
  // With the network thousands end at once, each with its subscriptions, its will and its status.
  const endings = new InSlices()
  const clients = new LeanClients({
    endings,
    broker: aedes,
    handle: conn => aedes.handle(conn),
    connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    before: (client, packet) => {
      const { cmd } = packet as { cmd: string }
      if (cmd === 'subscribe') repeatedFilters.note(packet as never)
      if (cmd !== 'connect') return false
      connectClient(client, packet as ConnectPacket)
      return true
    },
  })
  const connectClient = connectPath({
    aedes,
    stored: persistence,
    preConnect,
    authenticate,
    handle: (client, packet) => clients.handle(client, packet),
  })
  status.settleAfterRestart(persistence)
  const stopDeletingSessions = deleteAbandonedSessions({
    sessions,
    persistence,
    clock,
    lifetimeMs: options.sessionLifetimeMs ?? SESSION_LIFETIME_MS,
    logger,
  })

  const forgetRevoked = options.certificates?.onRevoked(revoked => {
    for (const connection of connections.ofPrincipal({ org: revoked.org, sub: revoked.deviceId })) {
      if (connection.certificate?.fingerprint === revoked.fingerprint)
        end(connection, { ...CERTIFICATE_REVOKED, isCut: true })
    }
  })

  const listeners: Listener[] = []
  const ways = { aedes, publishing }
  const guarding: Guarding = {
    maxPacketBytes: MAX_PAYLOAD_BYTES + PACKET_OVERHEAD_BYTES,
    refused(client, { reason, message }) {
      metrics.protocolErrors.inc({ reason })
      logger.info({ reason, client: client.id, peer: knownOf(client)?.peer.address }, `connection closed: ${message}`)
    },
  }
  const accept: Accept = (stream, transport, peer = {}) => {
    limits.connections.begin(stream, peer.request)
    streams.add(stream)
    const client = clients.make(stream)
    dropNoLatecomers(client)
    const subscriber = new Subscriber(client, delivery)
    setKnown(client, { transport, peer, subscriber, admission: undefined, connection: undefined })
    stream.on('close', () => {
      streams.delete(stream)
      subscriber.outgoing.end()
      const connection = connections.of(client)
      if (connection !== undefined) endings.add(() => left(connection))
    })
    guardPackets(client, guarding, new PlainPath(client, subscriber, ways))
    readDirectly(stream, client)
  }
  const onHandshakeFailed = (error: Error, address: string | undefined) => {
    metrics.connectRefused.inc({ reason: 'tls_handshake' })
    logger.debug({ peer: address, reason: error.message }, 'TLS handshake failed')
  }
  const stopAccepting = () => {
    for (const listener of listeners.splice(0)) listener.stop()
  }
  let closing: Promise<void> | undefined

  return {
    publish,
    observe: listener => bus.observe(packet => listener(packet as unknown as ObservedMessage)),
    retained: filter => persistence.retainedUnder(filter),
    async listen({ tcp, tls, webSocket }) {
      const addresses: string[] = []
      for (const options of [tcp, tls]) {
        if (options === undefined) continue
        const listener = await listenTcp({ onHandshakeFailed, ...options }, limits.connections, accept)
        listeners.push(listener)
        addresses.push(listener.address)
      }
      if (webSocket) {
        const maxFrameBytes = 2 * (MAX_PAYLOAD_BYTES + PACKET_OVERHEAD_BYTES)
        listeners.push(listenWebSocket({ ...webSocket, path: '/mqtt', maxFrameBytes }, limits.connections, accept))
      }
      return addresses
    },
    renewTls(tls) {
      for (const listener of listeners) listener.renewTls?.(tls)
      const revoked = namesOnLists([tls.crl ?? []].flat().join('\n'))
      for (const connection of connections.all()) {
        const { certificate } = connection
        if (certificate !== undefined && revoked.has(certificate.listedAs))
          end(connection, { ...CERTIFICATE_REVOKED, isCut: true })
      }
    },
    stopAccepting,
    get connectionCount() {
      return connections.size
    },
    commands: new CommandLane({ connections, publish, unqueued: persistence.unqueued }),
    phones: new PhoneLane({
      connections,
      secret: options.ownTracks,
      acknowledged: command => options.handlers.commandDelivered?.(command),
    }),
    connections: new ConnectionDesk({ connections, end, startedAtMs: now() }),
    state: () => ({
      connections: connections.size,
      sessions: sessions.size,
      subscriptions: bus.subscriptions,
      retained: persistence.retainedCount,
      overloaded: intake.isOverloaded,
    }),
    close() {
      closing ??= (async () => {
        stopAccepting()
        live.close()
        publishLimits.close()
        intake.close()
        forgetRevoked?.()
        expiry.close()
        stopDeletingSessions()
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

function limitsOf({ limits, registry, logger }: BrokerOptions): Limits {
  if (typeof limits === 'object') return limits
  return openLimits({ settings: limits ? DEFAULT_LIMITS : NO_LIMITS, registry, logger })
}

function unavailable(error: Error): ConnectRefused {
  return new ConnectRefused(CONNACK.serverUnavailable, 'internal', error.message)
}
