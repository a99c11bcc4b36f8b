import { PROTOCOLS } from '../bridge/index.ts'
import { bridgeFile } from './bridge-file.ts'
import {
  type IdentityProvider,
  jwksUrl,
  organisation,
  readIdentityProvider,
  roleMap,
  sharedSecret,
} from './identity-provider.ts'
import { LIMIT_SETTINGS, unknownLimits } from './limit-settings.ts'
import { ownTracksSecret } from './owntracks-secret.ts'
import {
  BadSetting,
  choice,
  integer,
  list,
  notServed,
  optional,
  path,
  port,
  type Setting,
  text,
  trackerListeners,
  url,
} from './settings.ts'
import { readTlsFiles, type TlsMaterial, type TlsPaths } from './tls/tls-files.ts'

const TRACKER_NAMES = [...PROTOCOLS.keys()]

/**
 * Every setting of the platform: its environment variable, its default, what it means. One table makes the checks, the
 * types and `trackwire serve --help`.
 */
export const SETTINGS = {
  dataDirectory: path('TRACKWIRE_DATA', './data', 'keys, embedded database, embedded broker store'),
  host: text('TRACKWIRE_HOST', '127.0.0.1', 'address all listeners bind to; 0.0.0.0 to open up'),
  mqttPort: port('TRACKWIRE_MQTT_PORT', '1883', 'MQTT over TCP; 0 = any free port, off = none'),
  mqttsPort: port('TRACKWIRE_MQTTS_PORT', 'off', 'MQTT over TLS (8883); needs the TLS pair'),
  tlsCert: optional(path('TRACKWIRE_TLS_CERT', '', 'PEM certificate chain; with the key, HTTP becomes HTTPS and WSS')),
  tlsKey: optional(path('TRACKWIRE_TLS_KEY', '', 'PEM private key')),
  tlsCa: optional(
    path('TRACKWIRE_TLS_CA', '', 'PEM certificates of who signs the client certificates of devices (MQTTS)'),
  ),
  tlsCrl: optional(
    path('TRACKWIRE_TLS_CRL', '', 'PEM list of revoked client certificates; renew it before its next update'),
  ),
  tlsClientCert: choice(
    'TRACKWIRE_TLS_CLIENT_CERT',
    'optional',
    'whether MQTTS refuses whoever has no client certificate',
    ['optional', 'required'],
  ),
  httpPort: port('TRACKWIRE_HTTP_PORT', '8080', 'HTTP API, dashboard, MQTT over WebSocket at /mqtt; 0, off'),
  databaseUrl: optional(url('DATABASE_URL', '', 'PostgreSQL 13+; embedded when unset', ['postgres:', 'postgresql:'])),
  jwksUrl: optional(jwksUrl('TRACKWIRE_JWKS_URL', 'key set of an outside identity provider; own tokens stay valid')),
  jwtIssuer: optional(text('TRACKWIRE_JWT_ISSUER', '', 'iss of its tokens, exactly; needed with a key set')),
  jwtAudience: optional(text('TRACKWIRE_JWT_AUDIENCE', '', 'what its tokens must bear in aud; none = not looked at')),
  jwtSecret: optional(sharedSecret('TRACKWIRE_JWT_SECRET', 'in place of a key set: HS256 tokens, at least 32 bytes')),
  jwtSubClaim: text('TRACKWIRE_JWT_SUB_CLAIM', 'sub', 'its claim that holds the user id'),
  jwtOrgClaim: text('TRACKWIRE_JWT_ORG_CLAIM', 'org', 'its claim that names the organisation'),
  jwtOrg: optional(
    organisation('TRACKWIRE_JWT_ORG', '', 'one organisation for all of its tokens, in place of a claim'),
  ),
  jwtRoleClaim: text('TRACKWIRE_JWT_ROLE_CLAIM', 'role', 'its claim with role names, like realm_access.roles'),
  jwtRoleMap: optional(
    roleMap('TRACKWIRE_JWT_ROLE_MAP', 'its roles and ours, first match counts: fleet-admin=admin,ops=dispatcher'),
  ),
  platformOrg: organisation('TRACKWIRE_PLATFORM_ORG', 'demo', 'whose administrators look after the signing keys'),
  allowedOrigins: list('TRACKWIRE_ALLOWED_ORIGINS', '', 'other origins for CORS and WebSocket, comma separated'),
  ...LIMIT_SETTINGS,
  deviceAdoption: choice(
    'TRACKWIRE_DEVICE_ADOPTION',
    'auto',
    'auto = a valid device token registers its device on first use; inbox = it waits for an administrator',
    ['auto', 'inbox'],
  ),
  retentionRawDays: integer('TRACKWIRE_RETENTION_RAW_DAYS', '30', 'days raw fixes are kept; 0 = for ever', 0, 36_500),
  shareMaxDays: integer('TRACKWIRE_SHARE_MAX_DAYS', '30', 'most days until a share link ends', 1, 3_650),
  trackers: trackerListeners(
    'TRACKWIRE_TRACKERS',
    `tracker listeners, like gt06:5023,teltonika:5027; ${TRACKER_NAMES.join(', ')}`,
    TRACKER_NAMES,
  ),
  trackerNetworks: list(
    'TRACKWIRE_TRACKERS_ALLOW',
    '',
    'addresses and networks (CIDR) that trackers may come from; none = all',
  ),
  trackerConnections: integer(
    'TRACKWIRE_TRACKERS_CONNECTIONS',
    '20000',
    'tracker connections at once, on all listeners together',
    1,
    1_000_000,
  ),
  trackerConnectionsPerAddress: integer(
    'TRACKWIRE_TRACKERS_CONNECTIONS_PER_ADDRESS',
    '2000',
    'tracker connections at once from one address; a carrier may bring a fleet from one',
    1,
    1_000_000,
  ),
  osmand: choice(
    'TRACKWIRE_OSMAND',
    'off',
    'on = /osmand takes positions without a token from any device that is registered, by its id alone',
    ['off', 'on'],
  ),
  osmandPort: port(
    'TRACKWIRE_OSMAND_PORT',
    'off',
    'the same on a port of its own (5055), always plain HTTP, for clients of Traccar; 0, off',
  ),
  ownTracksSecret: optional(
    ownTracksSecret(
      'TRACKWIRE_OWNTRACKS_SECRET',
      'secret of OwnTracks’ payload encryption, the same in all apps, at most 32 bytes; none = encrypted messages are refused',
    ),
  ),
  bridges: bridgeFile('TRACKWIRE_BRIDGES', 'JSON file of bridges to other MQTT brokers; see docs/guides/bridge.md'),
  homeAssistant: optional(
    organisation('TRACKWIRE_HOME_ASSISTANT', '', 'the organisation whose devices Home Assistant discovers; none = off'),
  ),
  mapTileUrl: optional(
    text('TRACKWIRE_MAP_TILES', '', 'raster tiles for the map, https://…/{z}/{x}/{y}.png; none = bundled basemap'),
  ),
  logLevel: choice('TRACKWIRE_LOG_LEVEL', 'info', 'least level that is logged', [
    'debug',
    'info',
    'warn',
    'error',
    'silent',
  ]),
  logFormat: choice('TRACKWIRE_LOG_FORMAT', 'auto', 'auto = readable in a terminal, JSON otherwise', [
    'auto',
    'pretty',
    'json',
  ]),
} as const satisfies Record<string, Setting<unknown>>

/** Settings of the contract that this version does not serve: a clear refusal beats silence. */
const NOT_SERVED: readonly Setting<undefined>[] = [
  notServed('REDIS_URL', 'several nodes are not served yet; unset it to run one node'),
]

type Values = {
  readonly [Key in keyof typeof SETTINGS]: (typeof SETTINGS)[Key] extends Setting<infer Value> ? Value : never
}
export type Config = Values & {
  readonly tls: (TlsMaterial & { readonly paths: TlsPaths }) | undefined
  readonly identityProvider: IdentityProvider | undefined
}
export type Environment = Readonly<Record<string, string | undefined>>

/** All that is wrong with the configuration, together. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(
      problems.length === 1
        ? problems[0]
        : `${problems.length} problems in the configuration:\n  ${problems.join('\n  ')}`,
    )
    this.problems = problems
  }
}

/**
 * Reads and checks the configuration.
 * @param environment variables as given; files are merged before
 * @throws ConfigError with every problem found
 */
export function readConfig(environment: Environment): Config {
  const problems: string[] = []
  const values: Record<string, unknown> = {}
  for (const [key, setting] of Object.entries(SETTINGS))
    values[key] = readSetting(setting as Setting<unknown>, environment, problems)
  for (const setting of NOT_SERVED) readSetting(setting as Setting<unknown>, environment, problems)
  problems.push(...unknownLimits(environment))
  const tls = readTls(values as Values, problems)
  const identityProvider = readIdentityProvider(values as Values, problems)
  problems.push(...contradictions(values as Values))
  if (problems.length > 0) throw new ConfigError(problems)
  return Object.freeze({ ...(values as Values), tls, identityProvider })
}

/** Variables that look like ours but are none: most often a slip of the pen. */
export function unknownVariables(environment: Environment): string[] {
  const known = new Set([...Object.values(SETTINGS), ...NOT_SERVED].map(({ name }) => name))
  return Object.keys(environment).filter(
    name =>
      name.startsWith('TRACKWIRE_') &&
      !known.has(name) &&
      !/^TRACKWIRE_(LIMITS_|TEST_|RETENTION_HOURLY_DAYS$)/.test(name),
  )
}

function readSetting<Value>(setting: Setting<Value>, environment: Environment, problems: string[]): Value | undefined {
  const given = environment[setting.name]?.trim()
  try {
    return setting.parse(given === undefined || given === '' ? setting.default : given)
  } catch (error) {
    if (!(error instanceof BadSetting)) throw error
    problems.push(`${setting.name}: ${error.message}`)
    return undefined
  }
}

function readTls({ tlsCert, tlsKey, tlsCa, tlsCrl }: Values, problems: string[]): Config['tls'] {
  if (tlsCert === undefined && tlsKey === undefined) return undefined
  if (tlsCert === undefined || tlsKey === undefined) {
    problems.push('TRACKWIRE_TLS_CERT and TRACKWIRE_TLS_KEY go together; set both or none')
    return undefined
  }
  const paths = { cert: tlsCert, key: tlsKey, ca: tlsCa, crl: tlsCrl }
  const material = readTlsFiles(paths, problems)
  return material === null ? undefined : { ...material, paths }
}

function contradictions(values: Values): string[] {
  const { mqttPort, mqttsPort, httpPort, osmandPort, tlsCert, tlsKey, tlsCa, tlsCrl, tlsClientCert } = values
  const found: string[] = []
  if (tlsCa !== undefined && mqttsPort === 'off')
    found.push('TRACKWIRE_TLS_CA is for MQTT over TLS alone; set TRACKWIRE_MQTTS_PORT, or unset it')
  if (tlsCa === undefined && tlsCrl !== undefined)
    found.push('TRACKWIRE_TLS_CRL needs TRACKWIRE_TLS_CA, which signed it')
  if (tlsCa === undefined && tlsClientCert === 'required')
    found.push('TRACKWIRE_TLS_CLIENT_CERT=required needs TRACKWIRE_TLS_CA; without it nobody could connect')
  if (mqttsPort !== 'off' && mqttsPort !== undefined && (tlsCert === undefined || tlsKey === undefined)) {
    found.push('TRACKWIRE_MQTTS_PORT needs TRACKWIRE_TLS_CERT and TRACKWIRE_TLS_KEY')
  }
  for (const { name, org } of values.bridges?.filter(bridge => bridge.homeAssistant) ?? []) {
    if (org !== values.homeAssistant)
      found.push(`TRACKWIRE_BRIDGES: bridge ${name}: homeAssistant needs TRACKWIRE_HOME_ASSISTANT=${org}`)
  }
  if (mqttPort === 'off' && mqttsPort === 'off' && httpPort === 'off')
    found.push('every port is off; there is nothing to serve')
  const named = Object.entries({
    TRACKWIRE_MQTT_PORT: mqttPort,
    TRACKWIRE_MQTTS_PORT: mqttsPort,
    TRACKWIRE_HTTP_PORT: httpPort,
    TRACKWIRE_OSMAND_PORT: osmandPort,
  })
  for (const [i, [name, value]] of named.entries()) {
    const twin = named.slice(i + 1).find(([, other]) => typeof value === 'number' && value > 0 && other === value)
    if (twin) found.push(`${name} and ${twin[0]} are both ${value}; give each its own port`)
  }
  return found
}
