import { eventTimeSuite } from '../../suites/event-time-suite.ts'
import { withPostgres } from '../../support/databases.ts'

eventTimeSuite('PostgreSQL', withPostgres)
