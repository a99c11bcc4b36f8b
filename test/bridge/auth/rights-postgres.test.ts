import { rightsSuite } from '../../suites/rights-suite.ts'
import { withPostgres } from '../../support/databases.ts'

rightsSuite('PostgreSQL', withPostgres)
