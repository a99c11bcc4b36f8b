import { mkdir } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import type { Server as TlsServer } from 'node:tls'
import { fileURLToPath } from 'node:url'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { collectDefaultMetrics, Registry } from 'prom-client'
import {
  acquireDataFolder,
  type Bridges,
  Certificates,
  CommandDesk,
  createAccounts,
  createHttpApp,
  createOsmandApp,
  createShareLinks,
  createTokens,
  ensureFirstAccount,
  type Ingest,
  keepForBridges,
  migrate,
  openDatabase,
  openSigningKeys,
  type PartHealth,
  PROTOCOLS,
  payloadInView,
  Rights,
  revokeTokensBefore,
  startBridges,
  startHomeAssistant,
  startIngest,
  startTrackers,
  type Tokens,
  type Trackers,
  watchSigningKeys,
} from '../bridge/index.ts'
import { type Broker, openLimits, startBroker } from '../broker/index.ts'
import { compileAll } from '../contract/index.ts'
import { brokerHandlers } from './broker-handlers.ts'
import { mqttCommands, ownTracksCommands, trackerCommands } from './command-senders.ts'
import type { Config } from './config.ts'
import { limitSettingsOf } from './limit-settings.ts'
import { sharedWithOwnTracks } from './owntracks-secret.ts'
import { Releasers } from './releasers.ts'
import { startIdentityProvider } from './start-identity-provider.ts'
import { httpsOptions, mqttsOptions } from './tls/tls-files.ts'
import { watchTls } from './tls/watch-tls.ts'
import { trackerSink } from './tracker-sink.ts'
import { VERSION } from './version.ts'

export interface Platform {
  /** What really listens, one line each: `{ name, address }`. */
  readonly listeners: readonly { readonly name: string; readonly address: string }[]
  readonly mqttUrl: string | undefined
  readonly httpUrl: string | undefined
  /** Made at the very first start only. */
  readonly firstAccount: { readonly org: string; readonly username: string; readonly password: string } | undefined
  readonly tokens: Tokens
  /** Stops accepting, commits what is in flight, empties the outbox, closes. Idempotent. */
  close(): Promise<void>
  /** Reads the TLS files again; undefined without TLS. */
  readonly reloadTls: (() => Promise<void>) | undefined
  /** The part that close() waits for right now. */
  readonly closing: string | undefined
}

const HTTP_CLOSE_PATIENCE_MS = 2_000
const DASHBOARD_DIRECTORY = fileURLToPath(new URL('../dashboard', import.meta.url))

/** The one composition root: every part is made here, in the order in which they need each other, and closed in reverse. */
export async function startPlatform(config: Config, logger: Logger): Promise<Platform> {
  const releasers = new Releasers()
  try {
    return await start(config, logger, releasers)
  } catch (error) {
    await releasers.release().catch(cause => logger.error({ err: cause }, 'clean-up after a failed start'))
    throw error
  }
}

async function start(config: Config, logger: Logger, releasers: Releasers): Promise<Platform> {
  const { dataDirectory, host } = config
  compileAll()
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 })
  const folder = await acquireDataFolder(dataDirectory, { pid: process.pid })
  releasers.add('data folder', () => folder.close())

  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const { trustedProxies } = config
  const limits = openLimits({ settings: limitSettingsOf(config), trustedProxies, registry, logger })
  logger.info({ connectionsTotal: limits.settings.connectionsTotal }, 'connections that are held at the most')
  const keys = await openSigningKeys(dataDirectory)
  const watch = watchSigningKeys(keys, logger)
  releasers.add('signing keys', () => watch.close())
  const tokens = createTokens(keys, { outside: await startIdentityProvider(config, logger, releasers) })
  const db = await openDatabase({ url: config.databaseUrl, dataDirectory, logger })
  releasers.add('database', () => db.close())
  await migrate(db)
  const rights = await Rights.open({ db, keys, logger })
  releasers.add('rights', () => rights.close())
  const accounts = createAccounts(db, { registry, rightsChanged: () => rights.refresh() })
  const shareLinks = createShareLinks(db, { logger })
  releasers.add('share links', () => shareLinks.close())
  const firstAccount = (await ensureFirstAccount(db)) ?? undefined

  // Last in, first out: stop accepting; commit what is in flight and announce it while the broker stands; then the rest.
  // Listed before they are made, since the order in which they are made is another: a start that fails half-way closes what there is.
  const made: {
    app?: FastifyInstance
    osmand?: FastifyInstance
    broker?: Broker
    ingest?: Ingest
    commands?: CommandDesk
    trackers?: Trackers
    bridges?: Bridges
  } = {}
  releasers.add('http', () => closeHttp(made.app))
  releasers.add('osmand', () => closeHttp(made.osmand))
  releasers.add('broker', () => made.broker?.close())
  releasers.add('ingest', () => made.ingest?.close())
  releasers.add('bridges', () => made.bridges?.close())
  releasers.add('commands', () => made.commands?.close())
  releasers.add('trackers', () => made.trackers?.close())
  releasers.add('listeners', () => made.broker?.stopAccepting())

  const certificates = await Certificates.open({ db, logger })
  releasers.add('certificates', () => certificates.close())
  const { retentionRawDays, deviceAdoption } = config
  await keepForBridges(db, config.bridges, logger)
  const keepsForBridges = config.bridges.length > 0
  const ingest = await startIngest({ db, logger, registry, retentionRawDays, deviceAdoption, keepsForBridges })
  made.ingest = ingest
  const commands = new CommandDesk({
    db,
    logger,
    registry,
    senders: [
      mqttCommands(() => made.broker, logger),
      ownTracksCommands(() => made.broker),
      trackerCommands(() => made.trackers),
    ],
    deviceExists: (org, deviceId) => ingest.deviceExists(org, deviceId),
  })
  made.commands = commands
  const handlers = brokerHandlers(ingest, commands, logger)
  const { ownTracksSecret } = config
  const ownTracks = ownTracksSecret === undefined ? undefined : sharedWithOwnTracks(ownTracksSecret)
  const broker = await startBroker({
    dataDirectory,
    verifyToken: async token => shareLinks.admit(await tokens.verify(token)),
    shares: { view: payloadInView, watch: shareLinks.watch },
    rights,
    certificates: config.tlsCa === undefined ? undefined : certificates,
    handlers,
    ownTracks,
    logger,
    registry,
    limits,
  })
  made.broker = broker
  await commands.start()
  const app = await createHttpApp({
    db,
    ingest,
    commands,
    certificates,
    tokens,
    keys,
    platformOrg: config.platformOrg,
    accounts,
    shareLinks,
    shareMaxDays: config.shareMaxDays,
    rights,
    revokeDeviceTokens: (tx, { org, sub, beforeMs, by }) =>
      revokeTokensBefore(tx, { org, kind: 'device', sub, before: beforeMs }, { reason: 'administrator', by }, beforeMs),
    osmandByIdAlone: config.osmand === 'on',
    ownTracks,
    logger,
    registry,
    dashboardDirectory: DASHBOARD_DIRECTORY,
    ...(config.mapTileUrl ? { mapTileUrl: config.mapTileUrl } : {}),
    ...(config.tls ? { tls: httpsOptions(config.tls) } : {}),
    allowedOrigins: [...config.allowedOrigins],
    limits: limits.requests,
    trustedProxies,
    mqttPort: () => portOf(listeners, 'mqtt://', 1_883),
    mqttsPort: () => portOf(listeners, 'mqtts://', 8_883),
    live: broker,
    health: async () => ({
      database: await databaseHealth(db, logger),
      broker: { ok: true, ...broker.state() },
      // One that is overloaded is not taken out of service: the others would get its load.
      ingest: { ok: true, ...ingest.backlog },
      // A broker elsewhere that is away is no reason to take this platform out of service.
      ...(made.bridges === undefined ? {} : { bridges: { ok: true, ...made.bridges.state() } }),
    }),
    connections: broker.connections,
    version: VERSION,
  })
  made.app = app

  await ingest.announce(broker.publish)
  const { publish } = broker
  if (config.homeAssistant !== undefined) {
    const org = config.homeAssistant
    const homeAssistant = startHomeAssistant({ db, live: broker, publish, logger, org, version: VERSION })
    releasers.add('Home Assistant', () => homeAssistant.close())
  }
  if (config.bridges.length > 0)
    made.bridges = startBridges(config.bridges, { db, ingest, publish, live: broker, logger, registry })
  const listeners = await listenMqtt(broker, config, host)
  let httpUrl: string | undefined
  if (config.httpPort !== 'off') {
    await broker.listen({ webSocket: { server: app.server, allowedOrigins: config.allowedOrigins } })
    await app.listen({ host, port: config.httpPort, listenTextResolver: address => `HTTP listens at ${address}` })
    const { port } = app.server.address() as AddressInfo
    const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`
    httpUrl = `${config.tls ? 'https' : 'http'}://${authority}`
    listeners.push({ name: 'MQTT over WebSocket', address: `${config.tls ? 'wss' : 'ws'}://${authority}/mqtt` })
    listeners.push({ name: 'HTTP API and dashboard', address: httpUrl })
    await folder.setHttpAddress(httpUrl)
  }
  if (config.osmandPort !== 'off') {
    made.osmand = await createOsmandApp({
      db,
      ingest,
      tokens,
      rights,
      logger,
      registry,
      limits: limits.requests,
      platformOrg: config.platformOrg,
      trustedProxies,
      osmandByIdAlone: config.osmand === 'on',
    })
    listeners.push({ name: 'OsmAnd over HTTP', address: await made.osmand.listen({ host, port: config.osmandPort }) })
  }
  if (config.trackers.length > 0) {
    const sink = trackerSink({ db, ingest, commands, publish: broker.publish, logger, unknownOrg: config.platformOrg })
    const { trackers: wanted } = config
    made.trackers = await startTrackers({
      host,
      listeners: wanted,
      allowedNetworks: config.trackerNetworks,
      maxConnections: config.trackerConnections,
      maxConnectionsPerAddress: config.trackerConnectionsPerAddress,
      sink,
      logger,
      registry,
    })
    for (const [i, address] of made.trackers.addresses.entries()) {
      listeners.push({ name: PROTOCOLS.get(wanted[i]!.protocol)!.title, address })
    }
  }
  const reloadTls = config.tls === undefined ? undefined : followTls(config.tls)
  const mqttUrl = listeners.find(({ address }) => address.startsWith('mqtt'))?.address
  void ingest.warmUp()
  return {
    listeners,
    mqttUrl,
    httpUrl,
    firstAccount,
    tokens,
    reloadTls,
    close: () => releasers.release(),
    get closing() {
      return releasers.closing
    },
  }

  /** MQTTS, HTTPS and WSS use what is in the files now, and what will be. */
  function followTls({ paths, ...material }: NonNullable<Config['tls']>): () => Promise<void> {
    const watch = watchTls({
      paths,
      material,
      logger,
      registry,
      apply: renewed => {
        broker.renewTls(mqttsOptions(renewed))
        ;(app.server as unknown as TlsServer).setSecureContext(httpsOptions(renewed))
      },
    })
    releasers.add('TLS files', () => watch.close())
    return () => watch.reload()
  }
}

async function listenMqtt(broker: Broker, config: Config, host: string): Promise<{ name: string; address: string }[]> {
  const { mqttPort, mqttsPort, tls, tlsClientCert } = config
  const listeners: { name: string; address: string }[] = []
  if (mqttPort !== 'off') {
    const [address] = await broker.listen({ tcp: { host, port: mqttPort } })
    listeners.push({ name: 'MQTT over TCP', address: address! })
  }
  if (mqttsPort !== 'off' && tls !== undefined) {
    const [address] = await broker.listen({
      tls: { host, port: mqttsPort, tls: mqttsOptions(tls), clientCertificate: tlsClientCert },
    })
    listeners.push({ name: 'MQTT over TLS', address: address! })
  }
  return listeners
}

/** Port 0 asks for any free one: the address tells which it became. */
function portOf(listeners: readonly { readonly address: string }[], scheme: string, usual: number): number | null {
  const address = listeners.find(({ address }) => address.startsWith(scheme))?.address
  return address === undefined ? null : Number(new URL(address).port || usual)
}

/** Requests were answered while the ingest closed; a peer that still holds its connection open does not hold up the stop. */
async function closeHttp(app: FastifyInstance | undefined): Promise<void> {
  const late = setTimeout(() => app?.server.closeAllConnections(), HTTP_CLOSE_PATIENCE_MS)
  await app?.close()
  clearTimeout(late)
}

async function databaseHealth(db: Awaited<ReturnType<typeof openDatabase>>, logger: Logger): Promise<PartHealth> {
  try {
    await db.query('select 1')
    return { ok: true, detail: db.kind }
  } catch (error) {
    // Anybody may read /health; what the database says stays in the log.
    logger.warn({ err: error }, 'the database does not answer the health check')
    return { ok: false, detail: 'the database does not answer' }
  }
}
