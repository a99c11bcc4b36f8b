import { lostCausesSuite } from '../../suites/lost-causes-suite.ts'
import { withPglite } from '../../support/databases.ts'

lostCausesSuite('PGlite', withPglite)
