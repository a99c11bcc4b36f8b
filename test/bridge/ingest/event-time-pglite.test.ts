import { eventTimeSuite } from '../../suites/event-time-suite.ts'
import { withPglite } from '../../support/databases.ts'

eventTimeSuite('PGlite', withPglite)
