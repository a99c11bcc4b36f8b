import { openPglite } from '../../../bridge/store/database-pglite.ts'
import { migrate } from '../../../bridge/store/migrate.ts'
import { ingestSuite } from '../../suites/ingest-suite.ts'
import { silent, withPglite } from '../../support/databases.ts'

ingestSuite('PGlite in a folder', withPglite)

ingestSuite('PGlite in memory', async t => {
  const db = await openPglite(null, silent)
  t.after(() => db.close())
  await migrate(db)
  return db
})
