import { incidentsSuite } from '../../suites/incidents-suite.ts'
import { withPglite } from '../../support/databases.ts'

incidentsSuite('PGlite', withPglite)
