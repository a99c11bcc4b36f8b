// The database that a first start copies. initdb in WebAssembly and the migrations take seconds of processor time, so the build runs them,
// again only for another version of PGlite or other migrations. Of this installation it holds nothing: no row, no name, no secret.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { PGlite } from '@electric-sql/pglite'
import { pino } from 'pino'
import { migrate } from '../dist/bridge/store/migrate.js'
import { openDatabase } from '../dist/bridge/store/open-database.js'

const at = path => fileURLToPath(new URL(`../${path}`, import.meta.url))
const target = at('dist/bridge/store/empty-cluster')
const madeOf = `${target}.version`
const migrations = at('dist/bridge/store/migrations')
const { version } = JSON.parse(readFileSync(at('node_modules/@electric-sql/pglite/package.json'), 'utf8'))
const parts = createHash('sha256').update(version)
for (const name of readdirSync(migrations).sort()) parts.update(name).update(readFileSync(`${migrations}/${name}`))
const wanted = parts.digest('hex')

if (!existsSync(target) || !existsSync(madeOf) || readFileSync(madeOf, 'utf8') !== wanted) {
  const unfinished = `${target}.new`
  for (const path of [target, unfinished, madeOf]) rmSync(path, { recursive: true, force: true })
  const bare = await PGlite.create(target)
  await bare.close()
  const database = await openDatabase({ dataDirectory: unfinished, logger: pino() })
  await migrate(database)
  await database.close()
  rmSync(target, { recursive: true })
  renameSync(`${unfinished}/database`, target)
  rmSync(unfinished, { recursive: true })
  writeFileSync(madeOf, wanted)
}
