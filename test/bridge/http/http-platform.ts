import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import pino from 'pino'
import { Registry } from 'prom-client'
import {
  Certificates,
  CommandDesk,
  type CommandSender,
  createAccounts,
  createHttpApp,
  createShareLinks,
  createTokens,
  type HttpAppOptions,
  type Ingest,
  openDatabase,
  openSigningKeys,
  Rights,
  startIngest,
  type Tokens,
} from '../../../bridge/index.ts'
import type { Database } from '../../../bridge/store/database.ts'
import { migrate } from '../../../bridge/store/migrate.ts'
import type { Acl, Role } from '../../../contract/index.ts'

export interface Caller {
  readonly role: Role
  readonly sub?: string
  readonly org?: string
  readonly devices?: string[]
  readonly acl?: Acl
}

export interface Answer {
  readonly status: number
  readonly headers: LightMyRequestResponse['headers']
  /** The parsed body where it is JSON, else its text. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came back
  readonly body: any
}

/** The real application over a real embedded database and the real ingest; nothing listens. */
export interface HttpPlatform {
  readonly app: FastifyInstance
  readonly db: Database
  readonly ingest: Ingest
  readonly commands: CommandDesk
  readonly tokens: Tokens
  readonly rights: Rights
  readonly log: string[]
  token(caller: Caller): Promise<string>
  /** One request. A `caller` brings its token; an object as `body` is sent as JSON. */
  call(
    method: string,
    url: string,
    options?: { caller?: Caller; body?: unknown; headers?: Record<string, string>; token?: string },
  ): Promise<Answer>
  close(): Promise<void>
}

export interface HttpPlatformOptions extends Partial<HttpAppOptions> {
  /** How devices are reached with commands; none is when left out. */
  readonly senders?: readonly CommandSender[]
}

/** @param databaseUrl of a fresh, empty database on a PostgreSQL server; the embedded one in memory when left out */
export async function startHttpPlatform(
  options: HttpPlatformOptions = {},
  databaseUrl?: string,
): Promise<HttpPlatform> {
  const releases: (() => Promise<unknown>)[] = []
  const close = async () => {
    for (const release of releases.splice(0).reverse()) await release()
  }
  try {
    return await start(options, databaseUrl, releases, close)
  } catch (error) {
    await close()
    throw error
  }
}

async function start(
  { senders = [], ...options }: HttpPlatformOptions,
  databaseUrl: string | undefined,
  releases: (() => Promise<unknown>)[],
  close: () => Promise<void>,
): Promise<HttpPlatform> {
  const log: string[] = []
  const startedAtMs = Date.now()
  const logger = pino({ level: 'info' }, { write: line => void log.push(line) })
  const folder = await mkdtemp(join(tmpdir(), 'trackwire-http-'))
  releases.push(() => rm(folder, { recursive: true, force: true }))
  const db = await openDatabase({ url: databaseUrl, dataDirectory: folder, logger })
  releases.push(() => db.close())
  await migrate(db)
  const keys = await openSigningKeys(folder)
  const clock = options.now === undefined ? {} : { now: options.now }
  const tokens = createTokens(keys, clock)
  const registry = new Registry()
  const ingest = await startIngest({ db, logger, registry, retentionRawDays: 0 })
  releases.push(() => ingest.close())
  await ingest.announce(async () => {})
  const shareLinks = createShareLinks(db, { logger, ...clock })
  releases.push(() => shareLinks.close())
  const certificates = await Certificates.open({ db, logger })
  releases.push(() => certificates.close())
  const rights = await Rights.open({ db, keys, logger })
  releases.push(() => rights.close())
  const commands = new CommandDesk({
    db,
    logger,
    registry,
    senders,
    deviceExists: (org, deviceId) => ingest.deviceExists(org, deviceId),
    ...clock,
  })
  releases.push(() => commands.close())
  await commands.start()
  const app = await createHttpApp({
    db,
    commands,
    certificates,
    ingest,
    tokens,
    keys,
    shareLinks,
    // A clock that stands still: how long a machine takes to hash a password decides nothing.
    accounts: createAccounts(db, { now: () => startedAtMs, rightsChanged: () => rights.refresh() }),
    rights,
    logger,
    registry,
    live: { observe: () => () => {}, retained: () => [] },
    health: async () => ({ database: { ok: true }, broker: { ok: true, connections: 3 } }),
    connections: NOBODY_CONNECTED,
    version: '0.0.0-test',
    allowedOrigins: ['https://app.example'],
    ...options,
  })
  releases.push(() => app.close())

  const token = ({ role, sub = `${role}-1`, org = 'demo', devices, acl }: Caller) =>
    tokens.mint({ role, sub, org, devices, acl, ttlSeconds: 600 })

  return {
    app,
    db,
    ingest,
    commands,
    tokens,
    rights,
    log,
    token,
    close,
    async call(method, url, { caller, body, headers = {}, token: given } = {}) {
      const bearer = given ?? (caller === undefined ? undefined : await token(caller))
      const isText = typeof body === 'string' || Buffer.isBuffer(body)
      const response = await app.inject({
        method: method as NonNullable<InjectOptions['method']>,
        url,
        headers: {
          ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { payload: isText ? (body as string) : JSON.stringify(body) }),
      })
      const isJson = /json/.test(String(response.headers['content-type'])) && response.body !== ''
      return { status: response.statusCode, headers: response.headers, body: isJson ? response.json() : response.body }
    },
  }
}

const NOBODY_CONNECTED: HttpAppOptions['connections'] = {
  list: () => [],
  find: () => undefined,
  disconnect: () => false,
  disconnectPrincipal: () => 0,
}

export const ADMIN: Caller = { role: 'admin' }
export const DISPATCHER: Caller = { role: 'dispatcher' }
export const GATEWAY: Caller = { role: 'service' }

export function fixAt(timestamp: number, lat = 41.15, lng = -8.61): Record<string, unknown> & { timestamp: number } {
  return { timestamp, location: { lat, lng } }
}

/** A square of `half` degrees to each side around a position. */
export function square(id: string | undefined, lng: number, lat: number, half = 0.01): Record<string, unknown> {
  const ring = [
    [lng - half, lat - half],
    [lng + half, lat - half],
    [lng + half, lat + half],
    [lng - half, lat + half],
    [lng - half, lat - half],
  ]
  return {
    type: 'Feature',
    ...(id !== undefined && { id }),
    geometry: { type: 'Polygon', coordinates: [ring] },
    properties: { name: `Square ${id ?? ''}` },
  }
}
