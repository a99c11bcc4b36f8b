import { constants } from 'node:fs'
import { access, mkdir } from 'node:fs/promises'
import { createServer } from 'node:net'
import { parseArgs } from 'node:util'
import { checkBridge, openDatabase, openSigningKeys, readLock, reasonOf } from '../../bridge/index.ts'
import type { Command } from '../command.ts'
import { type Config, ConfigError, readConfig } from '../config.ts'
import { createLogger } from '../logger.ts'
import { mostOpenFiles, tooFewOpenFiles } from '../open-files.ts'
import { checkChain } from '../tls/tls-files.ts'

interface Check {
  readonly name: string
  /** Resolves with what it found; rejects with a sentence on how to mend it. */
  run(config: Config): Promise<string>
}

/** Node versions the platform runs on: ^20.19 || >=22.12. */
const MIN_NODE = { 20: 19, 22: 12 } as Readonly<Record<number, number>>

const CHECKS: readonly Check[] = [
  { name: 'Node.js', run: async () => checkNode(process.versions.node) },
  { name: 'open files', run: async () => checkOpenFiles() },
  { name: 'data folder', run: checkDataFolder },
  {
    name: 'signing key',
    run: async ({ dataDirectory }) => `${(await openSigningKeys(dataDirectory)).jwks().keys.length} key(s)`,
  },
  { name: 'database', run: checkDatabase },
  {
    name: 'MQTT port',
    run: ({ host, mqttPort, dataDirectory }) => checkPort(host, mqttPort, dataDirectory, 'TRACKWIRE_MQTT_PORT'),
  },
  { name: 'TLS', run: async ({ tls }) => (tls === undefined ? 'off' : checkChain(tls, Date.now())) },
  {
    name: 'HTTP port',
    run: ({ host, httpPort, dataDirectory }) => checkPort(host, httpPort, dataDirectory, 'TRACKWIRE_HTTP_PORT'),
  },
]

export const doctorCommand: Command = {
  help: `Usage: trackwire doctor [--config FILE]

Checks the installation and says, for each failure, how to mend it. Exit code 0 when all is well, 1 otherwise.
`,
  async run(args, { environment, stdout }) {
    parseArgs({ args, options: {} })
    let config: Config
    try {
      config = readConfig(environment)
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      for (const problem of error.problems) stdout.write(`FAIL  configuration  ${problem}\n`)
      return 1
    }
    let failed = 0
    for (const { name, run } of [...CHECKS, ...bridgeChecks(config)]) {
      try {
        stdout.write(`ok    ${name.padEnd(13)}  ${await run(config)}\n`)
      } catch (error) {
        failed += 1
        stdout.write(`FAIL  ${name.padEnd(13)}  ${(error as Error).message}\n`)
      }
    }
    return failed === 0 ? 0 : 1
  },
}

/** Each other broker: whether it can be reached, and lets us in. */
function bridgeChecks({ bridges }: Config): Check[] {
  return bridges.map(bridge => ({
    name: `bridge ${bridge.name}`,
    run: async () => {
      const { host } = new URL(bridge.url)
      try {
        await checkBridge(bridge)
      } catch (error) {
        throw new Error(`${host} does not let us in (${reasonOf(error as Error)}): ${remedyOf(error)}`)
      }
      return `${host}, connected`
    },
  }))
}

function remedyOf(error: unknown): string {
  const { code } = error as { code?: unknown }
  // CONNACK: protocol version; user name, password or rights, of MQTT 3.1.1 and of 5.
  if (code === 1 || code === 132) return 'set "protocol" to what it speaks'
  if ([4, 5, 134, 135].includes(code as number)) return 'look at username and passwordFile'
  if (code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'look at url, and whether it runs'
  return 'look at url, tls and what it logs'
}

function checkNode(version: string): string {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const least = MIN_NODE[major]
  if (major < 20 || (least !== undefined && minor < least))
    throw new Error(`Node ${version} is too old: install 20.19 or later, 22.12 or later`)
  return version
}

/** A low limit is no fault of a small installation: it is said, and that is all. */
function checkOpenFiles(): string {
  return tooFewOpenFiles() ?? String(mostOpenFiles() ?? 'not known on this system')
}

async function checkDataFolder({ dataDirectory }: Config): Promise<string> {
  try {
    await mkdir(dataDirectory, { recursive: true, mode: 0o700 })
    await access(dataDirectory, constants.R_OK | constants.W_OK)
  } catch (error) {
    throw new Error(
      `${dataDirectory} cannot be written (${(error as NodeJS.ErrnoException).code}): change its owner or set TRACKWIRE_DATA`,
    )
  }
  const holder = await readLock(dataDirectory)
  return holder === null ? `${dataDirectory}, free` : `${dataDirectory}, in use by process ${holder.pid}`
}

async function checkDatabase({ databaseUrl, dataDirectory, logFormat }: Config): Promise<string> {
  if (databaseUrl === undefined)
    return (await readLock(dataDirectory)) === null ? 'embedded' : 'embedded, open in the running platform'
  const db = await openDatabase({
    url: databaseUrl,
    dataDirectory,
    logger: createLogger({ logLevel: 'silent', logFormat }),
  })
  try {
    const [row] = await db.query<{ server_version: string }>('show server_version')
    return `PostgreSQL ${row?.server_version}`
  } finally {
    await db.close()
  }
}

async function checkPort(
  host: string,
  port: Config['mqttPort'],
  dataDirectory: string,
  variable: string,
): Promise<string> {
  if (port === 'off' || port === 0) return String(port)
  if ((await readLock(dataDirectory)) !== null) return `${port}, the platform is running`
  const server = createServer()
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen({ host, port }, resolve)
    })
    return `${port}, free`
  } catch (error) {
    throw new Error(
      `${host}:${port} cannot be opened (${(error as NodeJS.ErrnoException).code}): stop what uses it or set ${variable}`,
    )
  } finally {
    server.close()
  }
}
