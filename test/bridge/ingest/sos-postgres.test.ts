import { sosSuite } from '../../suites/sos-suite.ts'
import { withPostgres } from '../../support/databases.ts'

sosSuite('PostgreSQL', withPostgres)
