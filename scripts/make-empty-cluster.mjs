// The database that a first start copies: initdb in WebAssembly takes seconds, so the build does it, again only for another version of PGlite.
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { PGlite } from '@electric-sql/pglite'

const at = path => fileURLToPath(new URL(`../${path}`, import.meta.url))
const target = at('dist/bridge/store/empty-cluster')
const madeBy = `${target}.version`
const { version } = JSON.parse(readFileSync(at('node_modules/@electric-sql/pglite/package.json'), 'utf8'))

if (!existsSync(target) || !existsSync(madeBy) || readFileSync(madeBy, 'utf8') !== version) {
  const unfinished = `${target}.new`
  for (const path of [target, unfinished, madeBy]) rmSync(path, { recursive: true, force: true })
  const database = await PGlite.create(unfinished)
  await database.close()
  renameSync(unfinished, target)
  writeFileSync(madeBy, version)
}
