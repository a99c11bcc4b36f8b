import { quietFixesSuite } from '../../suites/quiet-fixes-suite.ts'
import { withPostgres } from '../../support/databases.ts'

quietFixesSuite('PostgreSQL', withPostgres)
