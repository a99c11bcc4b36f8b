import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { chown, mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { pino } from 'pino'
import { type Database, migrate, openDatabase } from '../../bridge/index.ts'
import { type TestScope, temporaryFolder } from './scope.ts'

export const silent = pino({ level: 'silent' })

/** The embedded database, migrated, in a folder of its own; closed after the test. */
export async function withPglite(t: TestScope): Promise<Database> {
  const db = await openDatabase({ dataDirectory: await temporaryFolder(t), logger: silent })
  t.after(() => db.close())
  await migrate(db)
  return db
}

/** A fresh, migrated database on a PostgreSQL server; undefined, and the test skipped, when there is no server to be had. */
export async function withPostgres(t: TestScope): Promise<Database | undefined> {
  const url = await withPostgresUrl(t)
  if (url === undefined) return undefined
  const db = await openDatabase({ url, dataDirectory: '', logger: silent })
  t.after(() => db.close())
  await migrate(db)
  return db
}

/** The address of a fresh, empty database on a PostgreSQL server; undefined, and the test skipped, when there is none. */
export async function withPostgresUrl(t: TestScope): Promise<string | undefined> {
  const server = await sharedServer()
  if (server === undefined) {
    t.skip?.('no PostgreSQL: set TRACKWIRE_TEST_POSTGRES_URL, or install its server programs (initdb, postgres)')
    return undefined
  }
  const name = `trackwire_test_${process.pid}_${++databases}`
  await administer(server, `create database ${name}`)
  t.after(() => administer(server, `drop database if exists ${name} with (force)`).catch(() => {}))
  const url = new URL(server)
  url.pathname = `/${name}`
  return url.href
}

let databases = 0
let shared: Promise<string | undefined> | undefined

/** One server per test process, started when the first test asks for it. */
function sharedServer(): Promise<string | undefined> {
  const given = process.env.TRACKWIRE_TEST_POSTGRES_URL
  shared ??= given !== undefined && given !== '' ? Promise.resolve(given) : startSharedServer()
  return shared
}

async function startSharedServer(): Promise<string | undefined> {
  const programs = findPrograms()
  if (programs === undefined) return undefined
  const cluster = await createCluster(programs, { outlivesTests: true })
  await cluster.start()
  return cluster.url
}

async function administer(server: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: server })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}

/** A PostgreSQL server of a test's own, to be stopped and started at will. */
export interface Cluster {
  readonly url: string
  start(): Promise<void>
  /** At once, as a crash would: connections break. */
  stop(): Promise<void>
}

/** A private server for one test; undefined, and the test skipped, when its programs are not installed. */
export async function withCluster(t: TestScope): Promise<Cluster | undefined> {
  const programs = findPrograms()
  if (programs === undefined) {
    t.skip?.('no PostgreSQL server programs (initdb, postgres) to stop and start')
    return undefined
  }
  const cluster = await createCluster(programs, { outlivesTests: false })
  t.after(() => cluster.remove())
  await cluster.start()
  return cluster
}

/** The folder that holds `initdb` and `postgres`. */
function findPrograms(): string | undefined {
  const debian = '/usr/lib/postgresql'
  const installed = existsSync(debian)
    ? readdirSync(debian)
        .sort((a, b) => Number(b) - Number(a))
        .map(version => join(debian, version, 'bin'))
    : []
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...installed]
  return folders.find(folder => ['initdb', 'postgres'].every(program => existsSync(join(folder, program))))
}

/** PostgreSQL refuses to run as root: then it runs as its own user. */
function serverUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const { uid, gid } = statSync('/var/lib/postgresql')
  return { uid, gid }
}

/** @param outlivesTests no test ends last for certain, so the server and its folder go with the process */
async function createCluster(programs: string, { outlivesTests }: { outlivesTests: boolean }) {
  const folder = await mkdtemp(join(tmpdir(), 'trackwire-postgres-'))
  const user = serverUser()
  if (user !== undefined) await chown(folder, user.uid, user.gid)
  const options = { ...user, cwd: folder, stdio: 'ignore' as const }
  const initdb = ['-D', folder, '-U', 'trackwire', '-A', 'trust', '-E', 'UTF8', '--locale=C', '-N']
  await exited(spawn(join(programs, 'initdb'), initdb, options), 'initdb')
  const port = await freePort()
  const url = `postgres://trackwire@127.0.0.1:${port}/postgres`
  let server: ChildProcess | undefined

  async function stop(): Promise<void> {
    const running = server
    server = undefined
    if (running === undefined || running.exitCode !== null) return
    const gone = new Promise<void>(resolve => running.once('exit', () => resolve()))
    running.stdin!.end()
    await gone
  }

  return {
    url,
    async start(): Promise<void> {
      const settings = ['fsync=off', 'unix_socket_directories=', 'listen_addresses=127.0.0.1', 'shared_buffers=32MB']
      const args = ['-D', folder, '-p', String(port), ...settings.flatMap(setting => ['-c', setting])]
      server = spawn('sh', ['-c', UNTIL_STDIN_ENDS, outlivesTests ? folder : '', join(programs, 'postgres'), ...args], {
        ...options,
        stdio: ['pipe', 'ignore', 'ignore'],
      })
      await untilAnswering(url)
      if (!outlivesTests) return
      server.unref()
      ;(server.stdin as Socket).unref()
    },
    stop,
    async remove(): Promise<void> {
      await stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/**
 * Runs a server for as long as our end of its standard input is open, so it ends with this process however that ends.
 * SIGQUIT is PostgreSQL's immediate shutdown: no goodbye to the clients, recovery at the next start, as after a crash.
 */
const UNTIL_STDIN_ENDS = '"$@" & server=$!; read -r _; kill -QUIT $server; wait $server; [ -z "$0" ] || rm -rf "$0"'

const START_WITHIN_MS = 30_000

async function untilAnswering(url: string): Promise<void> {
  const deadline = Date.now() + START_WITHIN_MS
  for (;;) {
    try {
      await administer(url, 'select 1')
      return
    } catch (error) {
      if (Date.now() > deadline) throw error
      // There is no event for "accepts connections": ask again.
      await delay(50)
    }
  }
}

function exited(child: ChildProcess, what: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', code => (code === 0 ? resolve() : reject(new Error(`${what} ended with exit code ${code}`))))
  })
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
