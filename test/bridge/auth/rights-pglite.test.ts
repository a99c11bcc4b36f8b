import { rightsSuite } from '../../suites/rights-suite.ts'
import { withPglite } from '../../support/databases.ts'

rightsSuite('PGlite', withPglite)
