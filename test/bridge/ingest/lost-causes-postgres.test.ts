import { lostCausesSuite } from '../../suites/lost-causes-suite.ts'
import { withPostgres } from '../../support/databases.ts'

lostCausesSuite('PostgreSQL', withPostgres)
