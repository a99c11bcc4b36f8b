import { parseArgs } from 'node:util'
import { acquireDataFolder, migrate, openDatabase } from '../../bridge/index.ts'
import type { Command } from '../command.ts'
import { readConfig } from '../config.ts'
import { createLogger } from '../logger.ts'

export const migrateCommand: Command = {
  help: `Usage: trackwire migrate [--config FILE]

Brings the database (DATABASE_URL, or the embedded one in TRACKWIRE_DATA) up to this version and says what it did.
"trackwire serve" does the same when it starts. Safe to run twice, and beside a running platform on a database server.
`,
  async run(args, { environment, stdout }) {
    parseArgs({ args, options: {} })
    const config = readConfig(environment)
    const { databaseUrl, dataDirectory } = config
    const lock = databaseUrl === undefined ? await acquireDataFolder(dataDirectory, { pid: process.pid }) : undefined
    try {
      const db = await openDatabase({
        ...(databaseUrl ? { url: databaseUrl } : {}),
        dataDirectory,
        logger: createLogger(config),
      })
      try {
        const done = await migrate(db)
        stdout.write(
          done.length === 0 ? 'nothing to do: the database is up to date\n' : `applied: ${done.join(', ')}\n`,
        )
      } finally {
        await db.close()
      }
    } finally {
      await lock?.close()
    }
    return 0
  },
}
