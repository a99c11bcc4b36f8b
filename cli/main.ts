import { parseArgs } from 'node:util'
import { TrackwireError } from '../contract/index.ts'
import { type Command, UsageError } from './command.ts'
import { ConfigError } from './config.ts'
import { gatherEnvironment } from './environment.ts'
import { VERSION } from './version.ts'

interface CommandEntry {
  readonly name: string
  readonly summary: string
  /** Loaded when it is called: minting a token does not wait for the broker's code. */
  load(): Promise<Command>
}

const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'serve',
    summary: 'run the platform: MQTT, HTTP API, dashboard, geofence and SOS engine',
    load: async () => (await import('./commands/serve.ts')).serveCommand,
  },
  {
    name: 'demo',
    summary: 'the platform with a simulated fleet in a real city',
    load: async () => (await import('./commands/demo.ts')).demoCommand,
  },
  {
    name: 'token',
    summary: 'mint a token with the local signing key',
    load: async () => (await import('./commands/token.ts')).tokenCommand,
  },
  {
    name: 'device',
    summary: 'register devices, one with its token or many from a file, and list them',
    load: async () => (await import('./commands/device.ts')).deviceCommand,
  },
  {
    name: 'user',
    summary: 'accounts of people: add one, set a password, list them',
    load: async () => (await import('./commands/user.ts')).userCommand,
  },
  {
    name: 'keys',
    summary: 'list, rotate and retire the keys that sign tokens',
    load: async () => (await import('./commands/keys.ts')).keysCommand,
  },
  {
    name: 'sim',
    summary: 'simulate devices that behave like firmware, against any broker',
    load: async () => (await import('./commands/sim.ts')).simulatorCommand,
  },
  {
    name: 'import',
    summary: 'take a recorded track (GPX, KML, CSV, NMEA, GeoJSON) into the history of a device',
    load: async () => (await import('./commands/import.ts')).importCommand,
  },
  {
    name: 'replay',
    summary: 'run stored or recorded tracks through fences and rules: what would have been announced',
    load: async () => (await import('./commands/replay.ts')).replayCommand,
  },
  {
    name: 'explain',
    summary: 'why there was an alert of a device, or why there was none',
    load: async () => (await import('./commands/explain.ts')).explainCommand,
  },
  {
    name: 'access',
    summary: 'why somebody may publish or subscribe a topic, or may not',
    load: async () => (await import('./commands/access.ts')).accessCommand,
  },
  {
    name: 'migrate',
    summary: 'bring the database up to this version',
    load: async () => (await import('./commands/migrate.ts')).migrateCommand,
  },
  {
    name: 'backup',
    summary: 'copy the data of a stopped platform',
    load: async () => (await import('./commands/backup.ts')).backupCommand,
  },
  {
    name: 'doctor',
    summary: 'check the installation',
    load: async () => (await import('./commands/doctor.ts')).doctorCommand,
  },
]

const HELP = `Trackwire ${VERSION}: live GPS tracking around an MQTT broker.

Usage: trackwire <command> [options]

${COMMANDS.map(({ name, summary }) => `  ${name.padEnd(10)} ${summary}`).join('\n')}

Every command has --help. Settings are environment variables, a .env file in the current folder, or --config FILE;
"trackwire serve --help" lists them.
`

/** What the file system says when TRACKWIRE_DATA is no folder, or not ours. */
const UNWRITABLE: ReadonlySet<string> = new Set(['EEXIST', 'ENOTDIR', 'EACCES', 'EPERM', 'EROFS'])

/** Exit code of a run that a second signal stopped at once. */
const STOPPED_AT_ONCE = 130

process.exitCode = await main(process.argv.slice(2))

async function main([name, ...args]: string[]): Promise<number> {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(HELP)
    return name === undefined ? 2 : 0
  }
  if (name === '--version' || name === '-v') {
    process.stdout.write(`${VERSION}\n`)
    return 0
  }
  const entry = COMMANDS.find(known => known.name === name)
  if (entry === undefined) return fail(`there is no command "${name}"; see trackwire --help`, 2)
  const command = await entry.load()
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(command.help)
    return 0
  }
  try {
    const { config, rest } = takeConfigOption(args)
    const environment = gatherEnvironment(process.env, config)
    return await command.run(rest, {
      environment,
      stdin: process.stdin,
      stdout: process.stdout,
      stderr: process.stderr,
      signal: stopSignal(),
      onHangup: listener => void process.on('SIGHUP', listener),
    })
  } catch (error) {
    if (error instanceof UsageError || error instanceof ConfigError) return fail(error.message, 2)
    if (isParseArgsError(error)) return fail(`${error.message.split('\n')[0]} (see trackwire ${name} --help)`, 2)
    if (error instanceof TrackwireError) return fail(error.message, 1)
    return fail(describe(error), 1)
  }
}

/** `--config FILE` is every command's; the rest is the command's own. */
function takeConfigOption(args: string[]): { config: string | undefined; rest: string[] } {
  const at = args.findIndex(arg => arg === '--config' || arg.startsWith('--config='))
  if (at === -1) return { config: undefined, rest: args }
  const spans = args[at] === '--config' ? 2 : 1
  const { values } = parseArgs({ args: args.slice(at, at + spans), options: { config: { type: 'string' } } })
  return { config: values.config, rest: args.toSpliced(at, spans) }
}

function stopSignal(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(STOPPED_AT_ONCE)
      controller.abort(name)
    })
  }
  return controller.signal
}

function isParseArgsError(error: unknown): error is Error {
  return error instanceof TypeError && ((error as NodeJS.ErrnoException).code ?? '').startsWith('ERR_PARSE_ARGS')
}

function describe(error: unknown): string {
  const { code, port, address, path } = error as NodeJS.ErrnoException & { port?: number; address?: string }
  if (code === 'EADDRINUSE') return `port ${port} on ${address} is taken; choose another one or 0 for any free port`
  if (code === 'EACCES' && port !== undefined) return `port ${port} needs more rights; choose one above 1023`
  if (path !== undefined && code !== undefined && UNWRITABLE.has(code)) {
    return `${path} cannot be written (${code}); change its owner, or set TRACKWIRE_DATA to a folder of yours`
  }
  if (code === 'ENOSPC') return 'the disk is full; make room, or set TRACKWIRE_DATA to a folder on another one'
  if (code === 'EADDRNOTAVAIL') return `${address} is no address of this machine; check TRACKWIRE_HOST`
  if (code === 'ENOTFOUND') return `${(error as { hostname?: string }).hostname} has no address; check TRACKWIRE_HOST`
  return error instanceof Error ? error.message || String(error) : String(error)
}

function fail(message: string, exitCode: number): number {
  process.stderr.write(`trackwire: ${message}\n`)
  return exitCode
}
