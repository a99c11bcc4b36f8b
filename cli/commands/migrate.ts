import { parseArgs } from 'node:util'
import { migrate } from '../../bridge/index.ts'
import type { Command } from '../command.ts'
import { readConfig } from '../config.ts'
import { createLogger } from '../logger.ts'
import { withDatabase } from '../with-database.ts'

export const migrateCommand: Command = {
  help: `Usage: trackwire migrate [--config FILE]

Brings the database (DATABASE_URL, or the embedded one in TRACKWIRE_DATA) up to this version and says what it did.
"trackwire serve" does the same when it starts. Safe to run twice, and beside a running platform on a database server.
`,
  async run(args, { environment, stdout }) {
    parseArgs({ args, options: {} })
    const config = readConfig(environment)
    const done = await withDatabase(config, createLogger(config), migrate)
    stdout.write(done.length === 0 ? 'nothing to do: the database is up to date\n' : `applied: ${done.join(', ')}\n`)
    return 0
  },
}
