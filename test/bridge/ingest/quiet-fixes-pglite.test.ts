import { quietFixesSuite } from '../../suites/quiet-fixes-suite.ts'
import { withPglite } from '../../support/databases.ts'

quietFixesSuite('PGlite', withPglite)
