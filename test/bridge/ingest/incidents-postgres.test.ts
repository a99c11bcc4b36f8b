import { incidentsSuite } from '../../suites/incidents-suite.ts'
import { withPostgres } from '../../support/databases.ts'

incidentsSuite('PostgreSQL', withPostgres)
