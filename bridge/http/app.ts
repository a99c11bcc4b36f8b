import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { SecureContextOptions } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import type { Accounts } from '../auth/accounts.ts'
import type { CurrentRights } from '../auth/rights.ts'
import type { SigningKeys } from '../auth/signing-keys.ts'
import type { Tokens } from '../auth/tokens.ts'
import type { CommandDesk } from '../commands/command-desk.ts'
import type { Ingest } from '../ingest/ingest.ts'
import type { Certificates } from '../provisioning/certificates.ts'
import type { ShareLinks } from '../share/share-links.ts'
import type { Database } from '../store/database.ts'
import type { LiveMessages } from '../stream/feeds.ts'
import { guardRoutes } from './access.ts'
import { allowOrigins } from './cors.ts'
import { isNavigation, sendDashboardPage, serveDashboard } from './dashboard.ts'
import { readJsonBodies } from './json-body.ts'
import { limitRefused, limitRequests, type RequestLimits } from './limit-requests.ts'
import { describeApi } from './openapi.ts'
import { sendProblem } from './problem.ts'
import { createRefreshCookies } from './refresh-cookie.ts'
import { recordRequests } from './request-log.ts'
import { adminAccessRoutes } from './routes/admin-access.ts'
import { alertRoutes } from './routes/alerts.ts'
import { auditRoutes } from './routes/audit.ts'
import { authRoutes } from './routes/auth.ts'
import { banRoutes } from './routes/bans.ts'
import { claimRoutes, type RevokeDeviceTokens } from './routes/claims.ts'
import { clockRoutes } from './routes/clocks.ts'
import { commandRoutes } from './routes/commands.ts'
import { configRoutes } from './routes/config.ts'
import { type ConnectionDesk, connectionRoutes } from './routes/connections.ts'
import { deviceCertificateRoutes } from './routes/device-certificates.ts'
import { deviceImportRoutes } from './routes/device-import.ts'
import { deviceTokenRoutes } from './routes/device-tokens.ts'
import { deviceRoutes } from './routes/devices.ts'
import { errorReferenceRoutes } from './routes/error-reference.ts'
import { explainRoutes } from './routes/explain.ts'
import { fenceRoutes } from './routes/fences.ts'
import { groupRoutes } from './routes/groups.ts'
import { type HealthCheck, healthRoutes } from './routes/health.ts'
import { historyRoutes } from './routes/history.ts'
import { historyImportRoutes } from './routes/history-import.ts'
import { incidentSettingsRoutes } from './routes/incident-settings.ts'
import { incidentRoutes } from './routes/incidents.ts'
import { keyRoutes } from './routes/keys.ts'
import { loginCodeRoutes } from './routes/login-codes.ts'
import { osmandRoutes } from './routes/osmand.ts'
import { ownAccountRoutes } from './routes/own-account.ts'
import { type OwnTracksSecret, ownTracksRoutes } from './routes/owntracks.ts'
import { phoneSetupRoutes } from './routes/phone-setup.ts'
import { proximityRoutes } from './routes/proximity.ts'
import { replayRoutes } from './routes/replay.ts'
import { revocationRoutes } from './routes/revocations.ts'
import { ruleRoutes } from './routes/rules.ts'
import { setAsideRoutes } from './routes/set-aside.ts'
import { shareLinkRoutes } from './routes/share-links.ts'
import { sharedRoutes } from './routes/shared.ts'
import { sosRoutes } from './routes/sos.ts'
import { streamRoutes } from './routes/stream.ts'
import { trackerPinRoutes } from './routes/tracker-pins.ts'
import { trackingRoutes } from './routes/tracking.ts'
import { tripRoutes } from './routes/trips.ts'
import { unknownDeviceRoutes } from './routes/unknown-devices.ts'
import { userRoutes } from './routes/users.ts'
import { type Api, compileCheck } from './schema-checks.ts'
import { setSecurityHeaders } from './security-headers.ts'
import { createServer, refuseWhenClosing } from './server.ts'
import { refuseUnknownRoutes } from './unknown-routes.ts'

export interface HttpAppOptions {
  readonly db: Database
  readonly ingest: Ingest
  readonly commands: CommandDesk
  readonly tokens: Tokens
  readonly keys: SigningKeys
  /** Whose administrators look after what concerns all organisations; `demo`, which the first start makes, when left out. */
  readonly platformOrg?: string | undefined
  readonly accounts: Accounts
  readonly shareLinks: ShareLinks
  /** A share link ends within so many days. */
  readonly shareMaxDays?: number | undefined
  /** Clock of the share links, milliseconds. */
  readonly now?: (() => number) | undefined
  /** What principals may do now. */
  readonly rights: CurrentRights
  readonly logger: Logger
  readonly registry: Registry
  readonly health: HealthCheck
  /** What event streams are made of. */
  readonly live: LiveMessages
  /** Who is connected over MQTT. */
  readonly connections: ConnectionDesk
  /** Of the platform, as told by `/health`, `/api/v1/config` and the OpenAPI document. */
  readonly version: string
  /** Origins besides our own whose pages may call the API, like `https://app.example`. */
  readonly allowedOrigins: readonly string[]
  /** The built dashboard; none is served without it. */
  readonly dashboardDirectory?: string | undefined
  /** Raster tile URL for the dashboard's map; its host is let into the page's security policy. */
  readonly mapTileUrl?: string | undefined
  /** Where MQTT over TCP listens, asked with each request because it is known later; null = it does not. */
  readonly mqttPort?: (() => number | null) | undefined
  /** Left out, nothing is limited. */
  readonly limits?: RequestLimits | undefined
  /** Addresses and ranges of proxies whose `X-Forwarded-*` is believed; none by default. */
  readonly trustedProxies?: readonly string[] | undefined
  /** The same of MQTT over TLS. */
  readonly mqttsPort?: (() => number | null) | undefined
  /** Ends every token of a device that was issued before a time. */
  readonly revokeDeviceTokens?: RevokeDeviceTokens | undefined
  /** Client certificates of devices. */
  readonly certificates: Certificates
  /** Whether `/osmand` takes a device at its word (its id) where no token is sent; not when left out. */
  readonly osmandByIdAlone?: boolean | undefined
  /** What is shared with OwnTracks apps that encrypt; their messages are refused without it. */
  readonly ownTracks?: OwnTracksSecret | undefined
  /** Largest file of a recorded track; 512 MiB when left out. */
  readonly maxTrackFileBytes?: number | undefined
  /** HTTPS when given. */
  readonly tls?: SecureContextOptions | undefined
}

/**
 * The HTTP API and the dashboard as a Fastify instance that is ready but does not listen; `close()` ends it.
 * WebSocket upgrades are not its business: attach them to `app.server`.
 */
export async function createHttpApp(options: HttpAppOptions): Promise<FastifyInstance> {
  const { mapTileUrl, tls } = options
  const dashboardDirectory = builtDashboard(options)
  const app = createServer(options)

  app.setErrorHandler(sendProblem)
  app.setValidatorCompiler(compileCheck)
  app.setSchemaErrorFormatter(([fault]) => fault as unknown as Error)
  // Response schemas describe; they must never drop what they do not know of, like a fence's further properties.
  app.setSerializerCompiler(() => value => JSON.stringify(value))
  readJsonBodies(app)
  refuseUnknownRoutes(app, (request, reply) =>
    dashboardDirectory !== undefined && isNavigation(request) ? sendDashboardPage(reply) : null,
  )

  recordRequests(app, options.registry)
  setSecurityHeaders(app, { secure: tls !== undefined })
  allowOrigins(app, options.allowedOrigins)
  refuseWhenClosing(app)
  guardRoutes(app, options.tokens, options.rights, limitRefused(options.limits))
  limitRequests(app, options.limits)

  await describeApi(app, options.version)
  const api = app as unknown as Api
  const cookies = createRefreshCookies({ secure: tls !== undefined, allowedOrigins: options.allowedOrigins })
  authRoutes(api, { ...options, cookies })
  loginCodeRoutes(api, options)
  adminAccessRoutes(api, options)
  ownAccountRoutes(api, options)
  userRoutes(api, options)
  groupRoutes(api, options)
  banRoutes(api, options)
  revocationRoutes(api, options)
  trackingRoutes(api, options)
  await osmandRoutes(app, options)
  await ownTracksRoutes(app, options)
  deviceRoutes(api, options)
  historyRoutes(api, options)
  tripRoutes(api, options)
  historyImportRoutes(api, options)
  deviceImportRoutes(api, options)
  claimRoutes(api, options)
  phoneSetupRoutes(api, options)
  unknownDeviceRoutes(api, options)
  deviceCertificateRoutes(api, options)
  trackerPinRoutes(api, options)
  deviceTokenRoutes(api, options)
  commandRoutes(api, options)
  clockRoutes(api, options)
  fenceRoutes(api, options)
  ruleRoutes(api, options)
  alertRoutes(api, options)
  replayRoutes(api, options)
  explainRoutes(api, options)
  sosRoutes(api, options)
  incidentRoutes(api, options)
  proximityRoutes(api, options)
  incidentSettingsRoutes(api, options)
  setAsideRoutes(api, options)
  streamRoutes(api, options)
  auditRoutes(api, options)
  connectionRoutes(api, options)
  keyRoutes(api, options)
  shareLinkRoutes(api, options)
  sharedRoutes(api, options)
  healthRoutes(api, options)
  configRoutes(api, options)
  errorReferenceRoutes(api)
  if (dashboardDirectory !== undefined)
    await serveDashboard(app, { directory: dashboardDirectory, mapTileUrl, secure: tls !== undefined })

  await app.ready()
  return app
}

/** A checkout without a built dashboard still has its API. */
function builtDashboard({ dashboardDirectory, logger }: HttpAppOptions): string | undefined {
  if (dashboardDirectory === undefined) return undefined
  if (existsSync(join(dashboardDirectory, 'index.html'))) return dashboardDirectory
  logger.warn('the dashboard is not built, so only the API is served; run "npm run build"')
  return undefined
}
