import { openPglite } from '../../../bridge/store/database-pglite.ts'
import { migrate } from '../../../bridge/store/migrate.ts'
import { deviceTimersSuite } from '../../suites/device-timers-suite.ts'
import { silent } from '../../support/databases.ts'

deviceTimersSuite('PGlite in memory', async t => {
  const db = await openPglite(null, silent)
  t.after(() => db.close())
  await migrate(db)
  return db
})
