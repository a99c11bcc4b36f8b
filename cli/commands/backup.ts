import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, rename, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { acquireDataFolder } from '../../bridge/index.ts'
import { type Command, UsageError } from '../command.ts'
import { type Environment, readConfig } from '../config.ts'

const run = promisify(execFile)

export const backupCommand: Command = {
  help: `Usage: trackwire backup --to FOLDER [--config FILE]

Copies all data of a stopped platform into a new FOLDER: signing keys, the broker's sessions and retained messages, and the
embedded database; with DATABASE_URL the database is dumped into FOLDER/database.sql by pg_dump, which has to be installed.

To restore, stop the platform and start it with TRACKWIRE_DATA=FOLDER (a copy of it); load database.sql with psql first.

  --to FOLDER      where to; it must not exist yet
  --config FILE    read settings from FILE
  --help           this text
`,
  async run(args, { environment, stdout }) {
    const { values } = parseArgs({ args, options: { to: { type: 'string' } } })
    if (values.to === undefined) throw new UsageError('backup needs --to FOLDER')
    const target = resolve(values.to)
    const { dataDirectory, databaseUrl } = readConfig(environment)
    if (existsSync(target)) throw new UsageError(`${target} exists already; name a new folder`)
    if (`${target}/`.startsWith(`${dataDirectory}/`))
      throw new UsageError(`${target} lies inside the data folder; name one outside`)
    if (!existsSync(dataDirectory)) throw new UsageError(`there is no data folder ${dataDirectory}; set TRACKWIRE_DATA`)
    const lock = await acquireDataFolder(dataDirectory, { pid: process.pid })
    const partial = `${target}.partial`
    try {
      // The lock is this process's own, and would lie in the copy as somebody else's.
      const isCopied = (path: string) =>
        path !== join(dataDirectory, 'lock') && path !== join(dataDirectory, 'lock.json')
      await cp(dataDirectory, partial, { recursive: true, preserveTimestamps: true, filter: isCopied })
      if (databaseUrl !== undefined) await dump(databaseUrl, join(partial, 'database.sql'), environment)
      await rename(partial, target)
    } finally {
      await rm(partial, { recursive: true, force: true })
      await lock.close()
    }
    stdout.write(`${target}\n`)
    return 0
  },
}

async function dump(databaseUrl: string, file: string, environment: Environment): Promise<void> {
  // Everybody on the machine sees the arguments of a process; the password goes by its environment.
  const url = new URL(databaseUrl)
  const PGPASSWORD = decodeURIComponent(url.password)
  url.password = ''
  const env = { ...environment, ...(PGPASSWORD === '' ? {} : { PGPASSWORD }) }
  try {
    await run('pg_dump', ['--no-owner', `--file=${file}`, `--dbname=${url.href}`], { env })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new Error(
        'pg_dump is not installed; install the PostgreSQL client programs (apt install postgresql-client)',
      )
    }
    throw new Error(
      `pg_dump failed: ${(error as { stderr?: string }).stderr?.trim().split('\n')[0] ?? (error as Error).message}`,
    )
  }
}
